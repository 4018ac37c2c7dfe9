"""Read some rows of one column of a block, in the forms that scripts take."""

from __future__ import annotations

import base64
import datetime as dt
import json
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Coded", "Times", "column_values", "json_values"]

_FORMATS = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "i2": "h", "i1": "b"}
_FORMATS |= {"u8": "Q", "u4": "I", "u2": "H", "u1": "B", "b1": "?"}
_NAT = -(1 << 63)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the zone is that of the column
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class Coded:
    """Texts that repeat: a code for each row, and the text of each code.

    Parameters
    ----------
    texts : sequence of str
        The texts.
    codes : ndarray of int32
        The position of each row's text; -1 is a missing one.
    is_category : bool
        Whether the input itself has codes: it is a dictionary of Arrow, or a pandas.Categorical.
    """

    def __init__(self, texts: Sequence[str], codes: Any, *, is_category: bool = False) -> None:
        self.texts = texts
        self.codes = codes
        self.is_category = is_category

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, at: int) -> Any:
        code = self.codes[at]
        return None if code < 0 else self.texts[code]

    def tolist(self) -> list[Any]:
        """Return the text of each row; None is a missing one."""
        texts = [*self.texts, None]  # which is at -1
        return [texts[code] for code in self.codes.tolist()]


class Times:
    """Dates, timestamps or durations.

    Parameters
    ----------
    array : ndarray of datetime64 or timedelta64
        The times; UTC if there is a zone. Of the unit day if they are dates.
    zone : str, optional
        The time zone.
    """

    def __init__(self, array: Any, zone: str | None) -> None:
        self.array = array
        self.zone = zone

    def __len__(self) -> int:
        return len(self.array)


def column_values(column: dict[str, Any], memory: memoryview, start: int, stop: int) -> Any:
    """Return the values of the rows `start` to `stop` of a column.

    Returns
    -------
    ndarray, list, Coded or Times
        An array of numbers or booleans, which shares the memory; of shape (n, k) if a value is a
        list of numbers. A list, in which None is a missing value, of anything else.
    """
    kind = column["kind"]
    if kind in {"number", "boolean"} and not _has_gaps(column, memory, start, stop):
        return _array(column, memory, start, stop)
    if kind == "coded":
        codes = _array({**column, "dtype": "<i4"}, memory, start, stop)
        texts = _dictionary(column, memory, codes)
        return Coded(texts, codes, is_category=column["is_category"])
    if kind == "time":
        return Times(_array(column, memory, start, stop), column["zone"])
    return _listed(column, memory, start, stop)


def json_values(column: dict[str, Any], memory: memoryview, start: int, stop: int) -> list[Any]:
    """Return the rows `start` to `stop` of a column as JSON values; NaN is None.

    Bytes become texts in base64; times become texts in ISO 8601.
    """
    values = _listed(column, memory, start, stop)
    if column["kind"] == "bytes":
        return [None if each is None else base64.b64encode(each).decode() for each in values]
    if column["kind"] == "number" and column["dtype"][1] == "f":
        return _without_nan(values)
    return values


def _without_nan(values: list[Any]) -> list[Any]:
    if values and isinstance(values[0], list):
        return [_without_nan(each) for each in values]
    return [None if each != each else each for each in values]  # noqa: PLR0124 - NaN


def _array(column: dict[str, Any], memory: memoryview, start: int, stop: int) -> Any:
    import numpy as np

    shape = column.get("shape", [])
    dtype = np.dtype(column.get("dtype", "?"))
    width = shape[0] if shape else 1
    at = column["at"] + start * width * dtype.itemsize
    found = np.frombuffer(memory, dtype, (stop - start) * width, at) if stop > start else ()
    return np.asarray(found, dtype).reshape(stop - start, *shape)


def _listed(column: dict[str, Any], memory: memoryview, start: int, stop: int) -> list[Any]:
    values = _LISTS[column["kind"]](column, memory, start, stop)
    if not _has_gaps(column, memory, start, stop):
        return values
    mask = _part(column["mask"], memory, "B", start, stop)
    return [None if is_gap else each for each, is_gap in zip(values, mask, strict=True)]


def _has_gaps(column: dict[str, Any], memory: memoryview, start: int, stop: int) -> bool:
    return "mask" in column and 1 in _part(column["mask"], memory, "B", start, stop)


def _part(at: int, memory: memoryview, code: str, start: int, stop: int) -> memoryview:
    """Return the items `start` to `stop` of a buffer."""
    size = memoryview(b"\0" * 8).cast(code).itemsize  # type: ignore[call-overload]  # not a literal
    return memory[at + start * size : at + stop * size].cast(code)  # type: ignore[call-overload,no-any-return]  # as above


def _numbers(column: dict[str, Any], memory: memoryview, start: int, stop: int) -> list[Any]:
    code = _FORMATS[column.get("dtype", "|b1")[1:]]
    [width] = column.get("shape", [1])
    found: list[Any] = _part(column["at"], memory, code, start * width, stop * width).tolist()
    if "shape" not in column:
        return found
    return [found[at : at + width] for at in range(0, len(found), width)]


