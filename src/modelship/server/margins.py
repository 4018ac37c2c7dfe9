"""Indent the log output of scripts, so that only lines of the server are unindented.

A request determines what a script prints, logs and raises. If it were written unchanged, a request
could add lines to the log that look like the server's own. So all lines of a record but the first
are indented, as is each line that the script writes to ``sys.stdout`` or ``sys.stderr``, and
control characters other than colors are escaped. In a JSON log such a line is an object.

Output that bypasses Python, such as that of a program that the script starts, is not processed
here.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Indented", "ScriptStream", "end_lines", "indented"]

_INDENT = "    "
_MOST_KEPT = 2**16  # bytes of an unfinished line
# Where str.splitlines() breaks a line; readers of a log may do the same.
_BREAK = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BREAK_BYTES = re.compile(rb"\r\n|[\n\r\x0b\x0c\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]")
_CONTROL = re.compile("\x1b(?!\\[[0-9;]*m)|[\x00-\x08\x0e-\x1a\x1f\x7f-\x84\x86-\x9f]")
_CONTROL_BYTES = re.compile(rb"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0e-\x1a\x1f\x7f]")


def indented(text: str) -> str:
    """Return `text` with all lines but the first indented, and control characters escaped."""
    if text.isprintable():
        return text
    lines = _BREAK.sub(f"\n{_INDENT}", text.rstrip("\r\n"))
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", lines)


class Indented(logging.Formatter):
    """Formats like another formatter, with all lines but the first indented."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return indented(self._inner.format(record))


class ScriptStream(io.RawIOBase):
    """The target of a script's ``sys.stdout`` or ``sys.stderr``.

    Parameters
    ----------
    descriptor : int
        The file descriptor that the lines are written to.
    as_object : callable, optional
        Formats a line written by a script; without it, lines are indented.
    """

    def __init__(self, descriptor: int, *, as_object: Callable[[str], str] | None) -> None:
        self._descriptor = descriptor
        self._as_object = as_object
        self._kept = b""  # an unfinished line, if lines become objects
        self._in_line = False

    @staticmethod
    def around(stream: Any, *, as_object: Callable[[str], str] | None) -> io.TextIOWrapper:
        """Return a text stream for the script that replaces `stream`."""
        raw = ScriptStream(stream.fileno(), as_object=as_object)
        # Binary writes to .buffer arrive here as well.
        return io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=True,
        )

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        given = bytes(data)
        if self._as_object is not None:
            *lines, self._kept = _BREAK_BYTES.split(self._kept + given)
            if len(self._kept) > _MOST_KEPT:
                lines, self._kept = [*lines, self._kept], b""
            self._put("".join(map(self._object, lines)).encode())
        elif given:
            start = b"" if self._in_line else _INDENT.encode()
            last = _BREAK_BYTES.search(given, len(given) - 1)
            body = given[: last.start()] if last else given
            shown = _BREAK_BYTES.sub(rb"\g<0>" + _INDENT.encode(), body)
            shown = _CONTROL_BYTES.sub(lambda found: b"\\x%02x" % ord(found[0]), shown)
            self._put(start + shown + (last[0] if last else b""))
            self._in_line = last is None
        return len(given)

    def end_line(self) -> None:
        """End the script's unfinished line, so that the next one starts at the margin."""
        if self._kept:
            self.write(b"\n")
        elif self._in_line:
            self._put(b"\n")
            self._in_line = False

    def _object(self, line: bytes) -> str:
        text = line.decode(errors="replace")
        return f"{self._as_object(text)}\n" if line and self._as_object else ""

    def _put(self, data: bytes) -> None:
        with suppress(OSError):  # disk full or reader gone: run() must not fail
            while data:
                data = data[os.write(self._descriptor, data) :]


def end_lines() -> None:
    """End the unfinished lines of a script on all streams."""
    for stream in (sys.stdout, sys.stderr):
        buffer = getattr(stream, "buffer", None)
        raw = getattr(buffer, "raw", None)
        if isinstance(raw, ScriptStream):
            with suppress(ValueError):  # the script has closed it
                stream.flush()
                raw.end_line()
