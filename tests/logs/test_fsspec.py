"""Sources by URL, through fsspec: folders, patterns, compressed files, and ground truth."""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from driftmeter.errors import InputError, MissingExtraError
from driftmeter.logs.columns import LogColumns
from driftmeter.logs.read import LogOptions, open_log
from driftmeter.logs.sources import files_of_source
from tests.logs.samples import capture

COLUMNS = LogColumns(("x", "c"))


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue().to_pybytes())


def text(*numbers: int) -> bytes:
    return "".join(json.dumps(capture(f"{number},a")) + "\n" for number in numbers).encode()


FILES = {
    "day=10/a.jsonl": text(3),
    "day=2/a.jsonl": text(1),
    "day=2/b.jsonl.gz": gzip.compress(text(2)),
    "day=10/b.log": zstd(text(4)),
    "_SUCCESS": b"",
    "_temporary/a.jsonl": text(9),
}


@pytest.fixture(params=["memory", "file"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Write files by fsspec, in memory or in a folder; return the URL of their folder."""
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    url = "memory://bucket/logs" if request.param == "memory" else f"file://{tmp_path}/logs"
    system, path = fsspec.core.url_to_fs(url)
    for name, content in FILES.items():
        system.makedirs(f"{path}/{name}".rpartition("/")[0], exist_ok=True)
        system.pipe_file(f"{path}/{name}", content)
    yield url
    system.rm(path, recursive=True)


def xs(source: str, **options: Any) -> list[int]:
    log = open_log(source, COLUMNS, LogOptions(**options))
    assert log is not None
    assert log.form.name == "sagemaker"
    return list(log.table().to_pydict()["x"])


def test_a_folder_stands_for_all_files_below_it_in_order_of_number(root: str) -> None:
    assert xs(root) == [1, 2, 3, 4]
    assert [file.relative for file in files_of_source(root)] == sorted(
        (name for name in FILES if not name.startswith("_")), key=lambda name: ("day=10" in name, name)
    )


def test_a_pattern_and_a_single_file(root: str) -> None:
    assert xs(f"{root}/day=*/a.jsonl") == [1, 3]
    assert xs(f"{root}/**/b.*") == [2, 4]
    assert xs(f"{root}/day=2/b.jsonl.gz") == [2]


def test_objects_have_the_time_when_they_were_written(root: str) -> None:
    assert all(file.written is not None for file in files_of_source(root))


def test_nothing_there_is_told(root: str) -> None:
    for source in (f"{root}/nowhere", f"{root}/*.csv"):
        with pytest.raises(InputError, match="expected a file, a folder with files, a pattern that fits"):
            files_of_source(source)


def test_ground_truth_may_be_at_a_url(root: str) -> None:
    import fsspec

    truth = {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "e-1"}}
    system, path = fsspec.core.url_to_fs(root)
    system.makedirs(f"{path}/_truth", exist_ok=True)
    system.pipe_file(f"{path}/_truth/a.jsonl", json.dumps(truth).encode())
    log = open_log(root, COLUMNS, LogOptions(truth=f"{root}/_truth"))
    assert log is not None
    assert log.table().to_pydict()["label"] == [1] * 4  # all have one id


def test_without_fsspec_a_url_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "fsspec"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    importlib.invalidate_caches()
    with pytest.raises(MissingExtraError, match=r"reading s3://bucket/logs needs fsspec .* pip install"):
        files_of_source("s3://bucket/logs")
