from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.errors import StoreUnavailableError, UnknownModelError
from driftmeter.panes.pane import Pane
from driftmeter.panes.totals import SourceTotals
from driftmeter.server.ingest.committer import Committer
from driftmeter.server.problems import OverloadedError
from driftmeter.store import Store
from driftmeter.store.records import AddRows, PutPane, Receipt, Write


class Commits:
    """A store's `commit`: keeps the sizes of the transactions, and may be held up or fail.

    `go` lets it proceed; `begun` is set while a transaction is held up.
    """

    def __init__(self, answer: Callable[[Write], Receipt | Exception] = lambda write: Receipt()) -> None:
        self.sizes: list[int] = []
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()
        self.answer = answer

    def commit(self, writes: Sequence[Write]) -> list[Receipt | Exception]:
        self.begun.set()
        assert self.go.wait(10)
        self.sizes.append(len(writes))
        return [self.answer(write) for write in writes]


async def held_up(commits: Commits) -> None:
    """Wait until a transaction is under way; writes from now on wait for it."""
    assert await asyncio.to_thread(commits.begun.wait, 10)


def write(name: str = "w") -> AddRows:
    return AddRows(name, "digest", "source", (), SourceTotals())


def committer_of(commits: Commits, **options: int) -> Committer:
    return Committer(cast(Store, commits), **options)


def test_writes_gather_while_a_transaction_is_being_written() -> None:
    async def scenario() -> list[int]:
        commits = Commits()
        commits.go.clear()
        committer = committer_of(commits)
        first = asyncio.create_task(committer.commit(write()))
        await held_up(commits)
        rest = [asyncio.create_task(committer.commit(write())) for _ in range(20)]
        await asyncio.sleep(0)
        assert not first.done()
        commits.go.set()
        await asyncio.gather(first, *rest)
        await committer.drain()
        return commits.sizes

    assert asyncio.run(scenario()) == [1, 20]


def test_panes_that_wait_for_one_another_are_written_with_the_rows_that_come() -> None:
    pane = PutPane("w", Pane("digest", 0, 1_000, "sdk", 1, Summary(0, np.zeros(1, np.int64))))

    async def scenario() -> tuple[list[Receipt], list[int]]:
        commits = Commits(lambda write: Receipt(added=isinstance(write, PutPane)))
        committer = committer_of(commits)
        receipts = [await committer.commit(pane)]
        waiting = asyncio.create_task(committer.commit(pane))
        await asyncio.sleep(0)
        receipts += await asyncio.gather(waiting, committer.commit(write()))
        receipts.append(await committer.commit(pane))
        await committer.drain()
        return receipts, commits.sizes

    receipts, sizes = asyncio.run(scenario())
    assert [receipt.added for receipt in receipts] == [1, 1, 0, 1]
    assert sum(sizes) == 4


def test_a_write_that_the_store_refuses_fails_alone() -> None:
    def answer(write: Write) -> Receipt | Exception:
        return UnknownModelError("x") if write.model == "bad" else Receipt(late=3)

    async def scenario() -> list[Receipt | BaseException]:
        committer = committer_of(Commits(answer))
        receipts = await asyncio.gather(
            *(committer.commit(write(name)) for name in ("good", "bad", "good")), return_exceptions=True
        )
        await committer.drain()
        return receipts

    first, second, third = asyncio.run(scenario())
    assert isinstance(second, UnknownModelError)
    assert first == third == Receipt(late=3)


def test_a_write_that_breaks_its_transaction_fails_alone() -> None:
    def answer(write: Write) -> Receipt:
        if write.model == "bad":
            raise OverflowError("too large for the store")
        return Receipt()

    async def scenario() -> tuple[list[Receipt | BaseException], list[int]]:
        commits = Commits(answer)
        committer = committer_of(commits)
        receipts = await asyncio.gather(
            *(committer.commit(write(name)) for name in ("good", "bad", "good")), return_exceptions=True
        )
        await committer.drain()
        return receipts, commits.sizes

    receipts, sizes = asyncio.run(scenario())
    assert [type(receipt) for receipt in receipts] == [Receipt, OverflowError, Receipt]
    assert sizes == [3, 1, 1, 1]


def test_all_who_wait_hear_that_the_store_is_away() -> None:
    def away(write: Write) -> Receipt:
        raise StoreUnavailableError("away")

    async def scenario() -> tuple[list[Receipt | BaseException], list[int]]:
        commits = Commits(away)
        committer = committer_of(commits)
        receipts = await asyncio.gather(*(committer.commit(write()) for _ in range(3)), return_exceptions=True)
        await committer.drain()
        return receipts, commits.sizes

    receipts, sizes = asyncio.run(scenario())
    assert [type(receipt) for receipt in receipts] == [StoreUnavailableError] * 3
    assert sizes == [3]


def test_to_give_up_draining_leaves_the_writes_as_they_are() -> None:
    async def scenario() -> tuple[Receipt, int]:
        commits = Commits(lambda write: Receipt(late=3))
        commits.go.clear()
        committer = committer_of(commits)
        waiting = asyncio.create_task(committer.commit(write()))
        await held_up(commits)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(committer.drain(), 0.01)
        commits.go.set()
        await committer.drain()
        return await waiting, len(commits.sizes)

    assert asyncio.run(scenario()) == (Receipt(late=3), 1)


def test_more_writes_than_may_wait_are_refused_at_once() -> None:
    async def scenario() -> None:
        commits = Commits()
        commits.go.clear()
        committer = committer_of(commits, most_waiting=2)
        first = asyncio.create_task(committer.commit(write()))
        await held_up(commits)
        waiting = [asyncio.create_task(committer.commit(write())) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await committer.commit(write())
        commits.go.set()
        await asyncio.gather(first, *waiting)
        await committer.drain()

    asyncio.run(scenario())


def test_waiting_writes_are_bounded_by_the_bytes_of_their_counts() -> None:
    counts = Summary.zero(1_000)
    heavy = AddRows("w", "digest", "source", ((0, counts), (1, counts)), SourceTotals())

    async def scenario() -> None:
        commits = Commits()
        commits.go.clear()
        committer = committer_of(commits, most_bytes=40_000)
        first = asyncio.create_task(committer.commit(heavy))
        await held_up(commits)
        waiting = [asyncio.create_task(committer.commit(heavy)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="bytes"):
            await committer.commit(heavy)
        commits.go.set()
        await asyncio.gather(first, *waiting)
        await committer.commit(heavy)
        await committer.drain()

    asyncio.run(scenario())


def test_draining_settles_what_was_taken_and_takes_no_more() -> None:
    async def scenario() -> None:
        commits = Commits()
        committer = committer_of(commits)
        taken = [asyncio.create_task(committer.commit(write())) for _ in range(5)]
        await asyncio.sleep(0)
        await committer.drain()
        assert all(commit.done() and commit.result() == Receipt() for commit in taken)
        with pytest.raises(OverloadedError, match="shutting down"):
            await committer.commit(write())

    asyncio.run(scenario())


def test_a_request_that_is_given_up_harms_no_other() -> None:
    async def scenario() -> Receipt:
        commits = Commits()
        commits.go.clear()
        committer = committer_of(commits)
        first = asyncio.create_task(committer.commit(write()))
        second = asyncio.create_task(committer.commit(write()))
        await held_up(commits)
        first.cancel()
        commits.go.set()
        receipt = await second
        await committer.drain()
        return receipt

    assert asyncio.run(scenario()) == Receipt()
