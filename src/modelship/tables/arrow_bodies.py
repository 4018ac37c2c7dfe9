"""Read Arrow's IPC format, a stream or a file, into columns of values.

Sizes in a body are not trusted until they are compared with the body's length: compressed bodies
are rejected, since their size is unknown, and the declared lengths of columns are validated; see
`arrow_limits` for the allowed proportion.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import TYPE_CHECKING, Any

from .arrow_limits import require_in_proportion, with_periods_as_texts
from .plain import to_plain
from .refused import Refused

if TYPE_CHECKING:
    from .checking import Check

__all__ = ["arrow_of_text", "arrow_table", "records_of", "values_of", "values_of_any"]

_FILE = b"ARROW1\0\0"
_COMPRESSION_SLOT = 3  # of the table RecordBatch, in Arrow's Message.fbs
_FITTING = {
    "integer": ("number", "boolean"),
    "number": ("number", "boolean"),
    "boolean": ("boolean",),
    "text": ("text", "date"),
    "date": ("date", "text"),
}


def arrow_of_text(text: Any) -> bytes:
    """Return the bytes that a body holds in base64.

    Raises
    ------
    Refused
        If it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        expected = "a stream of Arrow's IPC format in base64 is expected"
        raise Refused(f"What the body holds under 'arrow' cannot be read; {expected}.") from None


def arrow_table(body: bytes) -> Any:
    """Return the pyarrow.Table in a stream or a file.

    Raises
    ------
    Refused
        If there is none, if it is compressed, if it represents far more data than its length
        suggests, or if pyarrow is missing.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise Refused("This service does not read Arrow: it lacks pyarrow.", 415) from None
    # Between its magic bytes and its footer, a file holds a stream.
    source = pa.py_buffer(body)
    if body[: len(_FILE)] == _FILE:
        source = source.slice(len(_FILE))
    try:
        for message in pa.ipc.MessageReader.open_stream(source):
            if message.type in {"record batch", "dictionary"} and _is_compressed(message):
                raise Refused("The Arrow body is compressed: send it as it is.")
        table = pa.ipc.open_stream(source).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        if isinstance(error, Refused):
            raise
        raise Refused("The body is not in Arrow's IPC format.") from error
    require_in_proportion(table, len(body))
    return with_periods_as_texts(table)


def records_of(table: Any) -> list[dict[str, Any]]:
    """Return the rows of a pyarrow.Table as objects.

    Raises
    ------
    Refused
        If a value cannot be read.
    """
    columns = [
        _read(table.column(at), where=f"column {name!r}")
        for at, name in enumerate(table.column_names)
    ]
    return [dict(zip(table.column_names, row)) for row in zip(*columns)]


def _kind_of(kind: Any) -> str:
    """Return the kind of a column of Arrow's type: as :attr:`Column.kind`, or ``""``."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _kind_of(kind.value_type)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_boolean(kind):
        return "boolean"
    if types.is_date(kind) or types.is_timestamp(kind):
        return "date"
    return "text" if str(kind) in {"string", "large_string", "string_view"} else ""


def values_of(held: Any, check: Check, *, validate: bool) -> Any:
    """Return the values of one Arrow column: an array of numbers, or a list.

    Parameters
    ----------
    held : pyarrow.ChunkedArray
        The column.
    check : Check
        The schema of the values.
    validate : bool
        Whether to reject other values.

    Raises
    ------
    Refused
        If it is of another kind, or has a missing value that the model does not accept; lists in
        any case, where single values are expected.
    """
    if validate:
        found, fitting = _kind_of(held.type), _FITTING.get(check.kind)
        if fitting and found not in fitting and held.null_count < len(held):
            expected = f"values of the kind {check.kind!r} are expected"
            raise Refused(
                f"The Arrow body, {check.name}: it is of the type {held.type}; {expected}."
            )
        if check.column.missing is False and held.null_count:
            raise Refused(f"The Arrow body, {check.name}: a value is missing; none may be.")
    values = values_of_any(held, where=check.name)
    if not validate and isinstance(values, list):
        check.require_single(values)
    return to_plain(values) if (check.kind, _kind_of(held.type)) == ("text", "date") else values


def values_of_any(held: Any, *, where: str = "a column") -> Any:
    """Return the values of one Arrow column of any kind: an array of numbers, or a list.

    Raises
    ------
    Refused
        If a value cannot be read; the message names the column, given by `where`.
    """
    from pyarrow import types

    if types.is_dictionary(held.type):
        if not types.is_primitive(held.type.value_type):
            return _read(held, where=where)
        held = held.cast(held.type.value_type)
    if types.is_floating(held.type) or (types.is_integer(held.type) and not held.null_count):
        return held.to_numpy()
    values = _read(held, where=where)
    if types.is_decimal(held.type):
        return [None if each is None else float(each) for each in values]
    return values


def _read(held: Any, *, where: str) -> list[Any]:
    """Return the values of a column; those of a dictionary are converted once."""
    from pyarrow import types

    try:
        if not types.is_dictionary(held.type):
            return list(held.to_pylist())
        unified = held.unify_dictionaries()
        values = unified.chunk(0).dictionary.to_pylist() if unified.num_chunks else []
        codes = (code for chunk in unified.chunks for code in chunk.indices.to_pylist())
        return [None if code is None else values[code] for code in codes]
    except (ValueError, OverflowError, LookupError) as error:  # the year 10000, a time zone
        told = f"a value of the type {held.type} cannot be read"
        raise Refused(f"The Arrow body, {where}: {told}: {error}") from None


def _is_compressed(message: Any) -> bool:
    """Return whether the message, a flatbuffer, declares a compression of its body.

    pyarrow has verified the flatbuffer, but does not expose this field. In a dictionary, the batch
    is one table deeper.
    """
    held = memoryview(message.metadata)

    def number(code: str, at: int) -> int:
        return int(struct.unpack_from(code, held, at)[0])

    def slot(table: int, index: int) -> int:
        """Return the offset of the field, or 0 if it is absent."""
        fields = table - number("<i", table)
        at = 4 + 2 * index
        offset = number("<H", fields + at) if at < number("<H", fields) else 0
        return table + offset if offset else 0

    def below(at: int) -> int:
        return at + number("<I", at)

    header = below(slot(number("<I", 0), 2))
    if message.type == "dictionary":
        header = below(slot(header, 1))
    return slot(header, _COMPRESSION_SLOT) > 0
