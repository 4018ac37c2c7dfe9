"""Read and write arrays in Arrow's IPC format, if pyarrow is installed.

No size in a body is trusted before it is compared with the body's length, so that allocations are
at most a small multiple of the bytes sent. The format is that of Arrow's ``Message.fbs`` and
``Schema.fbs``; pyarrow reads and writes it.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .binary import BadBody, CannotWrite, plain_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[Any]]

__all__ = ["arrow_array", "write_arrow"]

_FILE = b"ARROW1\0\0"
_COMPRESSION_SLOT = 3  # in the table RecordBatch


def arrow_array(body: bytes, *, ndim: int | None = None) -> Numbers:
    """Return the rows in `body`, an Arrow IPC stream or file, as one array.

    Numeric columns become those of a 2-D array, in order. A single column of lists of one length,
    or of tensors of one shape, becomes an array with the corresponding additional dimensions. Nulls
    become NaN.

    Parameters
    ----------
    body : bytes
        The stream or file. Compressed ones are refused, since their size is unknown.
    ndim : int, optional
        The number of dimensions wanted; 1 takes a single column as it is.

    Raises
    ------
    BadBody
        If it contains anything else, or pyarrow is missing.
    """
    try:
        import pyarrow as pa  # optional
    except ImportError:
        raise BadBody(415, "This service does not read Arrow: it lacks pyarrow.") from None
    import numpy as np

    try:
        parts = list(_parts(body, ndim=ndim))
        if not parts:
            raise BadBody(400, "The Arrow body has no rows.")
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        raise BadBody(400, "The body is not in Arrow's IPC format.") from error


def _parts(body: bytes, *, ndim: int | None) -> Iterator[Numbers]:
    """Yield the array of each record batch, which is checked before and after it is read."""
    import pyarrow as pa

    # A file contains a stream, between its magic bytes and its footer.
    source = pa.py_buffer(body)
    if body[:8] == _FILE:
        source = source.slice(len(_FILE))
    messages = iter(pa.ipc.MessageReader.open_stream(source))
    first = next(messages, None)
    if first is None:
        raise BadBody(400, "The Arrow body is empty.")
    schema, is_uniform = _schema(first.serialize().to_pybytes())
    for message in messages:
        if message.type != "record batch":
            raise BadBody(400, f"The Arrow body holds a {message.type}: send columns of numbers.")
        if _is_compressed(message.metadata):
            raise BadBody(400, "The Arrow body is compressed: send it as it is.")
        batch = pa.ipc.read_record_batch(message, schema)
        batch.validate()  # the declared lengths of the columns, against the buffers
        # A thousand columns are cheap as long as none of them is accessed.
        yield batch.to_tensor(null_to_nan=True).to_numpy() if is_uniform else _rows(batch, ndim)


@lru_cache(maxsize=8)
def _schema(serialized: bytes) -> tuple[Any, bool]:
    """Return the schema, and whether pyarrow itself converts such columns to an array."""
    import pyarrow as pa

    schema = pa.ipc.read_schema(pa.py_buffer(serialized))
    if not schema.types:
        raise BadBody(400, "The Arrow body has no columns.")
    first, *others = schema.types
    is_uniform = bool(others) and _is_number(first) and all(each == first for each in others)
    return schema, is_uniform and hasattr(pa.RecordBatch, "to_tensor")  # since pyarrow 16


def _is_compressed(metadata: Any) -> bool:
    """Return whether the table of this message, a flatbuffer, declares a compression.

    pyarrow has verified the flatbuffer, but does not expose this field.
    """
    held = memoryview(metadata)

    def number(code: str, at: int) -> int:
        return int(struct.unpack_from(code, held, at)[0])

    def slot(table: int, index: int) -> int:
        """Return the position of the field, or 0 if it is missing."""
        fields = table - number("<i", table)
        at = 4 + 2 * index
        offset = number("<H", fields + at) if at < number("<H", fields) else 0
        return table + offset if offset else 0

    header = slot(number("<I", 0), 2)
    batch = header + number("<I", header)
    return slot(batch, _COMPRESSION_SLOT) > 0


def _rows(batch: Any, ndim: int | None) -> Numbers:
    import numpy as np

    flat = [_flat(each) for each in batch.columns]
    values, inner = flat[0]
    if len(flat) == 1:
        shape = inner if inner or ndim == 1 else (1,)
        return values.reshape(batch.num_rows, *shape)
    if any(inner for _, inner in flat):
        raise BadBody(400, "The Arrow body holds several columns, and lists in them.")
    return np.column_stack([values for values, _ in flat])


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _flat(column: Any) -> tuple[Numbers, tuple[int, ...]]:
    """Return all numbers of a column, and the shape of each of its items."""
    import pyarrow as pa

    shape: tuple[int, ...] = ()
    if str(column.type).startswith("extension<arrow.fixed_shape_tensor"):  # since pyarrow 12
        order = column.type.permutation
        if order is not None and list(order) != sorted(order):
            raise BadBody(400, "The Arrow body holds tensors in a permuted order.")
        if column.null_count:
            raise BadBody(400, "The Arrow body holds a list that is null.")
        shape, column = tuple(column.type.shape), column.storage.flatten()
    while pa.types.is_fixed_size_list(column.type):
        if column.null_count:
            raise BadBody(400, "The Arrow body holds a list that is null.")
        shape, column = (*shape, column.type.list_size), column.flatten()
    is_whole = pa.types.is_boolean(column.type) and not column.null_count
    if not (is_whole or _is_number(column.type)):
        raise BadBody(400, f"The Arrow body holds a column of the type {column.type}.")
    return column.to_numpy(zero_copy_only=False), shape


def write_arrow(result: Any) -> bytes:
    """Return the result of run() as an Arrow IPC stream, with one row per item.

    A dict becomes one column per key, anything else the column ``result``; the items of an array of
    more dimensions become lists of one length.

    Raises
    ------
    CannotWrite
        If it is not an array or a dict of arrays of one length, or pyarrow is missing.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise CannotWrite from error
    named = result if isinstance(result, dict) else {"result": result}
    try:
        columns = [_column(plain_array(each)) for each in named.values()]
        batch = pa.record_batch(columns, names=[str(each) for each in named])
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise CannotWrite from error
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _column(array: Numbers) -> Any:
    import pyarrow as pa

    if not array.ndim:
        raise CannotWrite
    column = pa.array(array.reshape(-1))
    for size in reversed(array.shape[1:]):
        column = pa.FixedSizeListArray.from_arrays(column, size)
    return column
