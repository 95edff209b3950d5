"""Tables of lakes, written by the real libraries: Delta, Iceberg, DuckDB. They give the store that the files give."""

from __future__ import annotations

import base64
import json
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from driftmeter.backfill.opening import LakeOptions, open_lake
from driftmeter.cli.app import app
from driftmeter.errors import InputError
from driftmeter.panes.timing import Timing
from tests.backfill.harness import TIME, backfill, content, frame, profile

ROWS = 2_000
TIMING = Timing(60_000)
READ = LakeOptions(times=[TIME])


def rows(first: int = 0, last: int = ROWS) -> pl.DataFrame:
    # Delta and Iceberg know times in microseconds
    return frame(ROWS, seed=2, step=1_000).with_columns(pl.col(TIME).cast(pl.Datetime("us", "UTC")))[first:last]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("expected")
    rows().write_parquet(folder / "rows.parquet")
    backfill(folder / "store.sqlite", profile(), folder / "rows.parquet", TIMING)
    return content(folder / "store.sqlite")


def delete_by_vector(table: Path, first: int, last: int) -> None:
    """Delete rows of a table of one file as Spark does: by a vector in the log, a bitmap of the rows, in base 85."""
    log = table / "_delta_log"
    actions = [json.loads(line) for line in (log / f"{0:020}.json").read_text().splitlines()]
    (add,) = [action["add"] for action in actions if "add" in action]
    deleted = np.arange(first, last)
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(deleted) - 1, 16) + deleted.astype("<u2").tobytes()
    raw = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    raw += bytes(-len(raw) % 4)
    z85 = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    rfc1924 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
    inline = base64.b85encode(raw).translate(bytes.maketrans(rfc1924, z85)).decode()
    vector = {"storageType": "i", "pathOrInlineDv": inline, "sizeInBytes": len(raw), "cardinality": len(deleted)}
    remove = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}
    commit = [{"remove": remove}, {"add": {**add, "deletionVector": vector}}]
    (log / f"{1:020}.json").write_text("\n".join(map(json.dumps, commit)))


class TestDelta:
    deltalake = pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'driftmeter[lake]'")

    def write(self, folder: Path, part: pl.DataFrame, **options: Any) -> None:
        self.deltalake.write_deltalake(str(folder), part.to_arrow(), **options)

    def test_a_table_of_several_commits(self, expected: dict[str, Any], tmp_path: Path) -> None:
        table = tmp_path / "table"
        self.write(table, rows(0, 900), partition_by=["city"])
        self.write(table, rows(900, ROWS), mode="append", partition_by=["city"])
        tally = backfill(tmp_path / "a.sqlite", profile(), table, TIMING)
        assert tally.counted == ROWS
        assert content(tmp_path / "a.sqlite") == expected

    def test_a_version_and_a_url_are_read_by_deltalake(self, expected: dict[str, Any], tmp_path: Path) -> None:
        table = tmp_path / "table"
        self.write(table, rows(), partition_by=["member"])
        self.write(table, rows(), mode="append", partition_by=["member"])
        for address, version in ((str(table), 0), (f"file://{table}", 0)):
            store = tmp_path / "store.sqlite"
            options = LakeOptions(times=[TIME], version=version)
            source = open_lake(address, profile(), options)
            assert source.title == "a Delta table, version 0, by deltalake"
            assert source.identity is not None
            backfill(store, profile(), address, TIMING, options=options)
            assert content(store) == expected
            store.unlink()
        newest = open_lake(f"file://{table}", profile(), READ)
        assert newest.rows == 2 * ROWS

    def test_rows_that_were_deleted_by_a_vector_do_not_count(self, expected: dict[str, Any], tmp_path: Path) -> None:
        table = tmp_path / "table"
        self.write(table, pl.concat([rows(), rows()]), configuration={"delta.enableDeletionVectors": "true"})
        delete_by_vector(table, ROWS, 2 * ROWS)
        source = open_lake(str(table), profile(), READ)
        assert source.title == "a Delta table, version 1, by deltalake"
        assert source.identity is None  # its engine promises no order: a count that was stopped begins anew
        tally = backfill(tmp_path / "a.sqlite", profile(), table, TIMING)
        assert tally.counted == ROWS
        assert content(tmp_path / "a.sqlite") == expected

    def test_no_table_and_no_such_version_are_said(self, tmp_path: Path) -> None:
        table = tmp_path / "table"
        self.write(table, rows())
        for version, address in ((7, table), (0, tmp_path)):
            with pytest.raises(InputError, match="expected a Delta table"):
                open_lake(str(address), profile(), LakeOptions(times=[TIME], version=version))


