from __future__ import annotations

import pytest

from driftmeter.panes.pane import PaneKey
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.redis.commit_reply import ModelState
from driftmeter.store.redis.local_sums import SEPARATOR, LocalModel, LocalSums, PaneSum
from driftmeter.types import Milliseconds
from tests.store.samples import rows

EARLIER, LATER = PaneKey(0, 1000, "d"), PaneKey(1000, 1000, "d")


def state(born: bytes, barrier: Milliseconds, length: Milliseconds = 1000) -> ModelState:
    return ModelState(0, born, barrier, length)


@pytest.fixture
def local() -> LocalModel:
    model = LocalModel()
    model.learn(state(b"first", 0))
    model.sums = {(EARLIER, "s"): PaneSum(0, rows(1)), (LATER, "s"): PaneSum(3, rows(2))}
    model.totals = {"s": SourceTotals(3, 3)}
    return model


@pytest.mark.parametrize("digest", ["d", "sha256:0123", "a:b:c"])
def test_the_key_of_a_pane_comes_back_from_its_name(digest: str) -> None:
    key = PaneKey(1_700_000_000_000, 10_000, digest)
    assert PaneKey.parse(str(key)) == key


def test_what_ends_by_the_watermark_is_done_with(local: LocalModel) -> None:
    local.learn(state(b"first", 1000))
    assert list(local.sums) == [(LATER, "s")]
    assert local.totals == {"s": SourceTotals(3, 3)}


def test_what_is_open_stays_as_it_is(local: LocalModel) -> None:
    local.learn(state(b"first", 999, length=2000))
    assert list(local.sums) == [(EARLIER, "s"), (LATER, "s")]
    assert (local.barrier, local.length) == (999, 2000)


def test_nothing_is_left_of_a_model_of_the_same_name_before(local: LocalModel) -> None:
    local.learn(state(b"second", 0))
    assert local.sums == {}
    assert local.totals == {}


def test_a_process_writes_under_a_name_of_its_own() -> None:
    one, other = LocalSums(), LocalSums()
    assert one.field("s") != other.field("s")
    assert one.field("s").split(SEPARATOR)[0] == "s"


def test_after_a_reset_it_begins_with_nothing_under_another_name() -> None:
    sums = LocalSums()
    before = sums.field("s")
    sums.of("m").totals["s"] = SourceTotals(1, 1)
    sums.reset()
    assert sums.field("s") != before
    assert sums.of("m").totals == {}


def test_a_model_is_kept_until_it_is_forgotten() -> None:
    sums = LocalSums()
    local = sums.of("m")
    assert sums.of("m") is local
    assert sums.of("other") is not local
    sums.forget("m")
    sums.forget("never known")
    assert sums.of("m") is not local
