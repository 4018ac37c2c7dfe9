"""A script's ``json.loads`` served by orjson, where both give the same: on request, never unasked.

orjson is strict where the standard library is lenient (NaN, 1e400, lone surrogates): it refuses,
and the standard library has the say, for errors too. Only integers beyond 64 bits would be
different without a word, since orjson makes floats of them; so texts that may hold one go the
usual way.
"""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

from .logs import logger

__all__ = ["serve_with_orjson"]

_FEWEST_DIGITS = 19  # of an integer that 64 bits cannot hold
_RUN = b"0" * _FEWEST_DIGITS
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LARGE = 20_000
"""From so many characters on NumPy finds runs of digits faster, if the script has loaded it."""


def serve_with_orjson(module: ModuleType) -> None:
    """Put the fast way in the place of ``json`` and ``loads`` in the script's own module."""
    try:
        import orjson
    except ImportError:
        logger.warning("MODELSHIP_FAST_JSON is set, but there is no orjson: json stays as it is.")
        return

    def loads(text: Any, /, **options: Any) -> Any:
        """Do as json.loads."""
        if not options and type(text) is str:
            try:
                if not _may_have_large_integer(text.encode()):
                    return orjson.loads(text)
            except ValueError:  # of any kind that orjson or the encoding has
                pass
        return json.loads(text, **options)

    fast = _FastJson(loads)
    replaced = [
        name for name, value in vars(module).items() if value is json or value is json.loads
    ]
    for name in replaced:
        setattr(module, name, fast if vars(module)[name] is json else loads)
    if replaced:
        logger.info("json.loads of the script is served by orjson (MODELSHIP_FAST_JSON).")
    else:
        logger.warning("MODELSHIP_FAST_JSON is set, but the script does not import json.")


class _FastJson(ModuleType):
    """The module json, but for one function."""

    def __init__(self, loads: Any) -> None:
        super().__init__("json")
        self.loads = loads

    def __getattr__(self, name: str) -> Any:
        return getattr(json, name)


def _may_have_large_integer(text: bytes) -> bool:
    """Tell whether there are 19 digits in a row anywhere."""
    numpy = sys.modules.get("numpy") if len(text) >= _LARGE else None
    if numpy is None:
        return text.translate(_DIGITS_TO_ZERO).find(_RUN) >= 0
    runs = numpy.frombuffer(text, numpy.uint8) - 0x30 < 10  # noqa: PLR2004 - unsigned: digits alone
    for shift in (1, 2, 4, 8, 3):  # runs of 2, 4, 8, 16, 19
        runs = runs[shift:] & runs[:-shift]
    return bool(runs.any())
