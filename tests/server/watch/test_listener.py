from __future__ import annotations

import asyncio

from driftmeter.server.watch.listener import Listener
from driftmeter.server.watch.view import ModelView


def view_of(model: str, body: bytes) -> ModelView:
    return ModelView(model, "digest", 1_000, body, {}, None, 0.0)


def test_a_listener_gets_the_newest_view_of_each_model_and_then_nothing() -> None:
    async def scenario() -> None:
        with Listener(set(), asyncio.Event()) as listener:
            assert await listener.next(0.01) == []
            for view in (view_of("a", b"old"), view_of("b", b"new"), view_of("a", b"new")):
                listener.offer(view)
            assert await listener.next(5.0) == [view_of("a", b"new"), view_of("b", b"new")]
            assert await listener.next(0.01) == []

    asyncio.run(scenario())


def test_a_listener_that_waits_is_told_of_the_end() -> None:
    async def scenario() -> None:
        stopping = asyncio.Event()
        with Listener(set(), stopping) as listener:
            waiting = asyncio.create_task(listener.next(60.0))
            await asyncio.sleep(0)
            stopping.set()
            listener.wake()
            assert await waiting is None
            assert await listener.next(60.0) is None

    asyncio.run(scenario())


def test_a_listener_belongs_to_the_others_only_while_it_is_used() -> None:
    async def scenario() -> None:
        listeners = set[Listener]()
        with Listener(listeners, asyncio.Event()) as listener:
            assert listeners == {listener}
        assert listeners == set()

    asyncio.run(scenario())
