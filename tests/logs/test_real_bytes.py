"""Logs as real programs wrote them, or around what they put on the wire."""

from __future__ import annotations

import base64
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.logs.columns import LogColumns
from tests.logs.samples import REAL, lines, opened
from tests.payloads.messages import message


def test_bentoml_writes_the_role_of_each_column_and_numpys_numbers_as_text() -> None:
    log = opened(REAL / "types")
    columns = log.columns()
    assert columns["prediction"] == ["setosa"] * 17
    assert (log.log.prediction, log.log.time) == ("prediction", "timestamp")
    assert columns["timestamp"][0] == "2026-11-27T10:42:37.573076"
    numbers = [1.5, 0.1, 0.1, 3.0, 1.0, math.nan, math.inf, None]
    texts = [None if cell is None else cell.decode("utf-8", "replace") for cell in columns["x"]]
    assert texts[:8] == [None if number is None else str(number) for number in numbers]
    assert texts[8:11] == ["é", "2026-01-02T03:04:05", "1.1"]
    assert columns["x"][11] == b"\xff[1.0, NaN]"  # a list is no text, and no number
    assert "read as UTC" in log.told[1]


def test_a_data_file_of_bentoml_alone_finds_the_schema_beside_it() -> None:
    log = opened(REAL / "types" / "data" / "data.1.log")
    assert set(log.columns()) == {"x", "prediction", "timestamp"}


def test_a_batch_of_bentoml_without_a_schema_is_rows_without_roles() -> None:
    log = opened(REAL / "batch")
    assert log.columns()["y"] == ["a", "b", "c"]
    assert any("no schema" in note for note in log.told)
    assert log.log.prediction is None


def test_rows_of_another_monitor_in_a_monitors_file_are_counted_and_left_out(tmp_path: Path) -> None:
    shutil.copytree(REAL / "monitoring", tmp_path / "monitoring")
    roles = [
        {"name": "who", "role": "feature", "type": "categorical"},
        {"name": "beta_len", "role": "feature", "type": "numerical"},
    ]
    lines(tmp_path / "monitoring" / "beta" / "schema" / "schema.1.log", [{"meta_data": {}, "columns": roles}])
    log = opened(tmp_path / "monitoring" / "beta")
    assert log.columns()["beta_len"] == [4.0, 4.0]
    assert log.told[-1].startswith("2 of 4 records are no rows and are left out: 2: a row of another monitor")
    with pytest.raises(InputError, match="the folder of one monitor, got 2: alpha, beta"):
        opened(tmp_path / "monitoring")
    both = opened(tmp_path / "monitoring", LogColumns(wanted=frozenset(["alpha_len"])))
    assert both.columns() == {"alpha_len": [5.0] * 4}  # two of them lie in the other one's file


def test_azures_collector_joins_inputs_and_outputs_by_position(tmp_path: Path) -> None:
    for collection in ("model_inputs", "model_outputs"):
        body = json.loads((REAL / f"azureml-ai-monitoring-1.0.0-{collection}.json").read_text())
        event = {
            "type": f"azureml.inference.{collection}",
            "time": "2026-11-27T10:39:46Z",
            "data": body,
            "correlationid": "c",
        }
        lines(tmp_path / collection / "2026" / "11" / "27" / "10" / "i.jsonl", [event])
    log = opened(tmp_path, LogColumns(prediction="p"))
    columns = log.columns()
    assert columns["p"] == [0.1, 0.2, 0.3]
    assert columns["l"] == [1, 2, 9007199254740993]
    assert columns["s"] == ["a", None, "é/"]
    assert columns["timestamp"] == ["2026-11-27T10:39:46Z"] * 3
    assert any("ten decimals" in note for note in log.told)


@pytest.mark.parametrize(
    ("request_of", "answer_of", "row"),
    [
        ("kserve-agent-0.20.0-ce-request-json", "kserve-agent-0.20.0-ce-response-json", {"a": [1.0], "p": [0.5]}),
        (
            "kserve-agent-0.20.0-ce-request-v2-binary",
            "kserve-agent-0.20.0-ce-response-v2-binary",
            {"x": [1.0], "p": [0.5]},
        ),
        ("kserve-agent-0.20.0-ce-request-v2-binary-metadata-headers", None, {"x": [1.0]}),
        ("kserve-agent-0.20.0-ce-request-gzip-labelled-json", None, {"a": [1.0]}),
    ],
)
def test_what_kserves_agent_logs_is_read_from_its_blobs(
    request_of: str, answer_of: str | None, row: dict[str, Any], tmp_path: Path
) -> None:
    for name, kind in ((request_of, "request"), (answer_of, "response")):
        if name is not None:
            headers, body = message(name)
            record = {
                "bytes": base64.b64encode(body).decode(),
                "reqType": headers["ce-type"],
                "id": headers["ce-id"],
                "component": headers["ce-component"],
                "metadata": json.loads(headers["ce-metadata"]),
                "occurrenceTime": headers["ce-time"],
            }
            (tmp_path / f"{headers['ce-id']}-{kind}.json").write_text(json.dumps(record))
    log = opened(tmp_path, LogColumns(order=("a",), prediction="p"))
    columns = log.columns()
    assert columns.pop("timestamp")[0].startswith("2026-11-27T11:07:")
    assert columns == row
    assert log.log.form.name == "kserve"


def test_what_mlflows_client_sends_is_read_from_an_inference_table(tmp_path: Path) -> None:
    def row(number: int, request: str, response: str) -> dict[str, Any]:
        bodies = {"request": message(request)[1].decode(), "response": response}
        return {"databricks_request_id": str(number), "timestamp_ms": 1_795_775_986_500, "status_code": "200", **bodies}

    rows = [
        row(1, "mlflow-3.18.0-client-dataframe_split-nan", '{"predictions": [NaN, 0.5, 1]}'),
        row(2, "mlflow-3.18.0-client-Int64-null", '{"predictions": [1, 2, 3]}'),
    ]
    columns = opened(lines(tmp_path / "t.jsonl", rows)).columns()
    first, second, *others = columns["d"]
    assert math.isnan(second)
    assert [first, *others] == [1.5, math.inf, None, None, None]
    assert columns["I"] == [None, None, None, 1, None, 3]
    assert columns["timestamp"][0] == 1_795_775_986.5
