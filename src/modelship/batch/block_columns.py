"""Convert one Arrow column to the buffers that a block holds of it.

The header of a column is JSON; :mod:`modelship.batch.scorer.block_values` reads it. Where a buffer
begins in the block is added when the block is written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from modelship.tables import to_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Numbers = np.ndarray[Any, np.dtype[Any]]

__all__ = ["BlockColumn", "block_column", "storage_of"]

_NAT = np.iinfo(np.int64).min
_FEWEST = 1000  # texts, for codes to be worthwhile
_TRIED = 10_000  # texts: more would take longer than codes save
_REPEATED = 4  # times that a text occurs on average, for codes to be worthwhile


@dataclass(frozen=True)
class BlockColumn:
    """The buffers of one column.

    Attributes
    ----------
    header : dict
        What the reader needs to know: the name, the kind, a dtype.
    buffers : dict[str, sequence of ndarray]
        The parts of each buffer, one after the other; the key is that of its position in the
        header.
    values : BlockColumn, optional
        The texts that the codes of a dictionary stand for.
    """

    header: dict[str, Any]
    buffers: dict[str, Sequence[Numbers]] = field(default_factory=dict)
    values: BlockColumn | None = None


def block_column(name: str, held: Any) -> BlockColumn:
    """Return the buffers of a pyarrow.ChunkedArray.

    Integers, decimals and booleans with nulls have a mask; in floats, a null is NaN. Dates,
    timestamps and durations are NumPy's. Texts that repeat are codes. Everything else is JSON.

    Raises
    ------
    NoPlainForm
        If a value has no JSON form.
    """
    held = storage_of(held)
    kind = held.type
    if types.is_null(kind):
        return BlockColumn({"name": name, "kind": "null"})
    for is_of, make in _KINDS:
        if is_of(kind):
            return make(name, held)
    if _is_of_vectors(held):
        return _vectors(name, held)
    return _json(name, held.to_pylist())


def storage_of(held: Any) -> Any:
    """Return the column that stores the values of an extension type, such as a tensor's."""
    if not isinstance(held.type, pa.BaseExtensionType):
        return held
    storage = held.type.storage_type
    return storage_of(pa.chunked_array([each.storage for each in held.chunks], type=storage))


def _numbers(name: str, held: Any) -> BlockColumn:
    if types.is_float16(held.type):  # for readers without NumPy
        held = held.cast(pa.float32())
    is_float = types.is_floating(held.type)
    chunks = held.chunks if is_float or not held.null_count else held.fill_null(0).chunks
    arrays = [each.to_numpy(zero_copy_only=False) for each in chunks]
    dtype = np.dtype(held.type.to_pandas_dtype()).str
    masks = {} if is_float else _mask(held)
    return BlockColumn({"name": name, "kind": "number", "dtype": dtype}, {"at": arrays, **masks})


def _decimals(name: str, held: Any) -> BlockColumn:
    # Python rounds a decimal to the nearest float, and so are decimals of JSON and Arrow bodies.
    floats = [0.0 if each is None else float(each) for each in held.to_pylist()]
    header = {"name": name, "kind": "number", "dtype": "<f8"}
    return BlockColumn(header, {"at": [np.array(floats, dtype="<f8")], **_mask(held)})


def _truths(name: str, held: Any) -> BlockColumn:
    chunks = held.fill_null(False).chunks if held.null_count else held.chunks
    arrays = [each.to_numpy(zero_copy_only=False) for each in chunks]
    return BlockColumn({"name": name, "kind": "boolean"}, {"at": arrays, **_mask(held)})


def _mask(held: Any) -> dict[str, Sequence[Numbers]]:
    """Return a byte for each value, which is 1 at a null; nothing without nulls."""
    if not held.null_count:
        return {}
    return {"mask": [each.is_null().to_numpy(zero_copy_only=False) for each in held.chunks]}


def _times(name: str, held: Any) -> BlockColumn:
    if types.is_date64(held.type):
        held = held.cast(pa.date32())
    unit = "D" if types.is_date32(held.type) else held.type.unit
    if unit == "D":
        held = held.cast(pa.int32())
    numbers = held.cast(pa.int64()).fill_null(_NAT)
    letter = "m" if types.is_duration(held.type) else "M"
    zone = getattr(held.type, "tz", None)
    header = {"name": name, "kind": "time", "dtype": f"<{letter}8[{unit}]", "zone": zone}
    return BlockColumn(header, {"at": [each.to_numpy() for each in numbers.chunks]})


