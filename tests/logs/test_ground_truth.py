"""Ground truth of SageMaker that lies apart from the captures, by the functions and by each command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from driftmeter.cli.app import app
from driftmeter.errors import InputError
from driftmeter.logs.columns import LogColumns
from driftmeter.logs.joining import MOST_WAITING
from driftmeter.logs.read import Log, LogOptions, open_log
from driftmeter.profile.profile import Profile
from driftmeter.replay import load_trace
from tests.support.written_logs.writing import write_lines

ROWS = 400
LABELS = LogColumns(("x", "c"), wanted=None)


def captured(number: int, *, inference: str | None = None) -> dict[str, Any]:
    about = {"eventId": f"e-{number}", "inferenceTime": f"2026-03-01T{number // 3600:02}:{number // 60 % 60:02}:00Z"}
    side = {"observedContentType": "text/csv", "encoding": "CSV"}
    return {
        "captureData": {
            "endpointInput": {**side, "mode": "INPUT", "data": f"{number % 50},{'ab'[number % 2]}"},
            "endpointOutput": {**side, "mode": "OUTPUT", "data": str(number % 7 / 7)},
        },
        "eventMetadata": {**about, **({"inferenceId": inference} if inference else {})},
        "eventVersion": "0",
    }


def truth(key: str, data: str = "1", encoding: str = "CSV") -> dict[str, Any]:
    return {"groundTruthData": {"data": data, "encoding": encoding}, "eventMetadata": {"eventId": key}}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Write 400 captures, and their labels by the hour of collection, in another order."""
    write_lines(tmp_path / "capture" / "2026" / "a.jsonl", [captured(number) for number in range(ROWS)])
    labels = [truth(f"e-{number}", str(number % 3 == 0).lower()) for number in reversed(range(ROWS))]
    write_lines(tmp_path / "truth" / "2026" / "03" / "01" / "05" / "a.jsonl", labels[:250])
    write_lines(tmp_path / "truth" / "2026" / "03" / "02" / "05" / "b.jsonl", labels[250:])
    return tmp_path / "capture", tmp_path / "truth"


def opened(capture: Path, labels: Path, columns: LogColumns = LABELS) -> tuple[Log, list[str]]:
    told: list[str] = []
    log = open_log(capture, columns, LogOptions(truth=str(labels)), say=told.append)
    assert log is not None
    return log, told


def test_labels_of_another_folder_fill_the_label(folders: tuple[Path, Path]) -> None:
    log, told = opened(*folders)
    table = log.table().to_pydict()
    assert table["label"] == [number % 3 == 0 for number in range(ROWS)]
    assert table["x"] == [number % 50 for number in range(ROWS)]
    assert log.label == "label"
    assert len(told) == 2  # what was recognised, and of the times


def test_an_inference_id_of_the_client_goes_before_the_events(tmp_path: Path) -> None:
    lines = [captured(1, inference="mine"), captured(2)]
    capture = write_lines(tmp_path / "a.jsonl", lines)
    labels = write_lines(tmp_path / "b" / "t.jsonl", [truth("e-1", "0"), truth("mine", "1"), truth("e-2", "5")])
    log, told = opened(capture, labels)
    assert log.table().to_pydict()["label"] == [1, 5]
    assert "1: ground truth without its capture (ground truth t.jsonl:1)" in told[-1]


def test_the_last_of_several_labels_counts_and_what_lacks_one_is_told(tmp_path: Path) -> None:
    capture = write_lines(tmp_path / "a.jsonl", [captured(1), captured(2)])
    folder = tmp_path / "t"
    write_lines(folder / "03" / "a.jsonl", [truth("e-1", "0")])
    write_lines(folder / "04" / "a.jsonl", [truth("e-1", "1")])
    log, told = opened(capture, folder)
    assert log.table().to_pydict()["label"] == [1, None]
    assert "1 records have no ground truth: their labels count as missing" in told