def _nulls(_column: dict[str, Any], _memory: memoryview, start: int, stop: int) -> list[Any]:
    return [None] * (stop - start)


def _bytes(column: dict[str, Any], memory: memoryview, start: int, stop: int) -> list[bytes]:
    offsets = _part(column["offsets"], memory, "q", start, stop + 1).tolist()
    at, first = column["at"], offsets[0]
    held = bytes(memory[at + first : at + offsets[-1]])
    return [held[a - first : b - first] for a, b in pairwise(offsets)]


def _texts(column: dict[str, Any], memory: memoryview, start: int, stop: int) -> list[str]:
    offsets = _part(column["offsets"], memory, "q", start, stop + 1).tolist()
    at, first = column["at"], offsets[0]
    held = bytes(memory[at + first : at + offsets[-1]])
    if held.isascii():  # then a byte is a character
        text = held.decode("ascii")
        return [text[a - first : b - first] for a, b in pairwise(offsets)]
    try:
        return [held[a - first : b - first].decode() for a, b in pairwise(offsets)]
    except UnicodeDecodeError as error:
        raise _not_text(column, error.object) from None


def _not_text(column: dict[str, Any], found: bytes) -> ValueError:
    some = repr(found[:40])[1:]
    return ValueError(f"column {column['name']!r} holds {some}, which is not text in UTF-8")


def _dictionary(column: dict[str, Any], memory: memoryview, codes: Any) -> list[str]:
    """Return the texts of all codes; one that is not UTF-8 matters only to a row that has it."""
    values = column["values"]
    try:
        return _texts(values, memory, 0, values["rows"])
    except ValueError:
        held = _bytes(values, memory, 0, values["rows"])
        for code in dict.fromkeys(codes):
            if code >= 0 and not _is_text(held[code]):
                raise _not_text(column, held[code]) from None
        return [each.decode(errors="replace") for each in held]


def _is_text(held: bytes) -> bool:
    try:
        held.decode()
    except UnicodeDecodeError:
        return False
    return True


def _coded(column: dict[str, Any], memory: memoryview, start: int, stop: int) -> list[Any]:
    codes = _part(column["at"], memory, "i", start, stop).tolist()
    texts = [*_dictionary(column, memory, codes), None]
    return [texts[code] for code in codes]


def _jsons(column: dict[str, Any], memory: memoryview, start: int, stop: int) -> list[Any]:
    return [json.loads(each) for each in _bytes(column, memory, start, stop)]


def _times(column: dict[str, Any], memory: memoryview, start: int, stop: int) -> list[Any]:
    write = _writer(column["dtype"], column["zone"])
    numbers = _part(column["at"], memory, "q", start, stop)
    try:
        return [None if each == _NAT else write(each) for each in numbers]
    except OverflowError:
        told = "holds a time outside of the years 1 to 9999"
        raise ValueError(f"column {column['name']!r} {told}") from None


def _writer(dtype: str, zone: str | None) -> Callable[[int], str]:
    """Return the function from a number of units since 1970 to the text in ISO 8601."""
    unit = dtype[dtype.index("[") + 1 : -1]
    if dtype[1] == "m":
        return partial(_duration, per_second=_PER_SECOND[unit])
    if unit == "D":
        return _date
    return partial(_moment, per_second=_PER_SECOND[unit], zone=_zone(zone) if zone else None)


def _date(days: int) -> str:
    return (_EPOCH + dt.timedelta(days=days)).date().isoformat()


def _moment(count: int, *, per_second: int, zone: dt.tzinfo | None) -> str:
    seconds, rest = divmod(count, per_second)
    microseconds, nanoseconds = divmod(rest * (10**9 // per_second), 1000)
    moment = _EPOCH + dt.timedelta(seconds=seconds, microseconds=microseconds)
    if zone is not None:
        moment = moment.replace(tzinfo=dt.timezone.utc).astimezone(zone)
    text = moment.isoformat(timespec="microseconds") if nanoseconds else moment.isoformat()
    return f"{text[:26]}{nanoseconds:03d}{text[26:]}" if nanoseconds else text


def _duration(count: int, *, per_second: int) -> str:
    sign, (seconds, rest) = "-" if count < 0 else "", divmod(abs(count), per_second)
    fraction = f"{rest * (10**9 // per_second):09d}".rstrip("0")
    return f"PT{sign}{seconds}{'.' if fraction else ''}{fraction}S"


def _zone(name: str) -> dt.tzinfo:
    """Return a time zone of Arrow: a name, or an offset such as +02:00."""
    if name[0] in "+-":
        hours, minutes = name[1:].split(":")
        offset = dt.timedelta(hours=int(hours), minutes=int(minutes))
        return dt.timezone(-offset if name[0] == "-" else offset)
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


_LISTS: dict[str, Callable[..., list[Any]]] = {
    "number": _numbers,
    "boolean": _numbers,
    "null": _nulls,
    "bytes": _bytes,
    "text": _texts,
    "coded": _coded,
    "json": _jsons,
    "time": _times,
}
