from __future__ import annotations

from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.integrations.json_path import JsonPath

BODY = {"instances": [{"a b": [1, 2]}, {"a b": [3, 4]}], "data": {"*": 5, "deep": [[6], [7]]}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", BODY),
        ("$.instances", BODY["instances"]),
        ("$.instances[*]", BODY["instances"]),
        ("$.instances[1]['a b'][0]", 3),
        ('$.instances[*]["a b"][1]', [2, 4]),
        ("$.instances[*]['a b'][*]", [1, 2, 3, 4]),
        ("$['data']['*']", 5),
        ("$.data.deep[*][0]", [6, 7]),
    ],
)
def test_a_path_finds_a_value_or_one_in_each_item(path: str, found: Any) -> None:
    assert JsonPath.parse(path).find(BODY) == found


@pytest.mark.parametrize(
    "path", ["", "instances", "$instances", "$.", "$..a", "$[a]", "$[-1]", "$.a[*", "$['a]", "$.a b", 3]
)
def test_what_is_no_path_is_refused_with_an_example(path: Any) -> None:
    with pytest.raises(InputError, match=r"rows: expected a path such as \$\.instances\[\*\], got"):
        JsonPath.parse(path, "rows")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("$.rows", "body: expected an object with 'rows', got one with 'instances', 'data'"),
        ("$.data[*]", "body.data: expected an array, got an object"),
        ("$.instances[2]", "body.instances: expected an array with an item 2, got an array of 2"),
        ("$.instances[*].a", "body.instances[0]: expected an object with 'a', got one with 'a b'"),
        ("$.data.deep.x", "body.data.deep: expected an object with 'x', got a list"),
        ("$.instances[0]['a b'].x", "body.instances[0]['a b']: expected an object with 'x', got a list"),
    ],
)
def test_a_path_that_leads_nowhere_names_the_place(path: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        JsonPath.parse(path).find(BODY)
    assert str(caught.value) == message
