"""Sources: the files that a path, a folder, a glob or a URL stands for, with the times of their objects."""

from __future__ import annotations

import datetime as dt
import glob
import gzip
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from driftmeter.errors import InputError, MissingExtraError

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_GLOB = re.compile(r"[*?\[]")
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_DIGITS = re.compile(r"(\d+)")
_BUFFER = 1 << 20


@dataclass(frozen=True)
class LogFile:
    """A file of a source: its address, its path below the source, its size in bytes and when it was written."""

    address: str
    relative: str
    size: int
    modified: float | None
    """Seconds since the epoch; None where the store of the object does not say."""
    raw: Callable[[], IO[bytes]]

    @property
    def written(self) -> str | None:
        """When the object was written, as ISO 8601 in UTC."""
        if self.modified is None:
            return None
        return dt.datetime.fromtimestamp(self.modified, dt.UTC).isoformat(timespec="milliseconds")

    @contextmanager
    def open(self) -> Iterator[tuple[IO[bytes], Callable[[], int]]]:
        """Open the content, decompressed if it begins as gzip or zstd does, and a function that tells the bytes read.

        The bytes are those of the file, as `size` counts them. Raises InputError where the file cannot be read.
        """
        try:
            with self.raw() as raw:
                magic = raw.read(4)
                raw.seek(0)
                yield _decompressed(raw, magic), raw.tell
        except FileNotFoundError as error:
            raise InputError(self.address, "a file", "nothing there") from error
        except (OSError, EOFError) as error:  # a truncated archive is an EOFError, and an OSError of Arrow
            raise InputError(self.address, "a file that can be read to its end", str(error)[:200]) from error


def _decompressed(raw: IO[bytes], magic: bytes) -> Any:
    if magic.startswith(GZIP):
        return gzip.GzipFile(fileobj=raw)
    if magic.startswith(ZSTD):
        import pyarrow as pa

        stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
        return io.BufferedReader(stream, _BUFFER)
    return raw


def is_local(source: str) -> bool:
    """Say whether a source is a path, a folder or a glob on this machine, and no URL.

    >>> is_local("logs/*.jsonl"), is_local("s3://bucket/logs")
    (True, False)
    """
    return _URL.match(source) is None


def is_pattern(source: str) -> bool:
    """Say whether a source is a pattern of names, and no file or folder that has such characters in its own."""
    return _GLOB.search(source) is not None and not Path(source).exists()


def files_of_source(source: str) -> list[LogFile]:
    """Return the files of a source, numbers in their names in order of number: a.log.2 comes before a.log.10.

    A folder stands for all files below it, but those whose names, or folders, begin with . or _. Raises InputError
    where there are none, MissingExtraError where a URL is given and fsspec is not installed.
    """
    found = _local(source) if is_local(source) else _remote(source)
    if not found:
        raise InputError(source, "a file, a folder with files, a pattern that fits some, or a URL of them", "none")
    return sorted(found, key=lambda file: _in_order(file.relative))


def _local(source: str) -> list[LogFile]:
    path = Path(source)
    if path.is_dir():
        return [_of_path(file, path) for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path)]
    if path.exists():
        return [_of_path(path, path.parent)]
    if _GLOB.search(source):
        fixed = Path(*_before_glob(path))
        return [_of_path(Path(name), fixed) for name in glob.glob(source, recursive=True) if Path(name).is_file()]
    return []


def _before_glob(path: Path) -> Iterator[str]:
    for part in path.parts:
        if _GLOB.search(part):
            return
        yield part


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def _of_path(path: Path, base: Path) -> LogFile:
    about = path.stat()
    return LogFile(
        str(path),
        path.relative_to(base).as_posix(),
        about.st_size,
        about.st_mtime,
        lambda: path.open("rb", buffering=_BUFFER),
    )


def _remote(source: str) -> list[LogFile]:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtraError(
            f"reading {source} needs fsspec and its package for that store: pip install fsspec"
        ) from error
    system, path = url_to_fs(source)
    listed = system.glob(path, detail=True) if _GLOB.search(path) else system.find(path, detail=True)
    base = str(path).rpartition("/")[0] if path in listed else str(path).rstrip("/")
    files = []
    for name, about in listed.items():
        relative = str(name).removeprefix(base).lstrip("/")
        if about.get("type") != "file" or any(part.startswith((".", "_")) for part in relative.split("/")):
            continue
        files.append(
            LogFile(
                system.unstrip_protocol(name),
                relative,
                int(about.get("size") or 0),
                _seconds(about),
                partial(system.open, name, "rb"),
            )
        )
    return files


def _seconds(about: dict[str, Any]) -> float | None:
    """Return when an object was written, under whichever name its store has it."""
    for key in ("mtime", "LastModified", "last_modified", "updated", "created"):
        value = about.get(key)
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, dt.datetime):
            return value.timestamp()
        if isinstance(value, str):
            try:
                return dt.datetime.fromisoformat(value).timestamp()
            except ValueError:
                continue
    return None


def _in_order(name: str) -> list[tuple[int, str]]:
    """Return a key by which numbers in names are in order of number, whatever stands around them."""
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in _DIGITS.split(name)]
