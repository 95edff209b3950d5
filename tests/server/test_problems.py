from __future__ import annotations

import json

import pytest

from driftmeter import errors
from driftmeter.server import problems


def subclasses(cls: type[Exception]) -> set[type[Exception]]:
    return {cls}.union(*map(subclasses, cls.__subclasses__()))


def test_every_error_that_a_request_can_cause_is_in_the_table() -> None:
    raised = subclasses(errors.DriftmeterError) - {errors.DriftmeterError, errors.MissingExtraError}
    ours = {error for error in raised if error.__module__ in ("driftmeter.errors", "driftmeter.server.problems")}
    table = tuple(cls for cls, _ in problems.KINDS)
    assert all(issubclass(error, table) for error in ours)


def test_a_more_special_error_stands_before_the_more_general_one() -> None:
    classes = [cls for cls, _ in problems.KINDS]
    for position, cls in enumerate(classes):
        assert not any(issubclass(later, cls) for later in classes[position + 1 :])


def test_an_input_error_keeps_its_parts() -> None:
    content = json.loads(bytes(problems.error_response(errors.InputError("rows", "an array", "null")).body))
    assert (content["where"], content["expected"], content["got"]) == ("rows", "an array", "null")
    assert content["detail"] == "rows: expected an array, got null"


@pytest.mark.parametrize("error", [errors.StoreUnavailableError("away"), problems.OverloadedError("a", "b", "c")])
def test_what_may_work_later_says_when(error: Exception) -> None:
    answer = problems.error_response(error)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
