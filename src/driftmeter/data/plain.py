"""Plain columns: Arrow columns of any type converted to a few plain types, which the rest of the code handles.

Plain types are booleans, integers, float32 and float64, large strings, dictionaries, times and null. Columns of types
without one plain meaning (lists, structs, intervals, tensors) stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

MOST_TEXT = 2 << 30
"""Most bytes of text in a column of views: views share buffers, so that a small file may unfold to any size."""
_VIEWS = ("string_view", "binary_view")


class TooMuchTextError(ValueError):
    """The views of a column unfold to more bytes than is allowed."""


def plain_table(table: pa.Table) -> pa.Table:
    """Return a table with plain columns; the names of the columns and the metadata stay."""
    for index, field in enumerate(table.schema):
        column = table.column(index)
        converted = plain(column, extension=_extension(field))
        if converted is not column:
            table = table.set_column(index, field.name, converted)
    return table


def _extension(field: pa.Field) -> str | None:
    """Return the name of the extension type of a field where Arrow does not know it and reads the storage instead."""
    name = (field.metadata or {}).get(b"ARROW:extension:name")
    return None if name is None else str(name.decode("utf-8", "replace"))


def plain(column: pa.ChunkedArray, *, extension: str | None = None, most_text: int = MOST_TEXT) -> pa.ChunkedArray:
    """Return a column in a plain type, or as it is where no plain type has the same meaning.

    UUIDs and JSON become text, and so do bytes where all are printable UTF-8. Decimals become integers where they have
    no decimal places, else float64. Run ends and views are unfolded, and the dictionaries of the chunks become one.
    `extension` is the name of the type whose storage this is. Raises TooMuchTextError where views unfold to more than
    `most_text` bytes.

    >>> import pyarrow as pa
    >>> str(plain(pa.chunked_array([[b"Ulm", b"Bonn"]])).type), str(plain(pa.chunked_array([[b"\\xff"]])).type)
    ('large_string', 'binary')
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
    """Return the plain type to cast a type of numbers or times to, None where it needs no cast."""
    import pyarrow as pa

    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_date64(kind):
        return pa.date32()
    if pa.types.is_time32(kind) or (pa.types.is_time64(kind) and kind.unit == "ns"):
        return pa.time64("us")  # Python's times have no nanoseconds
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
    """Mark a column whose storage is not its meaning, such as pandas' periods, which are stored as integers."""
    import pyarrow as pa

    kind = pa.opaque(column.type, name, "")
    return pa.chunked_array([pa.ExtensionArray.from_storage(kind, chunk) for chunk in column.chunks], kind)


def _of_uuids(storage: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write UUIDs, 16 bytes each, as text."""
    import pyarrow as pa

    if not pa.types.is_fixed_size_binary(storage.type) or storage.type.byte_width != 16:
        return storage
    coded = _coded(storage)
    texts = [None if data is None else str(UUID(bytes=data)) for data in coded.dictionary.to_pylist()]
    return pa.chunked_array([_dictionary(coded.indices, pa.array(texts, pa.large_string())).dictionary_decode()])


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
    if isinstance(array, pa.ChunkedArray):  # in some versions, where there are no chunks
        array = pa.array([], column.type)
    return array.dictionary_encode()


def _dictionary(indices: pa.Array, values: pa.Array) -> pa.DictionaryArray:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(indices, values)


def _one_dictionary(column: pa.ChunkedArray, most_text: int) -> pa.ChunkedArray:
    """Give the chunks of a dictionary column one dictionary of plain values.

    Each batch of a stream may have its own dictionary, and the joint one may need wider indices.
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
    if any(chunk.dictionary.type != values_type for chunk in chunks):  # bytes may be text in one chunk only
        return column
    converted = pa.chunked_array(chunks)
    return converted if len(chunks) == 1 else converted.unify_dictionaries()


def _whole(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _is_nested(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType))


def _unfolded(column: pa.ChunkedArray, most_text: int) -> pa.ChunkedArray:
    """Unfold run ends: numbers to numbers, all else to a dictionary, which does not repeat the values in memory."""
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
    unfolded = pa.chunked_array(chunks)
    if pa.types.is_primitive(unfolded.type.value_type):
        return unfolded.cast(unfolded.type.value_type)
    return _one_dictionary(unfolded, most_text) if not _is_nested(unfolded.type.value_type) else column


def _check_views(column: pa.ChunkedArray, most: int) -> None:
    """Raise TooMuchTextError where views unfold to more than `most` bytes: many of them may point at the same bytes."""
    total = 0
    for chunk in column.chunks:
        views = chunk.buffers()[1]
        if views is not None and len(chunk):
            # a view has 16 bytes, of which the first four are its length
            lengths = np.frombuffer(views, dtype="<i4", count=4 * (chunk.offset + len(chunk)))[4 * chunk.offset :: 4]
            valid = chunk.is_valid().to_numpy(zero_copy_only=False)
            total += int(lengths[valid].astype(np.int64).sum())
    if total > most:
        raise TooMuchTextError(f"{total} bytes")


def _text_of_bytes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return bytes as text where all are printable UTF-8, since old writers do not mark text; else as they are."""
    import pyarrow as pa
    from pyarrow import compute

    try:
        fixed = pa.types.is_fixed_size_binary(column.type)
        text = (column.cast(pa.binary()) if fixed else column).cast(pa.large_string())
    except pa.ArrowInvalid:
        return column
    # binary data, such as lengths of time, may be UTF-8 by chance
    unprintable = compute.any(compute.match_substring_regex(text, r"[\x00-\x08\x0e-\x1f]")).as_py()
    return column if unprintable else text


def _of_decimals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return decimals as integers where they have no decimal places and fit, else as float64.

    Databases export integers as such decimals.
    """
    import pyarrow as pa

    if column.type.scale == 0:
        try:
            return column.cast(pa.int64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    return column.cast(pa.float64())
