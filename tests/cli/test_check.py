from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.data.files import read_table
from driftmeter.profile.profile import Profile
from tests.support import orders

Write = Callable[[Path, list[dict[str, Any]]], Path]
FILES = [(orders.write_csv, "csv"), (orders.write_parquet, "parquet")]


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("profile")
    reference = read_table(orders.write_parquet(folder / "reference.parquet", orders.orders(3000, seed=1)))
    made = Profile.fit(reference, model="shop", prediction="score", label="bezahlt", time="bestellt")
    made.dump(folder / "profile.json")
    return folder / "profile.json"


@pytest.mark.parametrize(("write", "ending"), FILES)
def test_no_drift_is_0_and_drift_is_1(profile: Path, tmp_path: Path, write: Write, ending: str) -> None:
    same = write(tmp_path / f"same.{ending}", orders.orders(1500, seed=2))
    taller = write(tmp_path / f"taller.{ending}", orders.orders(1500, seed=3, taller=15))
    result = run(profile, same)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "shop: ok, 1,500 rows, 0 of 6 features drift"
    result = run(profile, taller)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "shop: drifting, 1,500 rows, 1 of 6 features drift"
    assert result.stdout.splitlines()[1].split()[:4] == ["größe", "feature", "drifting", "major"]
    (told,) = [line for line in result.stdout.splitlines() if line.startswith("größe: ")]
    assert told.startswith("größe: Is shifted by about +15: rose from ")
    assert told.endswith(" standard deviations), over 1,500 rows.")
    assert result.stderr == ""


def test_what_is_to_blame_comes_before_what_follows_it(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)

    def rows(number: int, factor: float) -> pl.DataFrame:
        cause = chance.normal(size=number)
        return pl.DataFrame({"a": cause + 0.5 * chance.normal(size=number), "cause": factor * cause + 10})

    Profile.fit(rows(3000, 1), model="m", independent=True).dump(tmp_path / "profile.json")
    rows(1500, 4).write_csv(tmp_path / "wrong.csv")
    lines = run(
        tmp_path / "profile.json", tmp_path / "wrong.csv", "--html", tmp_path / "report.html"
    ).stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[1:4]] == ["cause", "cause given the rest", "a given the rest"]
    assert any(line.startswith("a given the rest, follows cause: ") for line in lines)
    assert lines[-2].startswith("cause is spread out by ×4 about ")
    assert lines[-2].endswith("; a given the rest follows.")
    html = (tmp_path / "report.html").read_text("utf-8")
    assert "; a given the rest follows.</p>" in html
    assert "<small>follows cause</small>" in html


@pytest.mark.parametrize(("fail_from", "code"), [("slight", 1), ("minor", 0), ("major", 0)])
def test_drift_may_be_asked_to_be_worse_before_it_is_1(
    profile: Path, tmp_path: Path, fail_from: str, code: int
) -> None:
    file = orders.write_csv(tmp_path / "o.csv", orders.orders(1500, seed=3, taller=2.5))
    result = run(profile, file, "--fail-from", fail_from)
    assert result.stdout.splitlines()[1].split()[:4] == ["größe", "feature", "drifting", "slight"]
    assert result.exit_code == code


def test_json_is_one_object_and_nothing_else(profile: Path, tmp_path: Path) -> None:
    rows = orders.orders(1500, seed=3, taller=15)
    rows[7]["größe"] = "n.v."
    result = run(profile, orders.write_csv(tmp_path / "o.csv", rows), "--json")
    assert result.exit_code == 1
    assert result.stdout.count("\n") == 1
    content = json.loads(result.stdout)
    assert (content["model"], content["state"], content["rows"]) == ("shop", "drifting", 1500)
    assert [feature["feature"] for feature in content["features"] if feature["drifting"]] == ["größe"]
    assert content["unreadable"] == {
        "values": 1,
        "columns": {"größe": 1},
        "first": [{"row": 7, "field": "größe", "expected": "a number", "got": "text ('n.v.')"}],
    }


def test_quiet_prints_nothing(profile: Path, tmp_path: Path) -> None:
    file = orders.write_csv(tmp_path / "o.csv", orders.orders(1500, seed=3, taller=15))
    result = run(profile, file, "-q", "--json")
    assert (result.exit_code, result.output) == (1, "")


def test_html_is_written_besides(profile: Path, tmp_path: Path) -> None:
    file = orders.write_csv(tmp_path / "o.csv", orders.orders(500, seed=3))
    page = tmp_path / "report.html"
    assert run(profile, file, "--html", page, "--json").exit_code == 0
    assert "<h1>shop: ok</h1><p>500 rows</p>" in page.read_text(encoding="utf-8")


def test_leading_zeros_and_bad_cells_of_a_csv_file_are_told_apart(profile: Path, tmp_path: Path) -> None:
    rows = orders.orders(1500, seed=4)
    rows[10]["größe"], rows[20]["größe"] = "groß", "1_0"
    result = run(profile, orders.write_csv(tmp_path / "o.csv", rows))
    assert result.exit_code == 0
    assert (
        "Column 'größe': 2 of 1,500 values (0.1 %) cannot be read, such as text ('groß') in row 10, "
        "text ('1_0') in row 20." in result.stdout
    )


