from __future__ import annotations

import threading

from driftmeter.client.buffer import AtomicCounter, Buffer, Raw, row_bytes


def raw(size: int = 1) -> Raw:
    return {f"f{i}": float(i) for i in range(size)}, None, None, 0.0


def test_a_counter_counts_from_many_threads_and_reading_changes_nothing() -> None:
    counter = AtomicCounter()

    def add() -> None:
        for number in range(10_000):
            counter.add()
            if number % 1000 == 0:
                counter.value()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (counter.value(), counter.value()) == (40_000, 40_000)


def test_rows_leave_in_the_order_in_which_they_came() -> None:
    buffer = Buffer(10)
    for number in range(5):
        buffer.rows.append(({"n": number}, None, None, 0.0))
    assert [row[0]["n"] for row in buffer.take(3)] == [0, 1, 2]
    assert len(buffer) == 2


def test_wide_rows_make_the_limit_smaller() -> None:
    limits = []
    for size in (10, 1000):
        buffer = Buffer(50_000)
        buffer.weigh(raw(size))
        buffer.fit(1_000_000)
        limits.append(buffer.limit)
    assert 50_000 > limits[0] > 10 * limits[1] > 0


def test_rows_that_are_held_elsewhere_count_towards_the_limit() -> None:
    buffer = Buffer(100)
    buffer.fit(10**9, held=40)
    assert buffer.limit == 60


def test_an_object_that_lies_about_its_size_is_estimated() -> None:
    class Liar:
        def __sizeof__(self) -> int:
            raise RuntimeError

    assert row_bytes(({"x": Liar()}, None, None, 0.0)) > 64
