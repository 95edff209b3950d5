"""What benchmarks of this version beside another one share: fresh processes that take turns, bars, rivals.

`--before` names the folder of another checkout. A process of it runs the same script, with the other `src` first on its
path. Its compiled parts, if it has any, must have been built in place.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).resolve().parents[1]
RIVALS = ROOT / ".tools" / "rivals"
"""The virtual environment of the dependency group `bench`."""
SILENT = {
    "WHYLOGS_NO_ANALYTICS": "True",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "DO_NOT_TRACK": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
}
"""Keeps rivals from calling home."""
SINGLE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def add_options(parser: argparse.ArgumentParser, *, pairs: int, quick: int) -> None:
    """Add `--before`, `--pairs`, `--quick` and `--json`; `pairs` and `quick` are the defaults of `--pairs`."""
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="checkout of another version, to take turns with")
    parser.add_argument("--pairs", type=int, metavar="N", help=f"fresh processes a case (default: {pairs})")
    parser.add_argument("--quick", action="store_true", help=f"see that it works: {quick} pairs, shorter")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.set_defaults(usual_pairs=pairs, quick_pairs=quick)


def pairs_of(options: argparse.Namespace) -> int:
    """Return the number of pairs that the options ask for."""
    return options.pairs or (options.quick_pairs if options.quick else options.usual_pairs)


def wide_console() -> Console:
    """Return a console whose tables keep their columns in a file too."""
    console = Console()
    return console if console.is_terminal else Console(width=140)


def progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True)


# --- versions


@dataclass(frozen=True)
class Version:
    """A checkout; `name` is "this" or "before"."""

    name: str
    folder: Path

    @property
    def source(self) -> Path:
        """The folder that holds the package."""
        return self.folder / "src"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make a process import this version."""
        return {"PYTHONPATH": str(self.source), **SINGLE}

    def describe(self) -> str:
        """Name the commit, and what is compiled in place: a counter that was never built must not pass unseen."""
        git = ["git", "-C", str(self.folder), "describe", "--always", "--dirty"]
        commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "no commit"
        compiled = sorted(path.name for ending in ("so", "pyd") for path in self.source.rglob(f"*.{ending}"))
        return f"{self.name}: {commit}, compiled: {', '.join(compiled) or 'nothing'}"

    def mentions(self, word: str) -> bool:
        """Return whether its source has a word, such as the name of a variable."""
        return any(word in path.read_text("utf-8") for path in self.source.rglob("*.py"))


def versions(before: Path | None) -> list[Version]:
    """Return this version, and the one before if there is one; SystemExit if its folder is no checkout."""
    if before is not None and not (before / "src" / "driftmeter").is_dir():
        raise SystemExit(f"--before: expected the folder of a checkout, got {before}, which has no src/driftmeter")
    return [Version("this", ROOT), *([Version("before", before.resolve())] if before else [])]


def check_version() -> Path:
    """Return, in a child, the source folder that PYTHONPATH names; RuntimeError unless `driftmeter` comes from it."""
    import driftmeter

    wanted, found = Path(os.environ["PYTHONPATH"].split(os.pathsep)[0]), Path(driftmeter.__file__)
    if not found.is_relative_to(wanted):
        raise RuntimeError(f"driftmeter: expected that of {wanted}, got {found}")
    return wanted


# --- processes


class SkippedError(Exception):
    """A case that this version or this environment does not have; the message says why."""


def child(command: Sequence[str], environment: dict[str, str]) -> dict[str, Any]:
    """Run a command and return the JSON object that is its last line; a child's `skipped` raises SkippedError."""
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "skipped" in found:
        raise SkippedError(found["skipped"])
    return found


def answer(work: Callable[[], dict[str, Any]]) -> None:
    """Print, in a child, what `child` reads."""
    try:
        found = work()
    except SkippedError as reason:
        found = {"skipped": str(reason)}
    print(json.dumps(found))


Item = TypeVar("Item")


def in_turn(items: Sequence[Item], number: int) -> list[Item]:
    """Return the items in the order of round `number`: every other round runs backwards."""
    return list(items) if number % 2 == 0 else list(reversed(items))


def bootstrap(ratios: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Return the median, and the 95 % interval of the median by 10,000 draws with replacement."""
    drawn = np.random.default_rng(seed).choice(ratios, (10_000, len(ratios)))
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return statistics.median(ratios), float(low), float(high)


# --- rivals


def rivals_python(console: Console, name: str = "bench") -> str:
    """Return the Python that has a dependency group; make its environment at first use (a minute).

    SystemExit says how to go on if there is no uv, or if it fails. The environment is made anew once the group in
    pyproject.toml is another.
    """
    group = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"][name]
    digest = hashlib.sha256(f"{group}{sys.version}".encode()).hexdigest()
    place = RIVALS if name == "bench" else RIVALS.with_name(f"rivals-{name}")
    python, made = place / "bin" / "python", place / "made-for"
    if not (made.exists() and made.read_text() == digest):
        uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
        with console.status(f"making {place} for the group {name} of pyproject.toml (once) …"):
            environment = {**os.environ, "VIRTUAL_ENV": str(place)}
            for command in (
                [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)],
                [uv, "pip", "install", "--quiet", "--group", name],
            ):
                try:
                    subprocess.run(command, cwd=ROOT, env=environment, check=True)
                except (OSError, subprocess.CalledProcessError) as error:
                    raise SystemExit(f"rivals: {error}; install uv, or leave them out with --no-rivals") from error
        made.write_text(digest)
    return str(python)


# --- bars


class Bars:
    """Figures beside their bars; `missed` counts those that miss."""

    def __init__(self, console: Console) -> None:
        """Print to `console`."""
        self._console, self.missed = console, 0
        self.checked: list[dict[str, Any]] = []

    def at_most(self, what: str, found: float, bar: float, unit: str = "") -> None:
        """Print a figure that may be no larger."""
        self._check(what, found, f"at most {bar:.3g}", unit, found <= bar)

    def at_least(self, what: str, found: float, bar: float, unit: str = "") -> None:
        """Print a figure that may be no smaller."""
        self._check(what, found, f"at least {bar:.3g}", unit, found >= bar)

    def skip(self, what: str, why: str) -> None:
        """Print that there is no figure, and why; this misses no bar."""
        self._console.print(f"[yellow]skipped[/]  {what}: {why}", highlight=False)
        self.checked.append({"what": what, "skipped": why})

    def _check(self, what: str, found: float, bar: str, unit: str, met: bool) -> None:
        self.missed += not met
        mark = "[green]met[/]    " if met else "[red]MISSED[/] "
        self._console.print(f"{mark}  {what}: {found:.3g}{unit} (bar: {bar}{unit})", highlight=False)
        self.checked.append({"what": what, "found": found, "bar": bar, "met": met})


def write_json(path: Path | None, figures: dict[str, Any], bars: Bars) -> None:
    """Write figures and bars, if there is a path."""
    if path is not None:
        path.write_text(json.dumps({**figures, "bars": bars.checked}, indent=1) + "\n", "utf-8")
