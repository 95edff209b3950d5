from collections.abc import Callable
from typing import Any

from driftmeter.types import Codes, Counts, Floats

MOST_TERMS: int
"""Of a regression."""
MOST_CUTS: int
"""Of a number."""

class Tables:
    def __init__(
        self,
        names: tuple[str, ...],
        prediction: int,
        bins: int,
        numbers: tuple[tuple[Any, ...], ...],
        categories: tuple[tuple[Any, ...], ...],
        regression: tuple[Any, ...] | None,
        number_types: tuple[type, ...],
        read_number: Callable[[int, object], float] | None,
        read_category: Callable[[int, object], int | tuple[int, str]] | None,
    ) -> None: ...
    def count_numbers(self, numbers: Floats, counts: Counts) -> None: ...
    def count_codes(self, codes: Codes, counts: Counts) -> None: ...
    def read_columns(self, columns: tuple[object, ...], numbers: Floats, codes: Codes) -> bytes: ...
    def read_rows(self, records: list[Any], numbers: Floats, codes: Codes) -> tuple[list[int], int]: ...

class Counter:
    rows: int
    def __init__(
        self,
        tables: Tables,
        clock: Callable[[], float],
        array_type: type,
        ahead: int,
        most_panes: int,
        most_texts: int,
        positions: bytes | None = None,
        given: int = 0,
        ignored: int = 0,
    ) -> None: ...
    def observe(self, features: object, prediction: object, is_value: bool = ..., /) -> int: ...
    def observe_at(self, features: object, prediction: object, time: float, /) -> int: ...
    def observe_matrix(self, matrix: Floats, predictions: list[object] | None, first: int, end: int, /) -> int: ...
    def observe_rows(
        self,
        numbers: Floats,
        codes: Codes,
        times: Floats | None,
        texts: dict[int, list[tuple[int, str]]],
        first: int,
        end: int,
        present: bytes,
        ignored: int,
        strangers: list[str],
        ignored_prediction: bool,
        /,
    ) -> int: ...
    def take(
        self,
    ) -> tuple[
        list[tuple[int, int, int, bytearray | None, list[list[tuple[int, str]]] | None]],
        int,
        int,
        bytes,
        list[str] | None,
    ]: ...
    def close(self) -> None: ...
    def set_terms(self, offset: float, length: int, /) -> None: ...
