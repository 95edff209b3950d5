"""Arrow columns of any type as columns of a few plain ones, so that everything behind them knows each value.

Plain are booleans, integers, float32 and float64, large strings, dictionaries, times and null. Types without one plain
meaning (lists, structs, intervals, tensors) stay as they are: who wants such a column says so by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

MOST_TEXT = 2 << 30
"""Bytes that the texts of one column may take at most, where a few bytes can say as many: views share their buffers."""
_VIEWS = ("string_view", "binary_view")


class TooMuchTextError(ValueError):
    """The views of a column unfold to more bytes than they may."""


def plain_table(table: pa.Table) -> pa.Table:
    """Return a table with each column as `plain` makes it; names and metadata stay."""
    for place, field in enumerate(table.schema):
        column = table.column(place)
        made = plain(column, extension=_extension(field))
        if made is not column:
            table = table.set_column(place, field.name, made)
    return table


def _extension(field: pa.Field) -> str | None:
    """Return the name of an extension type that this process does not know, which Arrow then reads as its storage."""
    name = (field.metadata or {}).get(b"ARROW:extension:name")
    return None if name is None else str(name.decode("utf-8", "replace"))


def plain(column: pa.ChunkedArray, *, extension: str | None = None, most_text: int = MOST_TEXT) -> pa.ChunkedArray:
    """Return a column in one of the plain types, or as it is where none has the same meaning.

    UUIDs and JSON become text, bytes too where all of them are UTF-8; decimals become integers where they have no
    decimal places, else float64; run ends and views are unfolded, dictionaries of the chunks made one.
    Raises TooMuchTextError where views unfold to more than `most_text` bytes.
    """
    import pyarrow as pa

    kind = column.type
    name = str(kind)
    if isinstance(kind, pa.BaseExtensionType):
        return _of_extension(column, kind.extension_name)
    if extension is not None:
        return _EXTENSIONS[extension](column) if extension in _EXTENSIONS else _opaque(column, extension)
    if pa.types.is_dictionary(kind):
        return _one_dictionary(column, most_text)
    if pa.types.is_run_end_encoded(kind):
        return _unfolded(column, most_text)
    if name in _VIEWS:
        _check_views(column, most_text)
        column = column.cast(pa.large_string() if name == "string_view" else pa.large_binary())
        return column if name == "string_view" else _text_of_bytes(column)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _text_of_bytes(column)
    if pa.types.is_decimal(kind):
        return _of_decimals(column)
    to = _cast_to(kind)
    return column if to is None else column.cast(to, safe=False)


def _cast_to(kind: pa.DataType) -> pa.DataType | None:
    """Return the plain type that a type of numbers or times is cast to, if it is not plain itself."""
    import pyarrow as pa

    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_date64(kind):
        return pa.date32()
    if pa.types.is_time32(kind) or (pa.types.is_time64(kind) and kind.unit == "ns"):
        return pa.time64("us")  # Python's times are no finer
    if pa.types.is_duration(kind) and kind.unit != "us":
        return pa.duration("us")
    return None


def _of_extension(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    import pyarrow as pa

    if name not in _EXTENSIONS:
        return column
    storage = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    return _EXTENSIONS[name](storage)


def _opaque(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Say of a column that its storage is not what it means, as of pandas' periods, which are stored as integers."""
    import pyarrow as pa

    kind = pa.opaque(column.type, name, "")
    return pa.chunked_array([pa.ExtensionArray.from_storage(kind, chunk) for chunk in column.chunks], kind)