@pytest.mark.parametrize("word", ["unknown", "n.v.", "1_000"])
@pytest.mark.parametrize(("share", "quiet"), [(0.05, []), (0.4, []), (0.96, ["-q"]), (1.0, ["-q"])])
def test_values_that_cannot_be_read_are_drift(
    profile: Path, tmp_path: Path, word: str, share: float, quiet: list[str]
) -> None:
    rows = orders.orders(1500, seed=2)
    for row in range(int(share * 1500)):
        rows[row]["größe"] = word
    file = orders.write_csv(tmp_path / "o.csv", rows)
    assert run(profile, file, *quiet).exit_code == 1
    features = json.loads(run(profile, file, "--json").stdout)["features"]
    (drifting,) = [feature for feature in features if feature["drifting"]]
    # of 5 % of 1,500 rows it is not sure that they are 5 %
    assert (drifting["feature"], drifting["severity"]) == ("größe", "minor" if share == 0.05 else "major")
    assert drifting["rates"]["unreadable"] == {"reference": 0.0, "window": share}


def test_too_few_rows_are_not_judged_and_said(profile: Path, tmp_path: Path) -> None:
    file = orders.write_csv(tmp_path / "o.csv", orders.orders(150, seed=3, taller=15))
    result = run(profile, file)
    assert result.exit_code == 0
    assert "150 rows are too few to judge." in result.stdout
    assert result.stdout.splitlines()[-1] == "shop: insufficient, 150 rows, not judged"
    assert run(profile, file, "--min-rows", "100").exit_code == 1


def test_what_counts_as_drift_can_be_set(profile: Path, tmp_path: Path) -> None:
    file = orders.write_csv(tmp_path / "o.csv", orders.orders(1500, seed=3, taller=15))
    assert run(profile, file, "--tolerance", "9").exit_code == 0
    assert run(profile, file, "--false-discovery-rate", "1").exit_code == 2


def test_a_column_that_is_absent_is_said(profile: Path, tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "ville"} for row in orders.orders(1500, seed=2)]
    result = run(profile, orders.write_csv(tmp_path / "o.csv", rows))
    assert "Column 'ville' is not in the data: all its values count as missing." in result.stdout
    assert result.exit_code == 1


def test_a_column_without_a_name_that_the_profile_does_not_know_is_told_of(profile: Path, tmp_path: Path) -> None:
    rows = [{"": row, **cells} for row, cells in enumerate(orders.orders(1500, seed=2))]
    result = run(profile, orders.write_csv(tmp_path / "o.csv", rows))
    assert "The profile does not know these columns: one without a name." in result.stdout


def test_many_notes_are_cut(profile: Path, tmp_path: Path) -> None:
    row = {"größe": 170.0, **{f"extra {number}": 1 for number in range(20)}}
    result = run(profile, orders.write_csv(tmp_path / "o.csv", [row] * 300))
    assert "and 12 more" in result.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "expected a profile as JSON"),
        (b"\xff\xfe", "expected a profile"),
        (b"[]", "expected a profile"),
        (b'{"format": "driftmeter-profile", "version": 99}', "version 99"),
        (
            b'{"format": "driftmeter-profile", "version": 1}',
            "expected a profile of version 3, got version 1: make it anew",
        ),
        (b'{"format": "driftmeter-profile", "version": 3}', "damaged"),
        (None, "No such file or directory"),
    ],
)
def test_a_profile_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "p.json"
    if content is not None:
        file.write_bytes(content)
    result = run(file, orders.write_csv(tmp_path / "o.csv", orders.orders(10, seed=1)))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "p.json" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_altered_profile_is_refused(profile: Path, tmp_path: Path) -> None:
    altered = tmp_path / "p.json"
    altered.write_bytes(profile.read_bytes().replace(b'"rows":3000', b'"rows":3001'))
    result = run(altered, orders.write_csv(tmp_path / "o.csv", orders.orders(10, seed=1)))
    assert result.exit_code == 2
    assert "altered" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("größe\n", "expected rows below the header, got none"),
        ("other\n1\n", "expected columns of the profile (größe"),
    ],
)
def test_data_of_which_nothing_can_be_judged_is_an_error(
    profile: Path, tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "o.csv"
    file.write_text(text, encoding="utf-8")
    result = run(profile, file, "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_markdown_and_junit_are_written_besides(profile: Path, tmp_path: Path) -> None:
    file = orders.write_csv(tmp_path / "o.csv", orders.orders(1500, seed=3, taller=15))
    result = run(profile, file, "--md", tmp_path / "o.md", "--junit", tmp_path / "o.xml")
    assert result.exit_code == 1
    assert "- **größe** (major): Is shifted by about +15: rose from " in (tmp_path / "o.md").read_text(encoding="utf-8")
    suite = ElementTree.parse(tmp_path / "o.xml").find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("6", "1")


def test_one_feature_is_drawn(profile: Path, tmp_path: Path) -> None:
    file = orders.write_csv(tmp_path / "o.csv", orders.orders(1500, seed=3, taller=15))
    run(profile, file, "--svg", tmp_path / "o.svg", "--png", tmp_path / "o.png")
    assert "größe: major drift" in (tmp_path / "o.svg").read_text(encoding="utf-8")
    assert (tmp_path / "o.png").read_bytes().startswith(b"\x89PNG")
    run(profile, file, "--svg", tmp_path / "o.svg", "--feature", "anzahl")
    assert ">anzahl: " in (tmp_path / "o.svg").read_text(encoding="utf-8")
    assert run(profile, file, "--feature", "anzahl").exit_code == 2
    assert run(profile, file, "--svg", tmp_path / "o.svg", "--feature", "anzal").exit_code == 2