class TestIceberg:
    pyiceberg = pytest.importorskip("pyiceberg", reason="pyiceberg is not installed: pip install 'driftmeter[lake]'")

    @pytest.fixture
    def table(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        from pyiceberg.catalog import load_catalog

        (tmp_path / "warehouse").mkdir()
        # pyiceberg reads its configuration when it is imported
        uri, warehouse = f"sqlite:///{tmp_path}/catalog.db", f"file://{tmp_path}/warehouse"
        properties = {"type": "sql", "uri": uri, "warehouse": warehouse}
        monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG.config", {"catalog": {"prod": properties}})
        catalog = load_catalog("prod")
        catalog.create_namespace("shop")
        made = catalog.create_table("shop.orders", schema=rows().to_arrow().schema)
        made.append(rows(0, 1_200).to_arrow())
        made.append(rows(1_200, ROWS).to_arrow())
        yield made
        catalog.close()

    def test_by_its_catalog_by_its_folder_and_by_its_metadata(
        self, table: Any, expected: dict[str, Any], tmp_path: Path
    ) -> None:
        location = table.location().removeprefix("file://")
        for address, catalog in (("shop.orders", "prod"), (location, None), (table.metadata_location, None)):
            store = tmp_path / "store.sqlite"
            options = LakeOptions(times=[TIME], catalog=catalog)
            source = open_lake(address, profile(), options)
            assert source.rows == ROWS
            tally = backfill(store, profile(), address, TIMING, options=options)
            assert tally.counted == ROWS
            assert content(store) == expected
            store.unlink()

    def test_an_earlier_snapshot_and_rows_that_were_deleted(self, table: Any, tmp_path: Path) -> None:
        first = table.history()[0].snapshot_id
        options = LakeOptions(times=[TIME], catalog="prod", snapshot=first)
        assert open_lake("shop.orders", profile(), options).rows == 1_200
        table.delete("seats < 150")
        kept = rows().filter(pl.col("seats") >= 150)
        kept.write_parquet(tmp_path / "kept.parquet")
        backfill(tmp_path / "kept.sqlite", profile(), tmp_path / "kept.parquet", TIMING)
        options = LakeOptions(times=[TIME], catalog="prod")
        tally = backfill(tmp_path / "a.sqlite", profile(), "shop.orders", TIMING, options=options)
        assert tally.counted == len(kept)
        assert content(tmp_path / "a.sqlite") == content(tmp_path / "kept.sqlite")

    def test_a_column_that_was_renamed_is_read_by_its_new_name(
        self, table: Any, expected: dict[str, Any], tmp_path: Path
    ) -> None:
        with table.update_schema() as update:
            update.rename_column("seats", "places")
        with table.update_schema() as update:
            update.rename_column("places", "seats")
        options = LakeOptions(times=[TIME], catalog="prod")
        tally = backfill(tmp_path / "a.sqlite", profile(), "shop.orders", TIMING, options=options)
        assert tally.counted == ROWS
        assert content(tmp_path / "a.sqlite") == expected

    def test_what_is_not_there_is_said(self, table: Any, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="expected a table of the catalog 'prod'"):
            open_lake("shop.nothing", profile(), LakeOptions(times=[TIME], catalog="prod"))
        with pytest.raises(InputError, match="no snapshot 7"):
            open_lake("shop.orders", profile(), LakeOptions(times=[TIME], catalog="prod", snapshot=7))


class TestDuckDB:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed: pip install 'driftmeter[lake]'")

    def test_a_query_on_a_database_and_one_on_files(self, expected: dict[str, Any], tmp_path: Path) -> None:
        rows().write_parquet(tmp_path / "rows.parquet")
        database = tmp_path / "shop.duckdb"
        with self.duckdb.connect(str(database)) as connection:
            connection.execute(f"CREATE TABLE orders AS FROM '{tmp_path}/rows.parquet'")
            connection.execute("CREATE VIEW doubled AS FROM orders UNION ALL FROM orders")
        for address, query in (
            (str(database), "SELECT * FROM orders;"),
            (":memory:", f"FROM '{tmp_path}/*.parquet'"),
            (str(database), 'SELECT DISTINCT ON ("at") * FROM doubled'),
        ):
            store = tmp_path / "store.sqlite"
            options = LakeOptions(times=[TIME], query=query)
            tally = backfill(store, profile(), address, TIMING, options=options)
            assert tally.counted == ROWS
            assert content(store) == expected
            store.unlink()

    def test_a_wrong_query_is_said(self, tmp_path: Path) -> None:
        for address, query, match in (
            (":memory:", "SELECT * FROM nowhere", "expected a query that DuckDB can run"),
            (str(tmp_path / "none.duckdb"), "SELECT 1", "expected a DuckDB database"),
        ):
            with pytest.raises(InputError, match=match):
                open_lake(address, profile(), LakeOptions(times=[TIME], query=query))

    def test_a_count_that_was_stopped_begins_anew(self, expected: dict[str, Any], tmp_path: Path) -> None:
        rows().write_parquet(tmp_path / "rows.parquet")
        options = LakeOptions(times=[TIME], query=f"FROM '{tmp_path}/rows.parquet'")
        store = tmp_path / "store.sqlite"

        class StoppedError(Exception):
            pass

        def stop(advance: object) -> None:
            raise StoppedError

        with pytest.raises(StoppedError):
            backfill(store, profile(), ":memory:", TIMING, options=options, meanwhile=lambda job: job.count(stop))
        tally = backfill(store, profile(), ":memory:", TIMING, options=options)
        assert tally.rows == ROWS
        assert content(store) == expected

    def test_the_command_takes_a_query(self, tmp_path: Path) -> None:
        rows().write_parquet(tmp_path / "rows.parquet")
        profile().dump(tmp_path / "profile.json")
        query = f"FROM '{tmp_path}/rows.parquet'"
        arguments = [str(tmp_path / "profile.json"), ":memory:", "--query", query, "--time", TIME]
        result = CliRunner().invoke(
            app, ["backfill", *arguments, "--store", f"sqlite:///{tmp_path}/store.sqlite", "--pane", "1m"]
        )
        assert result.exit_code == 0, result.output
        assert "2,000 of 2,000 rows counted of a query by DuckDB" in result.stdout
        with closing(sqlite3.connect(tmp_path / "store.sqlite")) as store:
            assert store.execute("SELECT count(*) FROM verdicts").fetchone() == (34,)
