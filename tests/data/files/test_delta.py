from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from driftmeter.data.files import read_table
from driftmeter.errors import InputError

TYPES = {"x": "double", "year": "integer", "day": "date", "who": "string"}
ROWS = pa.table({"x": [1.0, 2.0]})


class Delta:
    """A Delta table, written as the protocol says."""

    def __init__(self, path: Path, configuration: dict[str, str] | None = None, **protocol: Any) -> None:
        self.path, self.version = path, 0
        (path / "_delta_log").mkdir(parents=True)
        fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in TYPES.items()]
        schema = json.dumps({"type": "struct", "fields": fields})
        self.commit(
            {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2, **protocol}},
            {"metaData": {"id": "a", "schemaString": schema, "configuration": configuration or {}}},
        )

    def commit(self, *actions: dict[str, Any]) -> None:
        file = self.path / "_delta_log" / f"{self.version:020}.json"
        file.write_text("\n".join(map(json.dumps, actions)) + "\n")
        self.version += 1

    def write(self, name: str, **values: str | None) -> dict[str, Any]:
        parquet.write_table(ROWS, self.path / name)
        return {"add": {"path": name.replace(" ", "%20"), "partitionValues": values, "size": 1, "dataChange": True}}

    def checkpoint(self, *actions: dict[str, Any], part: str = "") -> None:
        kinds = pa.schema(
            [
                ("protocol", pa.struct([("minReaderVersion", pa.int32())])),
                ("metaData", pa.struct([("schemaString", pa.string()),
                                        ("configuration", pa.map_(pa.string(), pa.string()))])),
                ("add", pa.struct([("path", pa.string()), ("partitionValues", pa.map_(pa.string(), pa.string()))])),
                ("remove", pa.struct([("path", pa.string())])),
            ]
        )  # fmt: skip
        rows = [
            {
                name: {key: list(part.items()) if isinstance(part, dict) else part for key, part in value.items()}
                for name, value in action.items()
            }
            for action in actions
        ]
        file = self.path / "_delta_log" / f"{self.version - 1:020}.checkpoint{part}.parquet"
        parquet.write_table(pa.Table.from_pylist(rows, schema=kinds), file)


def test_only_the_live_files_count(tmp_path: Path) -> None:
    table = Delta(tmp_path / "t")
    table.commit(table.write("old.parquet"), table.write("a b.parquet"))
    table.commit({"remove": {"path": "old.parquet"}}, table.write("new.parquet"))
    parquet.write_table(ROWS, tmp_path / "t" / "nobody.parquet")
    assert read_table(tmp_path / "t").to_pydict() == {"x": [1.0, 2.0] * 2}


def test_the_log_says_the_values_of_partitions_in_the_tables_types(tmp_path: Path) -> None:
    table = Delta(tmp_path / "t")
    table.commit(table.write("a.parquet", year="2024", day="2024-01-05", who="007"))
    table.commit(table.write("b.parquet", year=None, day=None, who=""))
    table = read_table(tmp_path / "t").to_pydict()
    assert table["year"] == [2024, 2024, None, None]
    assert table["day"] == [dt.date(2024, 1, 5)] * 2 + [None, None]
    assert table["who"] == ["007", "007", None, None]


@pytest.mark.parametrize("parts", [[""], [".0000000001.0000000002", ".0000000002.0000000002"]])
def test_a_checkpoint_stands_for_the_commits_before_it(tmp_path: Path, parts: list[str]) -> None:
    table = Delta(tmp_path / "t")
    table.commit(table.write("a.parquet", year="2023"))
    added = [table.write("b.parquet", year="2024"), table.write("c.parquet", year="2025")]
    table.commit(*added, {"remove": {"path": "a.parquet"}})
    first = json.loads((tmp_path / "t" / "_delta_log" / f"{0:020}.json").read_text().splitlines()[1])
    rows = [{"protocol": {"minReaderVersion": 1}}, first, *added, {"remove": {"path": "a.parquet"}}]
    for place, part in enumerate(parts):
        table.checkpoint(*rows[place :: len(parts)], part=part)
    for version in range(3):
        (tmp_path / "t" / "_delta_log" / f"{version:020}.json").unlink()
    table.commit({"remove": {"path": "c.parquet"}})
    assert read_table(tmp_path / "t").to_pydict() == {"x": [1.0, 2.0], "year": [2024, 2024]}


def test_a_log_with_a_gap_is_refused(tmp_path: Path) -> None:
    table = Delta(tmp_path / "t")
    table.commit(table.write("a.parquet"))
    table.commit(table.write("b.parquet"))
    (tmp_path / "t" / "_delta_log" / f"{1:020}.json").unlink()
    with pytest.raises(InputError, match="a whole log in _delta_log, got no version 1"):
        read_table(tmp_path / "t")


@pytest.mark.parametrize(
    ("options", "add", "sentence"),
    [
        ({"configuration": {"delta.columnMapping.mode": "name"}}, {}, "without column mapping"),
        ({"minReaderVersion": 3, "readerFeatures": ["deletionVectors"]}, {"deletionVector": {"storageType": "u"}},
         "without deletion vectors"),
        ({"minReaderVersion": 3, "readerFeatures": ["catalogManaged"]}, {}, "without catalogManaged"),
        ({"minReaderVersion": 4}, {}, "without a newer protocol"),
        ({}, {"path": "s3://bucket/a.parquet"}, "files below its folder"),
        ({}, {"path": "../a.parquet"}, "files below its folder"),
        ({}, {"path": "gone.parquet"}, "nothing at gone.parquet"),
    ],
)  # fmt: skip
def test_what_this_reader_cannot_tell_is_refused_with_the_reason(
    tmp_path: Path, options: dict[str, Any], add: dict[str, Any], sentence: str
) -> None:
    table = Delta(tmp_path / "t", **options)
    made = table.write("a.parquet")
    made["add"] |= add
    table.commit(made)
    with pytest.raises(InputError, match=sentence):
        read_table(tmp_path / "t")


def test_a_log_that_is_cut_off_is_refused_by_its_name(tmp_path: Path) -> None:
    table = Delta(tmp_path / "t")
    table.commit(table.write("a.parquet"))
    log = max((tmp_path / "t" / "_delta_log").glob("*.json"))
    log.write_text(log.read_text()[:-20])
    with pytest.raises(InputError, match=r"t: expected a readable folder, got "):
        read_table(tmp_path / "t")


def test_features_that_a_table_may_use_and_does_not_are_no_reason(tmp_path: Path) -> None:
    table = Delta(tmp_path / "t", minReaderVersion=3, readerFeatures=["deletionVectors", "timestampNtz", "variantType"])
    table.commit(table.write("a.parquet"))
    assert len(read_table(tmp_path / "t")) == 2
