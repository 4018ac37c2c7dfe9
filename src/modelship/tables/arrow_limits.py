"""Limit the memory of an Arrow body relative to its length, and read the periods in it.

A few bytes can represent many values: a column of nulls has no bytes at all, and one long text of a
dictionary may be referenced a million times. A plain column takes at least a bit for each value. A
period of pandas is an integer, whose type holds the frequency.
"""

from __future__ import annotations

import json
from typing import Any

from .refused import Refused

__all__ = ["require_in_proportion", "with_periods_as_texts"]

_CELLS_A_BYTE = 8  # booleans take a bit each
_CELLS_ALWAYS = 100_000
_TEXT_A_BYTE = 32  # a category of 32 letters, of which each value takes one byte
_TEXT_ALWAYS = 1 << 25  # bytes: 32 MiB
_PERIOD = "pandas.period"
_VIEW = 4  # 32-bit numbers in the view of a text of the type string_view


def require_in_proportion(table: Any, length: int) -> None:
    """Raise Refused if a table is far larger than a body of this many bytes.

    Up to 8 values and 32 bytes of text are accepted for each byte of the body; 100000 values and 32
    MiB of text always.
    """
    for name, held in zip(table.column_names, table.columns):
        if (unreadable := _unreadable_in(held.type)) is not None:
            raise Refused(f"The Arrow body, column {name!r}: the type {unreadable} is not read.")
    cells, most = sum(map(_cells, table.columns)), max(_CELLS_ALWAYS, _CELLS_A_BYTE * length)
    if cells > most:
        raise _too_much(f"{cells} values", length, most=f"{most}")
    text, most = sum(map(_text, table.columns)), max(_TEXT_ALWAYS, _TEXT_A_BYTE * length)
    if text > most:
        raise _too_much(f"{text} bytes of text", length, most=f"{most}")


def _too_much(found: str, length: int, *, most: str) -> Refused:
    return Refused(f"The Arrow body of {length} bytes stands for {found}; at most {most} are read.")


def _unreadable_in(kind: Any, *, is_inner: bool = False) -> Any:
    """Return the type, or one nested in it, whose size is unknown before it is read."""
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind):
        return _unreadable_in(kind.value_type, is_inner=True)
    if types.is_struct(kind):
        inner = (_unreadable_in(kind[at].type, is_inner=True) for at in range(kind.num_fields))
        return next((each for each in inner if each is not None), None)
    if types.is_dictionary(kind):
        return kind if is_inner or _has_parts(kind.value_type) else None
    return kind if _has_parts(kind) or (is_inner and str(kind).endswith("_view")) else None


def _has_parts(kind: Any) -> bool:
    from pyarrow import types

    return kind.num_fields > 0 or types.is_dictionary(kind) or "run_end" in str(kind)


def _cells(held: Any) -> int:
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_list(held.type) or types.is_large_list(held.type):
        return len(held) + _cells(pc.list_flatten(held))
    if types.is_struct(held.type):
        return len(held) + sum(map(_cells, held.flatten()))
    if types.is_dictionary(held.type):
        return len(held) + max((len(chunk.dictionary) for chunk in held.chunks), default=0)
    return len(held)


def _text(held: Any) -> int:
    """Return the bytes of text in a column when each value is stored separately."""
    from pyarrow import types

    kind = held.type.value_type if types.is_dictionary(held.type) else held.type
    if str(kind).endswith("_view"):
        return sum(map(_text_of_views, held.chunks))
    if types.is_fixed_size_binary(kind):
        return len(held) * int(kind.byte_width)
    if not str(kind).endswith(("string", "binary")):
        return 0
    return sum(map(_text_of_chunk, held.chunks))


def _text_of_chunk(chunk: Any) -> int:
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_dictionary(chunk.type):
        lengths = pc.binary_length(chunk.dictionary).take(chunk.indices)
    else:
        lengths = pc.binary_length(chunk)
    return int(pc.sum(pc.cast(lengths, "int64")).as_py() or 0)


def _text_of_views(chunk: Any) -> int:
    import numpy as np

    if hasattr(chunk, "dictionary"):
        longest = max((len(each) for each in chunk.dictionary.to_pylist() if each), default=0)
        return len(chunk) * longest
    views = np.frombuffer(chunk.buffers()[1] or b"", dtype="<i4")
    return int(views[chunk.offset * _VIEW :: _VIEW][: len(chunk)].sum(dtype="int64"))


def with_periods_as_texts(table: Any) -> Any:
    """Return a pyarrow.Table with each period as its text, as in JSON.

    Raises
    ------
    Refused
        If a column of periods cannot be read as such.
    """
    for at, field in enumerate(table.schema):
        if (frequency := _frequency_of(field)) is not None:
            texts = _texts(table.column(at), frequency, name=field.name)
            table = table.set_column(at, field.name, texts)
    return table


def _frequency_of(field: Any) -> str | None:
    """Return the frequency of a period field; None for other fields, ``""`` if not given."""
    if getattr(field.type, "extension_name", "") == _PERIOD:  # pandas has registered the type
        return str(field.type.freq)
    told = field.metadata or {}
    if told.get(b"ARROW:extension:name") != _PERIOD.encode():
        return None
    try:
        return str(json.loads(told[b"ARROW:extension:metadata"])["freq"])
    except (KeyError, TypeError, ValueError):
        return ""


def _texts(held: Any, frequency: str, *, name: str) -> Any:
    import pyarrow as pa

    storage = [getattr(chunk, "storage", chunk) for chunk in held.chunks]
    numbers = pa.chunked_array(storage, type=getattr(held.type, "storage_type", held.type))
    try:
        import pandas as pd

        ordinals = numbers.fill_null(pd.NaT.value).to_numpy()
        periods = pd.arrays.PeriodArray(ordinals, dtype=f"period[{frequency}]")
        return pa.array([None if each is pd.NaT else str(each) for each in periods], pa.string())
    except (ImportError, ValueError, TypeError, pa.ArrowException):
        told = f"periods of the frequency {frequency!r} cannot be read; send their texts"
        raise Refused(f"The Arrow body, column {name!r}: {told}.") from None
