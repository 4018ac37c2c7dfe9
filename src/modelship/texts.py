"""Detect the encoding of users' text files, and explain why one cannot be read.

They come from many editors and shells. A byte order mark declares the encoding: UTF-8, as written
by Notepad, or UTF-16, as written by ``>`` in PowerShell. A coding line as in :pep:`263` is accepted
in any of them, as pip does for requirements. Everything else is UTF-8; invalid UTF-8 is an error
that names the line, since any guess would be right for some letters and wrong for others.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from modelship.documents import DocumentError, read_regular

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SAVE_AS_UTF8", "as_text", "python_problem", "read_text"]

SAVE_AS_UTF8: Final = "Save it again as UTF-8 (in PowerShell: Set-Content -Encoding utf8)."
"""The advice for text in another encoding."""

_MOST_BYTES: Final = 2**30
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UTF_8: Final = frozenset(("", "utf-8", "utf8", "utf-8-sig"))
_CODING: Final = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


def read_text(path: Path, *, most_bytes: int = _MOST_BYTES) -> str:
    r"""Return the text of a file, with every line break as ``\n``.

    Parameters
    ----------
    path : Path
        The file, or a link to it. A pipe or a device is rejected.
    most_bytes : int
        The limit, in bytes.

    Raises
    ------
    DocumentError
        If it is not a regular file, is larger, or has another encoding than it declares; a clause.
    OSError
        If it does not exist or cannot be read.
    """
    text = as_text(read_regular(path, most_bytes=most_bytes, follow=True))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def as_text(content: bytes) -> str:
    """Decode bytes, without a byte order mark; line breaks are unchanged.

    Raises
    ------
    DocumentError
        If they are not in the declared encoding; a clause such as ``line 3 holds the byte 0xE9,
        which is not UTF-8 ('é' in Windows-1252)``.
    """
    mark, encoding = _marked(content)
    if not mark:
        encoding = _declared(content) or "utf-8"
    if not mark and b"\0" in content:
        raise DocumentError("it holds NUL bytes, as UTF-16 without a byte order mark does")
    try:
        return content[len(mark) :].decode(encoding)
    except LookupError:
        raise DocumentError(f"it declares the encoding {encoding!r}, which is not known") from None
    except UnicodeDecodeError as error:
        raise DocumentError(_undecodable(content, len(mark) + error.start, encoding)) from None


def python_problem(content: bytes) -> str:
    """Return why Python cannot decode a source file, as a clause, or ``""``."""
    mark, encoding = _marked(content)
    if encoding and encoding != "utf-8":
        return f"it is {encoding[:6].upper()} text, and Python reads UTF-8"
    try:
        as_text(content)
    except DocumentError as error:
        return str(error)
    declared = _declared(content[len(mark) :]) if mark else ""
    if declared.lower().replace("_", "-") not in _UTF_8:
        return f"it begins with the mark of UTF-8, and declares the encoding {declared!r}"
    return ""


def _marked(content: bytes) -> tuple[bytes, str]:
    """Return the byte order mark at the start of bytes, and the encoding that it declares."""
    found = ((mark, encoding) for mark, encoding in _MARKS if content.startswith(mark))
    return next(found, (b"", ""))


def _declared(content: bytes) -> str:
    """Return the encoding that one of the first two lines declares, or ``""``."""
    for line in content.split(b"\n", 2)[:2]:
        if found := _CODING.match(line):
            return found[1].decode()
        if line.strip() and not line.strip().startswith(b"#"):
            break
    return ""


def _undecodable(content: bytes, at: int, encoding: str) -> str:
    if not encoding.startswith("utf-8"):
        return f"it begins as a text in {encoding.upper()}, and cannot be decoded as that"
    line = content.count(b"\n", 0, at) + 1
    letter = content[at : at + 1].decode("cp1252", errors="replace")
    hint = f" ({letter!r} in Windows-1252)" if letter.isprintable() and letter != "\ufffd" else ""
    return f"line {line} holds the byte 0x{content[at]:02X}, which is not UTF-8{hint}"
