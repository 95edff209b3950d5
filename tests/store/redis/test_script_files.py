from __future__ import annotations

from importlib import resources

import pytest

from driftmeter.panes.coverage import RowTally
from driftmeter.store.redis.script_files import CONSTANTS, script

SCRIPTS = sorted(
    path.name.removesuffix(".lua") for path in resources.files("driftmeter.store.redis").joinpath("scripts").iterdir()
)


def test_a_script_gets_the_constants_that_it_names_and_no_others() -> None:
    text, _ = script("commit")
    head = text.partition("--")[0]
    assert head.splitlines() == [
        "local DAY = 86400000",
        "local SEAL_BYTES = 20",
        "local SPAN = 600000",
        f"local TALLY_FIELDS = {{{', '.join(map(repr, RowTally._fields))}}}",
    ]


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name not in ("prelude", "epilogue")])
def test_no_script_says_a_shared_number_again(name: str) -> None:
    main = script(name)[0].partition("local function main()")[2]
    assert not [constant for constant, value in CONSTANTS.items() if f" {value} " in f" {main} " and value != 20]


@pytest.mark.parametrize("constant", CONSTANTS)
def test_each_constant_is_needed_by_a_script(constant: str) -> None:
    assert any(f"local {constant} =" in script(name)[0] for name in SCRIPTS)
