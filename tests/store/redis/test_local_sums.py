from __future__ import annotations

import pytest

from driftmeter.panes.pane import PaneKey
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.redis.local_sums import MARK, KnownModel, Sum, Sums
from tests.store.samples import rows

EARLIER, LATER = PaneKey(0, 1000, "d"), PaneKey(1000, 1000, "d")


@pytest.fixture
def known() -> KnownModel:
    model = KnownModel()
    model.learn(b"first", 0, 1000)
    model.sums = {(EARLIER, "s"): Sum(0, rows(1)), (LATER, "s"): Sum(3, rows(2))}
    model.totals = {"s": SourceTotals(3, 3)}
    return model


@pytest.mark.parametrize("digest", ["d", "sha256:0123", "a:b:c"])
def test_a_place_comes_back_from_its_name(digest: str) -> None:
    place = PaneKey(1_700_000_000_000, 10_000, digest)
    assert PaneKey.parse(str(place)) == place


def test_what_ends_by_the_watermark_is_done_with(known: KnownModel) -> None:
    known.learn(b"first", 1000, 1000)
    assert list(known.sums) == [(LATER, "s")]
    assert known.totals == {"s": SourceTotals(3, 3)}


def test_what_is_open_stays_as_it_is(known: KnownModel) -> None:
    known.learn(b"first", 999, 2000)
    assert list(known.sums) == [(EARLIER, "s"), (LATER, "s")]
    assert (known.barrier, known.length) == (999, 2000)


def test_nothing_is_left_of_a_model_of_the_same_name_before(known: KnownModel) -> None:
    known.learn(b"second", 0, 1000)
    assert known.sums == {}
    assert known.totals == {}


def test_a_process_writes_under_a_name_of_its_own() -> None:
    one, other = Sums(), Sums()
    assert one.field("s") != other.field("s")
    assert one.field("s").split(MARK)[0] == "s"


def test_after_a_reset_it_begins_with_nothing_under_another_name() -> None:
    sums = Sums()
    before = sums.field("s")
    sums.of("m").totals["s"] = SourceTotals(1, 1)
    sums.reset()
    assert sums.field("s") != before
    assert sums.of("m").totals == {}


def test_a_model_is_kept_until_it_is_forgotten() -> None:
    sums = Sums()
    known = sums.of("m")
    assert sums.of("m") is known
    assert sums.of("other") is not known
    sums.forget("m")
    sums.forget("never known")
    assert sums.of("m") is not known
