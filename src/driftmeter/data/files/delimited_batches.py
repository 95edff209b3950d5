"""CSV and TSV files batch by batch, with each column in the type that all of its cells have together."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from driftmeter.data.files.delimited import File
from driftmeter.data.files.settle import Settled, Settling, converted

if TYPE_CHECKING:
    import pyarrow as pa

_GUESSED = 1 << 23
"""Bytes by which the types of the columns are guessed."""
_BLOCK = 1 << 20
_MISFIT = "conversion error"
"""In Arrow's message where a cell is not of its column's type."""


class DelimitedBatches:
    """A CSV or TSV file in two passes: the first decides the types of the columns, the second reads them.

    Arrow types a column by all of its cells only where it reads them all at once; where it streams, it guesses by the
    first ones. Here each cell is then looked at, and a column that the guess does not fit is typed alone, by all.
    """

    def __init__(self, file: File, wanted: Collection[str] | None) -> None:
        """Look through the file; `wanted` are the columns to read, None for all. Raises InputError on any fault."""
        self._file = file
        with file.faults():
            guessed = file.grown(_GUESSED, lambda block: file.stream(block, None, {}).schema)
            self.names: list[str] = guessed.names
            """All columns of the file."""
            self._only = [name for name in self.names if wanted is None or name in wanted]
            self._types: dict[str, Any] = {name: guessed.field(name).type for name in dict.fromkeys(self._only)}
            self._types |= dict.fromkeys(file.how.texts & self._types.keys(), _text())
            self._block = _BLOCK
            self._settled = self._settle()
        file.say_commas(self._settled)

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield tables of the wanted columns."""
        import pyarrow as pa

        written = self._settled.written
        types = self._types | dict.fromkeys(written, _text())
        with self._file.faults():
            for batch in self._file.stream(self._block, self._only, types):
                table = pa.Table.from_batches([batch])
                for name, how in written.items():
                    table = table.set_column(self._only.index(name), name, converted(table[name], how))
                yield table

    def _settle(self) -> Settled:
        """Complete `_types`, and decide which columns Arrow types wrongly."""
        import pyarrow as pa

        examined = [name for name in self._types if name not in self._file.how.texts]
        unfit = {name for name in examined if pa.types.is_null(self._types[name])}
        settling, more_unfit = self._look_through([name for name in examined if name not in unfit], guessed=True)
        unfit |= more_unfit
        self._types |= {name: self._typed_by_all(name) for name in sorted(unfit)}
        more, _ = self._look_through([name for name in examined if name in unfit], guessed=False)
        return Settling(settling.texts | more.texts, settling.numbers | more.numbers, settling.commas).settle()

    def _look_through(self, names: list[str], *, guessed: bool) -> tuple[Settling, set[str]]:
        """Look at all cells of some columns; return what they show, and the columns that their guessed type misfits."""
        import pyarrow as pa

        settling, unfit = self._start(names), set[str]()
        others = [name for name in names if name not in settling.columns] if guessed else []

        def look(block: int) -> int:
            nonlocal settling, unfit
            settling, unfit = self._start(names), set()
            columns = list(settling.columns)
            types = {name: self._types[name] for name in others} | dict.fromkeys(columns, _text())
            for batch in self._file.stream(block, [*types], types) if types else ():
                for name in columns:
                    if guessed and name not in unfit and not _fits(batch[name], self._types[name]):
                        unfit.add(name)
                    if name not in unfit:
                        settling.observe(name, batch[name])
            return block

        try:
            self._block = max(self._block, self._file.grown(_BLOCK, look))
        except pa.ArrowInvalid as error:
            if not (others and _MISFIT in str(error)):
                raise
            # rare: one of the other columns, truths or times, has cells of another type
            settling, unfit = self._look_through([*settling.columns], guessed=guessed)
            return settling, unfit | {*others}
        for name in unfit:
            settling.texts.pop(name, None)
            settling.numbers.pop(name, None)
        return settling, unfit

    def _typed_by_all(self, name: str) -> pa.DataType:
        """Return the first of Arrow's types that all cells of a column have, from the guessed one on."""
        import pyarrow as pa

        moments = [pa.timestamp(unit, zone) for zone in (None, "UTC") for unit in ("s", "ns")]
        kinds = [pa.null(), pa.int64(), pa.bool_(), pa.date32(), pa.time32("s"), *moments, pa.float64()]
        guess = self._types[name]
        for kind in kinds[kinds.index(guess) if guess in kinds else 0 :]:
            try:
                for _ in self._file.stream(self._block, [name], {name: kind}):
                    pass
            except pa.ArrowInvalid as error:
                if _MISFIT not in str(error):
                    raise
            else:
                return kind
        return _text()

    def _start(self, names: list[str]) -> Settling:
        types = {name: self._types[name] for name in names}
        return Settling.of(types, self._file.how.numbers, commas=self._file.dialect.delimiter != ",")


def _fits(cells: pa.Array, kind: pa.DataType) -> bool:
    """Say whether text is surely read as a type; text with blanks around a number may be, too."""
    import pyarrow as pa

    try:
        cells.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _text() -> pa.DataType:
    import pyarrow as pa

    return pa.string()
