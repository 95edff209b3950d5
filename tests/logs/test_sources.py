from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from driftmeter.errors import InputError, MissingExtraError
from driftmeter.logs.sources import files_of_source
from tests.logs.samples import lines, opened

ROWS = [{"x": number} for number in range(5)]
TEXT = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def test_a_folder_stands_for_all_files_below_it_but_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2.jsonl", "b/10.jsonl", "a.jsonl", "_tmp/x.jsonl", ".hidden", "b/.part"):
        lines(tmp_path / name, ROWS)
    files = files_of_source(str(tmp_path))
    assert [file.relative for file in files] == ["a.jsonl", "b/2.jsonl", "b/10.jsonl"]
    assert len(opened(tmp_path).columns()["x"]) == 15


def test_a_pattern_stands_for_the_files_that_fit_it_also_of_many_folders(tmp_path: Path) -> None:
    for name in ("2026/01/a.jsonl", "2026/02/a.jsonl", "2027/01/a.jsonl"):
        lines(tmp_path / name, ROWS)
    assert [file.relative for file in files_of_source(f"{tmp_path}/2026/*/*.jsonl")] == ["01/a.jsonl", "02/a.jsonl"]
    assert len(opened(f"{tmp_path}/**/a.jsonl").columns()["x"]) == 15


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl", "a.log.1"])
def test_gzip_is_seen_by_its_bytes_and_may_have_several_members(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(gzip.compress(TEXT) + gzip.compress(TEXT))
    assert opened(tmp_path / name).columns()["x"] == [*range(5), *range(5)]


def test_zstd_is_read_too(tmp_path: Path) -> None:
    with pa.CompressedOutputStream(str(tmp_path / "a.jsonl.zst"), "zstd") as out:
        out.write(TEXT)
    assert opened(tmp_path / "a.jsonl.zst").columns()["x"] == list(range(5))


def test_an_archive_that_ends_early_is_refused(tmp_path: Path) -> None:
    content = gzip.compress(os.urandom(50_000).hex().encode() + b"\n" + TEXT * 100)
    (tmp_path / "a.jsonl.gz").write_bytes(content[:-20_000])
    with pytest.raises(InputError, match="a file that can be read to its end"):
        opened(tmp_path / "a.jsonl.gz", None).columns()


def test_a_url_needs_fsspec(tmp_path: Path) -> None:
    if __import__("importlib.util").util.find_spec("fsspec"):
        pytest.skip("fsspec is installed")
    with pytest.raises(MissingExtraError, match="pip install fsspec"):
        files_of_source("s3://bucket/logs")


def test_a_log_of_many_rows_is_read_in_little_memory(tmp_path: Path) -> None:
    row = json.dumps({f"column {number}": 1.5 * number for number in range(30)}) + "\n"
    with (tmp_path / "a.jsonl").open("w") as file:
        for _ in range(60):
            file.write(row * 5_000)
    code = (
        "import re, sys\n"
        "from driftmeter.logs.columns import LogColumns\n"
        "from driftmeter.logs.read import open_log\n"
        "log = open_log(sys.argv[1], LogColumns())\n"
        "print(sum(len(table) for table in log.tables))\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.jsonl")], capture_output=True, text=True, check=True
    )
    rows, kilobytes = map(int, done.stdout.split())
    assert rows == 300_000
    assert kilobytes < 400_000  # all rows at once take more than 600 MB
