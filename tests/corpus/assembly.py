"""Pickle instructions put together by hand, as an attacker would."""

from __future__ import annotations

import struct


def text(value: str) -> bytes:
    """A text, whatever its length."""
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def name(path: str) -> bytes:
    """``module:qualname``, imported."""
    module, _, qualname = path.partition(":")
    return text(module) + text(qualname) + b"\x93"


def values(*parts: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(parts) + b"t"


def call(path: str, *args: bytes) -> bytes:
    """A call of an imported name."""
    return name(path) + values(*args) + b"R"


def pairs(**entries: bytes) -> bytes:
    """A dict whose keys are texts."""
    return b"}(" + b"".join(text(key) + entries[key] for key in entries) + b"u"


def whole(*parts: bytes, protocol: int = 4) -> bytes:
    """A pickle."""
    return b"\x80" + bytes([protocol]) + b"".join(parts) + b"."


def integer(value: int) -> bytes:
    """An integer of up to eight bytes."""
    return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)


def run(marker: str) -> bytes:
    """A call of os.system that makes `marker`."""
    return call("os:system", text(f"touch {marker}"))
