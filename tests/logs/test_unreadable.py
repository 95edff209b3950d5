"""What of a log cannot be read is counted, told by reason with an example, and an error where it is much."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.logs.columns import LogColumns
from driftmeter.logs.read import LogOptions
from tests.logs.samples import capture, lines, opened

COLUMNS = LogColumns(order=("x", "c"))
GOOD = [capture(f"{number},a") for number in range(1_000)]


def test_each_reason_is_counted_and_told_with_an_example(tmp_path: Path) -> None:
    bad = [
        "{broken",
        capture("1,2,3"),
        capture("1,2,3"),
        capture("1,a", "0.1\n0.2"),
        "[1]",
        capture("1,a", encoding="X"),
    ]
    log = opened(lines(tmp_path / "log.jsonl", [*GOOD, *bad]), COLUMNS)
    assert log.columns()["x"] == list(range(1_000))
    (note,) = [note for note in log.told if "cannot be read" in note]
    assert note.startswith(
        "6 of 1,006 records (0.596 %) cannot be read and are left out: 2: expected 2 values a row (x, c) ("
    )
    assert "log.jsonl:1002: request: got 3" in note
    assert "1: expected JSON (log.jsonl:1001: record: got " in note
    assert "1: expected answers of as many rows as the request has (log.jsonl:1004: answer: got 2 of 1)" in note
    assert "1: expected an object (log.jsonl:1005[0]: record: got a number (1))" in note
    assert (
        "1: expected CSV, JSON or BASE64 (log.jsonl:1006: captureData.endpointInput.encoding: got text ('X'))" in note
    )


def test_more_than_a_hundredth_is_an_error_unless_it_is_allowed(tmp_path: Path) -> None:
    source = lines(tmp_path / "log.jsonl", [*GOOD, *["{broken"] * 11])
    with pytest.raises(
        InputError, match=r"11 of 1,011 records \(1.09 %\).* To leave these out: --allow-unreadable-records"
    ):
        opened(source, COLUMNS).columns()
    log = opened(source, COLUMNS, LogOptions(allow_unreadable=True))
    assert len(log.columns()["x"]) == 1_000
    assert "11 of 1,011" in log.told[-1]


def test_a_log_of_which_nothing_can_be_read_is_an_error_though_that_is_allowed(tmp_path: Path) -> None:
    source = lines(tmp_path / "log.jsonl", [capture("1,2,3")] * 5)
    with pytest.raises(InputError, match=r"5: expected 2 values a row \(x, c\) \(log.jsonl:1: request: got 3\)"):
        opened(source, COLUMNS, LogOptions(allow_unreadable=True))


def test_many_reasons_are_cut_off_and_still_counted(tmp_path: Path) -> None:
    bad = [capture("1,a", encoding="BASE64") for _ in range(3)]
    for number, one in enumerate(bad):
        one["captureData"]["endpointInput"]["data"] = base64.b64encode(b"\x93NUMPY\x00").decode()
        one["captureData"]["endpointInput"]["observedContentType"] = f"application/x-npy-{number}"
    log = opened(lines(tmp_path / "log.jsonl", [*GOOD, *bad]), COLUMNS)
    assert len(log.columns()["x"]) == 1_000
    assert "3: expected CSV or JSON in base64 (" in log.told[-1]
    assert "bytes that are no text (application/x-npy-0)" in log.told[-1]


@pytest.mark.parametrize(
    ("data", "answer", "reason"),
    [
        ("1,a\n2\n", "0.1\n0.2", "expected 2 values a row (x, c) (log.jsonl:1001: request: got 1)"),
        ('1,"a\n', "0.1", "expected rows of CSV"),
        ("1,a", "0.1,0.9", "expected one value a row, the answer (log.jsonl:1001: answer: got 2 values)"),
    ],
)
def test_csv_that_does_not_fit_is_refused(data: str, answer: str, reason: str, tmp_path: Path) -> None:
    log = opened(lines(tmp_path / "log.jsonl", [*GOOD, capture(data, answer)]), COLUMNS)
    assert len(log.columns()["x"]) == 1_000
    assert reason in log.told[-1]


def test_cells_with_quotes_commas_and_line_breaks_are_one_cell(tmp_path: Path) -> None:
    source = lines(tmp_path / "log.jsonl", [capture('1,"a, ""b""\nc"\n2,\n', "0.1\n0.2"), capture('3,""\r\n', "0.3")])
    columns = opened(source, COLUMNS).columns()
    assert columns["x"] == [1, 2, 3]
    assert columns["c"] == ['a, "b"\nc', None, ""]
    assert columns["prediction"] == [0.1, 0.2, 0.3]


def test_an_answer_that_was_not_captured_is_missing_and_told(tmp_path: Path) -> None:
    log = opened(lines(tmp_path / "log.jsonl", [capture("1,a"), capture("2,b", None)]), COLUMNS)
    assert log.columns()["prediction"] == [0.5, None]
    assert log.told[-1] == "1 records have no answer: their predictions count as missing"


def test_an_answer_without_its_request_is_no_row(tmp_path: Path) -> None:
    alone = capture("1,a")
    del alone["captureData"]["endpointInput"]
    log = opened(lines(tmp_path / "log.jsonl", [capture("1,a"), alone]), COLUMNS)
    assert log.columns()["x"] == [1]
    assert "1: an answer without its request (only OUTPUT was captured) (log.jsonl:2)" in log.told[-1]


def test_ground_truth_is_the_label_of_its_capture(tmp_path: Path) -> None:
    def one(number: int, **more: Any) -> dict[str, Any]:
        record = capture(f"{number},a", **more)
        record["eventMetadata"]["eventId"] = f"e-{number}"
        return record

    truth = {
        "groundTruthData": {"data": "1", "encoding": "CSV"},
        "eventMetadata": {"eventId": "e-2"},
        "eventVersion": "0",
    }
    merged = one(3, groundTruthData={"data": "0", "encoding": "CSV"})
    lines(tmp_path / "capture" / "a.jsonl", [one(1), one(2), merged])
    lines(tmp_path / "truth" / "a.jsonl", [truth, {**truth, "eventMetadata": {"eventId": "e-9"}}])
    log = opened(tmp_path, COLUMNS)
    columns = log.columns()
    assert dict(zip(columns["x"], columns["label"], strict=True)) == {1: None, 2: 1, 3: 0}
    assert log.log.label == "label"
    assert "1: a label without its request (truth/a.jsonl:2)" in log.told[-1]


def test_values_without_names_need_an_order(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected values with names, or the names in order \(--columns\)"):
        opened(lines(tmp_path / "log.jsonl", GOOD))
