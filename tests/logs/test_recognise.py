"""Which form a log has is decided by its records, and told; other files are not touched."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from driftmeter.errors import InputError
from driftmeter.logs.columns import LogColumns
from driftmeter.logs.read import LogOptions, open_log
from tests.logs.samples import capture, lines, opened
from tests.support import orders
from tests.support.served_rows import FEATURES, PREDICTION, served_rows
from tests.support.written_logs import WRITERS


@pytest.mark.parametrize("form", WRITERS)
def test_a_form_is_not_taken_for_another_one(form: str, tmp_path: Path) -> None:
    for number, write in enumerate(WRITERS[form].values()):
        (tmp_path / str(number)).mkdir()
        source = write(tmp_path / str(number), served_rows(0, 300))
        log = opened(source, LogColumns(order=FEATURES, prediction=PREDICTION))
        assert log.log.form.name == form
        assert f"(--format {form})" in log.told[0]


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow", "csv.gz"])
def test_a_table_is_left_to_who_reads_tables(ending: str, tmp_path: Path) -> None:
    rows = orders.orders(50, seed=1)
    path = tmp_path / f"orders.{ending}"
    if ending == "parquet":
        orders.write_parquet(path, rows)
    elif ending == "arrow":
        pl.read_parquet(orders.write_parquet(tmp_path / "o.parquet", rows)).write_ipc(path)
    else:
        orders.write_csv(path, rows) if ending == "csv" else path.write_bytes(b"\x1f\x8bno gzip")
    assert open_log(path, LogColumns(), say=pytest.fail) is None
    assert open_log(tmp_path, LogColumns(), say=pytest.fail) is None


def test_a_table_with_two_columns_called_request_and_response_is_no_log(tmp_path: Path) -> None:
    pl.DataFrame({"request": [1], "response": [2], "timestamp": [3]}).write_parquet(tmp_path / "t.parquet")
    assert open_log(tmp_path / "t.parquet", LogColumns(), say=pytest.fail) is None


def test_what_is_not_there_is_left_to_who_reads_tables_where_it_would_be_one(tmp_path: Path) -> None:
    assert open_log(tmp_path / "nothing.parquet", LogColumns()) is None
    (tmp_path / "empty").mkdir()
    assert open_log(tmp_path / "empty", LogColumns()) is None
    with pytest.raises(InputError, match=r"expected a file, a folder with files, a pattern .*, got none"):
        open_log(tmp_path / "nothing.jsonl", LogColumns())


@pytest.mark.parametrize("content", ["", "no JSON\n", "[1, 2]\n[3, 4]\n", "\n\n"])
def test_a_file_called_json_without_objects_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(InputError, match="expected objects of JSON, one a line"):
        open_log(tmp_path / "a.jsonl", LogColumns())


def test_a_form_that_is_asked_for_is_not_guessed(tmp_path: Path) -> None:
    source = lines(tmp_path / "log.jsonl", [{"a": 1}, *[capture("1")] * 3])
    assert opened(source).log.form.name == "json-lines"
    log = opened(source, LogColumns(order=("x",)), LogOptions("sagemaker", allow_unreadable=True))
    assert log.columns()["x"] == [1, 1, 1]
    assert not any("read as" in note for note in log.told)
    assert open_log(source, LogColumns(), LogOptions("table")) is None
    with pytest.raises(InputError, match="expected one of sagemaker, azure-ml"):
        open_log(source, LogColumns(), LogOptions("sagemakr"))


def test_a_profile_of_whylogs_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "profile.bin").write_bytes(b"WHY1\x06\x0a\x04")
    with pytest.raises(InputError, match=r"driftmeter profile DATA .*, got a profile of whylogs: .* no common grid"):
        open_log(tmp_path / "profile.bin", LogColumns())


@pytest.mark.parametrize(
    "content",
    [
        {"report": {"items": []}, "name": None, "timestamp": "2026-01-01", "metric_results": {}, "widgets": []},
        {"id": "a", "suite": {"metrics": []}, "metrics_ids": [0], "timestamp": "2026-01-01"},
        {"version": "0.4.40", "metrics": [{"metric": "DatasetDriftMetric", "result": {}}]},
        {"metrics": [{"id": "a", "metric_id": "DriftedColumnsCount()", "value": 1}], "tests": []},
    ],
)
def test_reports_of_evidently_are_refused_with_the_reason(content: object, tmp_path: Path) -> None:
    (tmp_path / "snapshot.json").write_text(json.dumps(content, indent=1))
    with pytest.raises(InputError, match=r"driftmeter profile DATA .*, got a report of Evidently: .* no common grid"):
        open_log(tmp_path / "snapshot.json", LogColumns())


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('[{"prefix": "s3://b/in/"}, "a.csv", "b.csv"]', "a manifest of a batch transform"),
        ('{"version": 0.0, "dataset": {"item_count": 3}, "features": []}', "a baseline of SageMaker Model Monitor"),
        ('{"version": 0.0, "features": [{"name": "a"}]}', "a baseline of SageMaker Model Monitor"),
    ],
)
def test_what_sagemaker_writes_beside_its_captures_is_refused(content: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=f"got {what}, which holds none"):
        open_log(tmp_path / "a.json", LogColumns())


def test_rows_with_a_column_called_metrics_are_no_report(tmp_path: Path) -> None:
    source = lines(tmp_path / "rows.json", [{"metrics": 3, "report": "a"}])
    assert opened(source).columns() == {"metrics": [3], "report": ["a"]}


def test_a_pattern_of_tables_is_refused_with_what_to_give(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"tables are read from a file or a folder .*, got t.parquet"):
        open_log(f"{tmp_path}/*.parquet", LogColumns())


def test_a_request_a_line_is_its_rows(tmp_path: Path) -> None:
    bodies = [
        {"instances": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], "predictions": [0.1, 0.2]},
        {"dataframe_split": {"columns": ["a", "b"], "data": [[3, "z"]]}},
    ]
    columns = opened(lines(tmp_path / "bodies.jsonl", bodies)).columns()
    assert columns == {"a": [1, 2, 3], "b": ["x", "y", "z"], "prediction": [0.1, 0.2, None]}