def _of_uuids(storage: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write UUIDs, 16 bytes each, in their one text form."""
    import pyarrow as pa

    if not pa.types.is_fixed_size_binary(storage.type) or storage.type.byte_width != 16:
        return storage
    coded = _coded(storage)
    texts = [None if each is None else each.hex() for each in coded.dictionary.to_pylist()]
    shown = [t and f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in texts]
    return pa.chunked_array([_dictionary(coded.indices, pa.array(shown, pa.large_string())).dictionary_decode()])


def _of_json(storage: pa.ChunkedArray) -> pa.ChunkedArray:
    return plain(storage)


def _of_bool8(storage: pa.ChunkedArray) -> pa.ChunkedArray:
    from pyarrow import compute

    return compute.not_equal(storage, 0)


_EXTENSIONS = {"arrow.uuid": _of_uuids, "arrow.json": _of_json, "arrow.bool8": _of_bool8}


def _coded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a column as one array of indices into its distinct values."""
    import pyarrow as pa

    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(array, pa.ChunkedArray):  # of no chunks at all, in some versions
        array = pa.array([], column.type)
    return array.dictionary_encode()


def _dictionary(indices: pa.Array, values: pa.Array) -> pa.DictionaryArray:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(indices, values)


def _one_dictionary(column: pa.ChunkedArray, most_text: int) -> pa.ChunkedArray:
    """Give the chunks of a dictionary column one dictionary of plain values.

    Each batch of a stream may bring a dictionary of its own, and together they may need wider indices than each.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_null(kind.value_type) or pa.types.is_dictionary(kind.value_type):
        return pa.chunked_array([pa.nulls(len(column))]) if pa.types.is_null(kind.value_type) else column
    wide = pa.int64() if kind.index_type in (pa.int64(), pa.uint32(), pa.uint64()) else pa.int32()
    chunks = []
    for chunk in column.chunks:
        values = plain(pa.chunked_array([chunk.dictionary]), most_text=most_text)
        if _is_nested(values.type):
            return column
        chunks.append(_dictionary(chunk.indices.cast(wide), _whole(values)))
    if not chunks:
        return column
    values_type = chunks[0].dictionary.type
    if any(chunk.dictionary.type != values_type for chunk in chunks):  # such as bytes that are text in one chunk only
        return column
    made = pa.chunked_array(chunks)
    return made if len(chunks) == 1 else made.unify_dictionaries()


def _whole(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _is_nested(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType))


def _unfolded(column: pa.ChunkedArray, most_text: int) -> pa.ChunkedArray:
    """Unfold run ends: numbers to numbers, all else to a dictionary, which takes no more bytes than its values."""
    import pyarrow as pa

    chunks = []
    for chunk in column.chunks:
        ends = np.asarray(chunk.run_ends.to_numpy(zero_copy_only=False), dtype=np.int64)
        first, last = chunk.offset, chunk.offset + len(chunk)
        lengths = np.diff(np.clip(np.concatenate([[first], ends]), first, last))
        if (lengths < 0).any() or int(lengths.sum()) != len(chunk):
            raise pa.ArrowInvalid("run ends that do not ascend to the number of rows")
        values = plain(pa.chunked_array([chunk.values]), most_text=most_text)
        runs = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
        chunks.append(_dictionary(pa.array(runs), _whole(values)))
    kind = column.type.value_type
    if not chunks:
        return pa.chunked_array([], kind)
    made = pa.chunked_array(chunks)
    if pa.types.is_primitive(made.type.value_type):
        return made.cast(made.type.value_type)
    return _one_dictionary(made, most_text) if not _is_nested(made.type.value_type) else column


def _check_views(column: pa.ChunkedArray, most: int) -> None:
    """Refuse views that unfold to more than `most` bytes: any number of them may point at the same ones."""
    total = 0
    for chunk in column.chunks:
        views = chunk.buffers()[1]
        if views is not None and len(chunk):
            # a view is 16 bytes, the first four of which are its length
            lengths = np.frombuffer(views, dtype="<i4", count=4 * (chunk.offset + len(chunk)))[4 * chunk.offset :: 4]
            valid = chunk.is_valid().to_numpy(zero_copy_only=False)
            total += int(lengths[valid].astype(np.int64).sum())
    if total > most:
        raise TooMuchTextError(f"{total} bytes")


def _text_of_bytes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return bytes as text where all are printable UTF-8, as old writers leave text unmarked; else as they are."""
    import pyarrow as pa
    from pyarrow import compute

    try:
        fixed = pa.types.is_fixed_size_binary(column.type)
        text = (column.cast(pa.binary()) if fixed else column).cast(pa.large_string())
    except pa.ArrowInvalid:
        return column
    # lengths of time and the like are bytes that may be UTF-8 by chance
    unprintable = compute.any(compute.match_substring_regex(text, r"[\x00-\x08\x0e-\x1f]")).as_py()
    return column if unprintable else text


def _of_decimals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return decimals as integers where they have no decimal places and fit, as databases export integers."""
    import pyarrow as pa

    if column.type.scale == 0:
        try:
            return column.cast(pa.int64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    return column.cast(pa.float64())
