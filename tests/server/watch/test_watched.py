from __future__ import annotations

from driftmeter.panes.coverage import SourceRecord, Sources
from driftmeter.server.watch.watched import Watched


def test_a_verdict_is_fresh_for_ten_seconds_after_the_last_holder_of_the_lease() -> None:
    watched = Watched()
    assert watched.fresh(held=False, now=0.0)  # at first nobody need hold it
    assert watched.fresh(held=False, now=9.9)
    assert not watched.fresh(held=False, now=10.0)
    assert watched.fresh(held=True, now=30.0)
    assert watched.fresh(held=False, now=39.9)


def test_sources_are_counted_every_five_seconds_and_for_a_hundredth_of_the_time_at_most() -> None:
    watched = Watched()
    watched.counted(10.0, 10.01)
    assert watched.sources_due == 15.01
    watched.counted(20.0, 20.5)
    assert watched.sources_due == 70.5


def test_of_sources_that_were_silent_at_the_first_count_or_at_the_last_nobody_hears_again() -> None:
    def silent(*names: str) -> Sources:
        return Sources([SourceRecord(name) for name in names], now=200_000, pane=1_000)

    watched = Watched()
    assert watched.newly_silent(silent("a")) == []
    assert [source.source for source in watched.newly_silent(silent("c", "a", "b"))] == ["b", "c"]
    assert watched.newly_silent(silent("b")) == []
    assert [source.source for source in watched.newly_silent(silent("a", "b"))] == ["a"]
