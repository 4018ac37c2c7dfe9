"""Replace ``json.loads`` by orjson wherever both give the same result.

orjson is strict where the standard library is lenient (NaN, 1e400, lone surrogates): it rejects the
text, and the standard library reads it, or raises its own error. In two cases orjson would read
something else without an error, and such texts are not passed to it:

- integers beyond 64 bits, which it converts to floats;
- deep nesting, which the standard library may reject (RecursionError).

Only one method is replaced, of the decoder that ``json.loads`` uses when it is called without
options. ``json.loads`` itself is unchanged, and so are encodings, hooks and subclasses.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_json_with_orjson"]

_FEW_BRACKETS = 50
_AROUND = 900
"""The lists that are put around a text with many brackets.

orjson accepts 1024 levels of nesting. So it refuses a text with more than 124 levels of its own,
which the standard library may not read.
"""
_OPENED, _CLOSED = b"[" * _AROUND, b"]" * _AROUND
_FEWEST_DIGITS = 19  # of an integer beyond 64 bits
_DIGITS = b"0" * _FEWEST_DIGITS
_FRACTION = b"." + _DIGITS
_CLASSES = bytes.maketrans(b"123456789", b"000000000")
_MOST_CHARACTERS = 32 << 20
"""For a longer text, there may be no memory for its copies."""
_LARGE_BYTES = 8_000
"""From this size on NumPy finds runs of digits faster, if the script has imported it."""
_ODD_TEXTS = (
    '{"a": 1, "b": -0, "a": [true, null, "\\u00e9\\ud83d\\ude00"]}',
    "[-0.0, 5e-324, 1e23, 0.1234567890123456789, 2.2250738585072011e-308, 9007199254740993.0]",
)
_REFUSED_TEXTS = (
    *("NaN", "1e400", '"\\ud800"', "[1,]", "01", "\ufeff1", "[1] 2", '"\t"', "'a'"),
    "[" * 1025 + "]" * 1025,
)


def read_json_with_orjson() -> None:
    """Have ``json.loads`` use orjson, if it is installed and reads the same."""
    try:
        import orjson
    except ImportError:
        return
    decoder = getattr(json, "_default_decoder", None)
    if decoder is not None and _reads_alike(orjson.loads, decoder.decode):
        decoder.decode = _decode_with(orjson.loads, decoder.decode)


def _decode_with(fast: Callable[[str | bytes], Any], decode: Callable[..., Any]) -> Any:
    def decode_fast(text: str, *options: Any, **named: Any) -> Any:
        """Do the same as JSONDecoder.decode."""
        if type(text) is str and len(text) <= _MOST_CHARACTERS and not options and not named:
            try:
                return _read(text, fast)
            except ValueError:  # any subclass that orjson or the encoding raises
                pass
        return decode(text, *options, **named)  # outside the try, so that its error has no context

    return decode_fast


def _read(text: str, fast: Callable[[str | bytes], Any]) -> Any:
    """Return the value of a text.

    Raises
    ------
    ValueError
        If the standard library has to read it.
    """
    data = text.encode()
    if _has_many_digits(data) and _has_large_integer(data):
        raise ValueError(_FEWEST_DIGITS)
    if not _may_be_deep(data):
        return fast(text)
    value = fast(b"".join((_OPENED, data, _CLOSED)))
    for _ in range(_AROUND):
        [value] = value  # fails if the text closes one of these lists itself
    return value


def _reads_alike(fast: Callable[[str], Any], decode: Callable[[str], Any]) -> bool:
    """Return whether an orjson of any release reads and rejects the same texts."""
    try:
        if any(repr(fast(text)) != repr(decode(text)) for text in _ODD_TEXTS):
            return False
    except Exception:  # noqa: BLE001 - whatever it raises, it does not read the same
        return False
    return all(_refuses(fast, text) for text in _REFUSED_TEXTS)


def _refuses(fast: Callable[[str], Any], text: str) -> bool:
    try:
        fast(text)
    except ValueError:
        return True
    return False


def _has_many_digits(data: bytes) -> bool:
    """Return whether there are 19 consecutive digits anywhere."""
    numpy = sys.modules.get("numpy") if len(data) >= _LARGE_BYTES else None
    if numpy is None:
        return _DIGITS in data.translate(_CLASSES)
    runs = numpy.frombuffer(data, numpy.uint8) - 0x30 < 10  # noqa: PLR2004 - unsigned: digits alone
    for shift in (1, 2, 4, 8, 3):  # runs of 2, 4, 8, 16, 19
        runs = runs[shift:] & runs[:-shift]
    return bool(runs.any())


def _may_be_deep(data: bytes) -> bool:
    """Return whether there may be deep nesting: each level needs a bracket."""
    for bracket in (b"[", b"{"):
        at = -1
        for _ in range(_FEW_BRACKETS):
            at = data.find(bracket, at + 1)  # faster than counting: it stops early
            if at < 0:
                break
        else:
            return True
    return False


def _has_large_integer(data: bytes) -> bool:
    """Return whether there are 19 consecutive digits outside of fractions."""
    classes = data.translate(_CLASSES)
    while _FRACTION in classes:
        classes = classes.replace(_FRACTION, b".")
    return _DIGITS in classes
