"""One binary of the compiled counter serves every Python from 3.11 on, whichever of them built it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from driftmeter.counts import compiled

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "driftmeter" / "counts" / "c").glob("*.c"))
COUNT = """
import sys
sys.path.insert(0, sys.argv[1])
import polars, _compiled
from driftmeter.counts import compiled
compiled._module = _compiled
from driftmeter.counts.rows import Reader
from driftmeter.profile.profile import Profile
frame = polars.DataFrame({"x": [float(x) for x in range(100)], "c": ["a", "b"] * 50})
reader = Reader(Profile.fit(frame, model="m"))
options = dict(columns=["x", "c"], ahead=60_000, most_panes=9, most_texts=9)
counter = compiled.new_counter(reader.tables, lambda: 1.7e9, names=reader.names, **options)
counter.set_terms(0.0, 10_000)
for row in frame.to_dicts():
    counter.observe(row, None)
((_, _, rows, counts, _),), *_ = counter.take()
print(_compiled.__file__.startswith(sys.argv[1]), rows, sum(memoryview(counts).cast("q")))
"""


def pythons() -> list[str]:
    """Return every Python from 3.11 on that is found here."""
    script = f". {ROOT}/scripts/pythons.sh; pythons"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    return [found[minor] for minor in sorted(found, key=int) if int(minor) >= 11]


def include_of(python: str) -> str:
    code = "import sysconfig; print(sysconfig.get_path('include'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_no_format_has_a_length_which_newer_headers_compile_for_newer_pythons_alone() -> None:
    formats = [
        (source.name, text)
        for source in SOURCES
        for text in re.findall(r'Py_BuildValue\(\s*"([^"]*)"|PyArg_Parse\w*\([^"]*"([^"]*)"', source.read_text())
    ]
    assert len(formats) > 10
    assert [found for found in formats if "#" in "".join(found[1])] == []


@pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler is here")
@pytest.mark.skipif(compiled._module is None, reason="the plain counter was asked for")
@pytest.mark.parametrize("python", pythons())
def test_what_any_python_builds_counts_here(python: str, tmp_path: Path) -> None:
    include = include_of(python)
    if not (Path(include) / "Python.h").exists():
        pytest.skip(f"{python} has no headers")
    binary = tmp_path / "_compiled.abi3.so"
    flags = [*sysconfig.get_config_var("CCSHARED").split(), "-shared", "-O1", "-ffp-contract=off"]
    subprocess.run(["cc", *flags, f"-I{include}", *map(str, SOURCES), "-o", str(binary), "-lm"], check=True)
    done = subprocess.run([sys.executable, "-c", COUNT, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "100", "200"], done.stderr