def _texts(name: str, held: Any) -> BlockColumn:
    if _repeats(held):
        coded = held.dictionary_encode()
        column = _codes(name, coded)
        if column.values and len(held) >= _REPEATED * column.values.header["rows"]:
            return column
    return _strings(name, held, kind="text")


def _repeats(held: Any) -> bool:
    first = held.slice(0, _TRIED)
    return len(first) >= _FEWEST and len(first.unique()) * _REPEATED <= len(first)


def _codes(name: str, coded: Any, *, is_category: bool = False) -> BlockColumn:
    unified = coded.unify_dictionaries()
    texts = unified.chunk(0).dictionary if unified.num_chunks else pa.array([], pa.string())
    codes = [each.indices.cast(pa.int32()).fill_null(-1).to_numpy() for each in unified.chunks]
    header = {"name": name, "kind": "coded", "is_category": is_category}
    values = _strings(name, pa.chunked_array([texts]), kind="text")
    return BlockColumn(header, {"at": codes}, values)


def _categories(name: str, held: Any) -> BlockColumn:
    is_text = _is_text(held.type.value_type)
    if is_text and not any(each.dictionary.null_count for each in held.chunks):
        return _codes(name, held, is_category=True)
    decoded = [each.dictionary_decode() for each in held.chunks]
    return block_column(name, pa.chunked_array(decoded, type=held.type.value_type))


def _bytes(name: str, held: Any) -> BlockColumn:
    return _strings(name, held, kind="bytes")


def _strings(name: str, held: Any, *, kind: str) -> BlockColumn:
    wanted = pa.large_string() if kind == "text" else pa.large_binary()
    chunks = [_with_offsets(each, wanted) for each in held.chunks]
    offsets = [_offsets(each) for each in chunks]
    contents = [_content(*each) for each in zip(chunks, offsets, strict=True)]
    header = {"name": name, "kind": kind, "rows": len(held)}
    return BlockColumn(header, {"at": contents, "offsets": [*_joined(offsets)], **_mask(held)})


def _with_offsets(chunk: Any, wanted: Any) -> Any:
    """Return texts or bytes that are stored one after the other."""
    has_offsets = str(chunk.type) in {"string", "large_string", "binary", "large_binary"}
    return chunk if has_offsets else chunk.cast(wanted)


def _offsets(chunk: Any) -> Numbers:
    dtype = np.int64 if str(chunk.type).startswith("large") else np.int32
    if not len(chunk):
        return np.zeros(1, dtype)
    return np.frombuffer(chunk.buffers()[1], dtype)[chunk.offset :][: len(chunk) + 1]


def _content(chunk: Any, offsets: Numbers) -> Numbers:
    content = chunk.buffers()[2] if len(chunk) else None
    return np.frombuffer(content or b"", np.uint8)[offsets[0] : offsets[-1]]


def _joined(offsets: Iterable[Numbers]) -> Iterable[Numbers]:
    """Yield the offsets of all chunks, from 0 on."""
    at = 0
    for each in offsets:
        yield each[:-1].astype(np.int64) + (at - int(each[0]))
        at += int(each[-1]) - int(each[0])
    yield np.array([at], np.int64)


def _is_of_vectors(held: Any) -> bool:
    """Return whether each value is a list of numbers, all of one length, and none is missing."""
    if not types.is_fixed_size_list(held.type) or held.null_count:
        return False
    inner = held.type.value_type
    is_number = types.is_integer(inner) or types.is_floating(inner)
    return bool(is_number and not pc.list_flatten(held).null_count)


def _vectors(name: str, held: Any) -> BlockColumn:
    made = _numbers(name, pc.list_flatten(held))
    return BlockColumn({**made.header, "shape": [held.type.list_size]}, made.buffers)


def _json(name: str, values: Sequence[Any]) -> BlockColumn:
    texts = pa.array([json.dumps(to_plain(each)) for each in values], pa.large_string())
    made = _strings(name, pa.chunked_array([texts]), kind="json")
    return BlockColumn(made.header, made.buffers)


def _is_text(kind: Any) -> bool:
    return str(kind) in {"string", "large_string", "string_view"}


def _is_bytes(kind: Any) -> bool:
    return types.is_fixed_size_binary(kind) or str(kind) in {
        "binary",
        "large_binary",
        "binary_view",
    }


def _is_number(kind: Any) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind))


def _is_time(kind: Any) -> bool:
    return bool(types.is_date(kind) or types.is_timestamp(kind) or types.is_duration(kind))


_KINDS = (
    (types.is_dictionary, _categories),
    (_is_number, _numbers),
    (types.is_boolean, _truths),
    (_is_text, _texts),
    (_is_time, _times),
    (types.is_decimal, _decimals),
    (_is_bytes, _bytes),
)
