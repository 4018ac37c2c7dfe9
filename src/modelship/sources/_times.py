"""Read an encoder's arrays of dates and durations, without their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.sources._stream import UndescribedError
from modelship.sources._tree import Thing, class_of, is_gap
from modelship.tables import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.sources._tree import Array, KnownDtype

__all__ = ["are_timestamps", "column_of_times"]

_TIMES: Final = {"M": "datetime64", "m": "timedelta64"}
_KINDS: Final = {"M": "date", "m": "mixed"}
_UNITS: Final = ("s", "ms", "us", "ns")  # those of pandas
_METADATA: Final = 8  # their index in the state, and their form: (dict or None, (unit, 1, 1, 1))
_NOT_A_TIME: Final = b"\0" * 7 + b"\x80"
_TIMESTAMP: Final = "pandas._libs.tslibs.timestamps._unpickle_timestamp"


def column_of_times(array: Array, *, strict: bool) -> Column:
    """Return the column of an encoder's values; unknown if they are not dates or durations."""
    try:
        letter, _ = array.dtype.code
    except UndescribedError:
        return Column()
    unit = _unit_of(array.dtype)
    if letter not in _TIMES or not unit:
        return Column()
    missing = True if _has_gap(array) else False if strict else None
    return Column(kind=_KINDS[letter], dtype=f"{_TIMES[letter]}[{unit}]", missing=missing)


def are_timestamps(values: Sequence[object]) -> bool:
    """Return whether values are timestamps of pandas, as for those with a time zone."""
    present = [each for each in values if not is_gap(each)]
    is_moment = (isinstance(each, Thing) and class_of(each) == _TIMESTAMP for each in present)
    return bool(present) and all(is_moment)


def _unit_of(dtype: KnownDtype) -> str:
    state = dtype.state
    held = state[_METADATA:] if isinstance(state, tuple) else ()
    match held:
        case ((_, (bytes(unit) | str(unit), 1, 1, 1)),):
            text = unit.decode("latin-1") if isinstance(unit, bytes) else unit
            return text if text in _UNITS else ""
    return ""


def _has_gap(array: Array) -> bool:
    data = array.data if isinstance(array.data, bytes) else b""
    size, gap = len(_NOT_A_TIME), _NOT_A_TIME[:: -1 if array.dtype.is_big_endian else 1]
    return any(data[at : at + size] == gap for at in range(0, len(data), size))
