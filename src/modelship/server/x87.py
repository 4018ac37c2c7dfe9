"""Set the precision of the x87 unit once per JSON text instead of once per number.

CPython parses each float between two changes of that unit's precision, to double and back
(``_Py_SET_53BIT_PRECISION_START`` in ``pycore_pymath.h``), unless the thread has double precision
already. This is unnecessary on x86-64, where doubles never use the x87 unit, but it happens; and
some builds wait for the unit so long, on some processors, that it takes more time than the rest of
``json.loads``. The parsed values are the same. Long doubles would differ, so the precision is
changed only while json's own scanner runs, which calls no code of a script.

It is opt-in (MODELSHIP_X87_PRECISION): orjson does not use the unit at all, and the gain depends on
the processor.
"""

from __future__ import annotations

import ctypes
import json
import platform
import sys
import threading
from typing import Any

__all__ = ["read_json_in_double_precision"]

_WORTH_CHARACTERS = 1024
_ENVIRONMENT_BYTES = 32  # fenv_t of glibc on x86-64; its first two bytes are the control word
_PRECISION = 0x0300  # of the control word (Intel SDM, volume 1, section 8.1.5)
_DOUBLE = 0x0200


def read_json_in_double_precision() -> None:
    """Have ``json.loads`` set the precision itself, when called without options."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return
    library = ctypes.PyDLL(None)
    decoder = getattr(json, "_default_decoder", None)
    if decoder is None or not hasattr(library, "fegetenv"):
        return
    save, load = library.fegetenv, library.fesetenv
    save.argtypes = load.argtypes = [ctypes.c_void_p]
    scan, own = decoder.scan_once, _Own()

    def scan_once(text: str, index: int) -> Any:
        if len(text) < _WORTH_CHARACTERS:
            return scan(text, index)
        save(own.found_at)
        save(own.changed_at)
        own.word.value = own.word.value & ~_PRECISION | _DOUBLE
        try:
            load(own.changed_at)
            return scan(text, index)
        finally:
            load(own.found_at)

    decoder.scan_once = scan_once


class _Own(threading.local):
    """One thread's buffer for the state of its floating-point units."""

    def __init__(self) -> None:
        self.found = (ctypes.c_ubyte * _ENVIRONMENT_BYTES)()
        self.changed = (ctypes.c_ubyte * _ENVIRONMENT_BYTES)()
        self.word = ctypes.c_uint16.from_buffer(self.changed)
        self.found_at = ctypes.addressof(self.found)
        self.changed_at = ctypes.addressof(self.changed)
