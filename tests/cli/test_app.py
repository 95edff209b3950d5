from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from driftmeter import __version__
from driftmeter.cli.app import app
from driftmeter.cli.params import DURATION, RATE, SPEED
from tests.support import orders

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="driftmeter")


def commands() -> list[tuple[str, click.Command]]:
    return sorted(app.commands.items())


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_option_and_variable_is_documented(name: str, command: click.Command) -> None:
    sections = re.split(r"^## ", DOCS.read_text(encoding="utf-8"), flags=re.M)
    section = next((text for text in sections if text.startswith(f"driftmeter {name}\n")), None)
    assert section is not None, f"docs/cli.md has no section of {name}"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert all(f"`{flag}`" in section for flag in parameter.opts), f"{name}: {parameter.opts}"
            if parameter.envvar:
                assert f"`{parameter.envvar}`" in section
    documented = set(re.findall(r"^\| [^|]*`(--[a-z-]+)`", section, flags=re.M))
    assert documented <= {flag for parameter in command.params for flag in parameter.opts}


def test_options_of_all_commands_are_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert all(f"`{flag}`" in text for parameter in app.params for flag in parameter.opts)


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_option_says_what_it_is_for(name: str, command: click.Command) -> None:
    assert command.help
    assert command.short_help
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, f"{name}: {parameter.opts}"
    assert run(name, "--help").exit_code == 0


def test_version_and_help() -> None:
    assert run("--version").output.startswith(f"driftmeter {__version__} (")
    assert "profile" in run("--help").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nope"], "No such option"),
        (["chekc"], "No such command 'chekc'."),
        (["check", "p.json"], "Missing argument 'DATA'. See driftmeter check --help."),
        (["demo", "--drift", "perhaps"], "Invalid value for '--drift'"),
    ],
)
def test_an_error_of_usage_is_one_line(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_without_a_command_there_is_help() -> None:
    assert "Commands:" in run().output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_DRIFTMETER_COMPLETE" in result.stdout


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("10s", 10_000), ("500ms", 500), ("5m", 300_000), ("1.5 h", 5_400_000), ("1D", 86_400_000)],
)
def test_durations_are_read_to_the_millisecond(text: str, milliseconds: int) -> None:
    assert DURATION.convert(text, None, None) == milliseconds


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1w", "ten s", "1e3s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="such as 500ms"):
        DURATION.convert(text, None, None)


def test_a_speed_is_a_factor_or_max() -> None:
    assert [SPEED.convert(text, None, None) for text in ("60", "2.5x", "MAX")] == [60.0, 2.5, math.inf]
    assert RATE.convert("200/s", None, None) == 200.0
    for text in ("0", "-1", "nan", "inf", "fast"):
        with pytest.raises(click.BadParameter, match="number above 0"):
            SPEED.convert(text, None, None)


def test_an_unexpected_error_is_one_line_and_never_says_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: object) -> None:
        raise RuntimeError("the inside\nis broken")

    monkeypatch.setattr("driftmeter.profile.profile.Profile.load", fail)
    result = run("check", "p.json", "d.csv")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "driftmeter: unexpected RuntimeError: the inside is broken (driftmeter --debug … shows where)"
    ]
    assert "Traceback" in run("--debug", "check", "p.json", "d.csv").stderr


def test_an_interrupt_is_neither_drift_nor_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(path: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("driftmeter.profile.profile.Profile.load", interrupt)
    assert run("check", "p.json", "d.csv").exit_code == 130


WITHOUT = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Without())
sys.argv = ["driftmeter", *{arguments!r}]
from driftmeter.cli import main
main()
"""


@pytest.mark.parametrize(
    ("package", "arguments", "message"),
    [
        ("click", ["--help"], "the command line needs click: pip install 'driftmeter[cli]'"),
        ("rich", ["check", "p.json", "d.csv"], "check needs rich: pip install 'driftmeter[cli]'"),
        ("scipy", ["check", "p.json", "d.csv"], "check needs scipy: pip install 'driftmeter[cli]'"),
        ("pyarrow", ["profile", "d.csv", "--model", "m"], "reading files needs pyarrow: pip install 'driftmeter[cli]'"),
        ("uvicorn", ["serve"], "serve needs uvicorn: pip install 'driftmeter[server]'"),
        ("httpx", ["demo"], "demo needs httpx: pip install 'driftmeter[demo]'"),
    ],
)
def test_a_missing_package_names_the_extra(package: str, arguments: list[str], message: str) -> None:
    script = WITHOUT.format(package=package, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"driftmeter: {message}\n")


def test_the_commands_load_nothing_heavy() -> None:
    script = (
        "import sys; sys.modules['driftmeter.client'] = type(sys)('driftmeter.client'); "
        "sys.modules['driftmeter.client'].Monitor = None; import driftmeter.cli.app; "
        "print(sorted({'rich', 'pyarrow', 'scipy', 'pandas', 'uvicorn', 'fastapi', 'jinja2', 'onnxruntime'}"
        " & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_exit_codes_of_the_real_command(tmp_path: Path) -> None:
    def code(*arguments: str | Path) -> int:
        command = [sys.executable, "-m", "driftmeter", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, cwd=tmp_path, check=False).returncode

    orders.write_csv(tmp_path / "reference.csv", orders.orders(2000, seed=1))
    orders.write_csv(tmp_path / "taller.csv", orders.orders(1000, seed=2, taller=15))
    kept = ("--exclude", "bestellt", "--label", "bezahlt")
    assert code("profile", "reference.csv", "--model", "shop", *kept) == 0
    assert code("check", "profile.json", "reference.csv", "--quiet") == 0
    assert code("check", "profile.json", "taller.csv", "--quiet") == 1
    assert code("check", "profile.json", "nothing.csv") == 2
    assert code("check", "profile.json") == 2