def test_labels_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    capture = write_lines(tmp_path / "a.jsonl", [captured(number) for number in range(3)])
    labels = write_lines(tmp_path / "t" / "t.jsonl", [truth("e-0"), {"eventMetadata": {}}, truth("e-2", "1", "XML")])
    told: list[str] = []
    options = LogOptions(truth=str(labels), allow_unreadable=True)
    log = open_log(capture, LABELS, options, say=told.append)
    assert log is not None
    assert log.table().to_pydict()["label"] == [1, None, None]
    assert "expected CSV, JSON or BASE64" in " ".join(told)
    assert "groundTruthData and eventMetadata with an eventId" in " ".join(told)


def test_more_captures_than_a_joiner_holds_find_their_labels(tmp_path: Path) -> None:
    rows = MOST_WAITING + 10

    def captures() -> Iterator[dict[str, Any]]:
        return (captured(number) for number in range(rows))

    capture = write_lines(tmp_path / "a.jsonl", captures())
    labels = write_lines(tmp_path / "t" / "t.jsonl", (truth(f"e-{number}", "1") for number in range(rows)))
    log, told = opened(capture, labels)
    assert log.table()["label"].null_count == 0
    assert len(told) == 2


def test_ground_truth_of_what_has_none_is_refused(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    rows = write_lines(tmp_path / "rows.jsonl", [{"x": 1.0}])
    with pytest.raises(InputError, match=r"--ground-truth: expected data capture of SageMaker.*, got "):
        opened(rows, folders[1])
    pl.DataFrame({"x": [1.0]}).write_csv(tmp_path / "rows.csv")
    with pytest.raises(InputError, match=r"--ground-truth: expected data capture of SageMaker.*, got a table"):
        open_log(tmp_path / "rows.csv", LABELS, LogOptions(truth=str(folders[1])))
    plain = Profile.fit(pl.DataFrame({"x": np.arange(50.0), "c": ["a", "b"] * 25}), model="m")
    with pytest.raises(InputError, match=r"--ground-truth: expected a profile that monitors 'label'.*or its --label"):
        opened(*folders, LogColumns.of(plain))
    with pytest.raises(InputError, match="nowhere: expected a file, a folder"):
        opened(folders[0], tmp_path / "nowhere")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_every_command_watches_the_label(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    capture, labels = folders
    profile = tmp_path / "profile.json"
    options = ["--ground-truth", labels, "--label", "paid"]
    made = run("profile", capture, "-o", profile, "--model", "m", "--columns", "x,c", *options, "--include", "paid")
    assert made.exit_code == 0, made.output
    assert "paid" in {feature.name for feature in Profile.load(profile).features}

    same = run("check", profile, capture, *options, "--json")
    assert same.exit_code == 0, same.output
    changed = tmp_path / "changed"
    write_lines(changed / "t.jsonl", [truth(f"e-{number}", "true") for number in range(ROWS)])
    drifted = run("check", profile, capture, "--ground-truth", changed, "--label", "paid", "--json")
    assert drifted.exit_code == 1, drifted.output
    verdict = json.loads(drifted.stdout)
    assert [one["feature"] for one in verdict["features"] if one["drifting"]] == ["paid"]

    tested = run("backtest", profile, capture, *options, "--json")
    assert tested.exit_code == 0, tested.output
    without = run("check", profile, capture, "--label", "paid", "--json")
    assert without.exit_code == 1  # the label is missing everywhere


def test_what_is_replayed_has_the_label(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    capture, labels = folders
    options = LogOptions(truth=str(labels), label="paid")
    frame = pl.DataFrame({"x": np.arange(50.0), "c": ["a", "b"] * 25, "paid": [True, False] * 25})
    profile = Profile.fit(frame, model="m", include=["paid"])
    trace = load_trace(capture, profile, log=options)
    assert trace.rows["paid"].to_pylist() == [str(number % 3 == 0).lower() for number in range(ROWS)]  # as CSV has it


def test_a_label_that_is_not_monitored_is_no_feature(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    options = ["--model", "m", "--columns", "x,c", "--ground-truth", folders[1]]
    made = run("profile", folders[0], "-o", tmp_path / "p.json", *options)
    assert made.exit_code == 0, made.output
    assert "label" not in {feature.name for feature in Profile.load(tmp_path / "p.json").features}
