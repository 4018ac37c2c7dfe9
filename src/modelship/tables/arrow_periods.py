"""Read pandas periods from Arrow: integers whose type holds the frequency."""

from __future__ import annotations

import json
from typing import Any

from .refused import Refused

__all__ = ["with_periods_as_texts"]

_NAME = "pandas.period"


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
    if getattr(field.type, "extension_name", "") == _NAME:  # pandas has registered the type
        return str(field.type.freq)
    told = field.metadata or {}
    if told.get(b"ARROW:extension:name") != _NAME.encode():
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
