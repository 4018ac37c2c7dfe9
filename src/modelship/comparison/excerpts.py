"""Shorten a body to an excerpt of one line."""

from __future__ import annotations

__all__ = ["excerpt", "printable"]


def excerpt(body: bytes, *, most: int, begin: int = 0) -> str:
    """Return at most `most` bytes of a body from `begin` on; with its size if truncated."""
    text = printable(body[begin : begin + most].decode(errors="replace"))
    if not begin and len(body) <= most:
        return text
    return f"{'…' if begin else ''}{text}… ({len(body)} bytes)"


def printable(text: str) -> str:
    """Return a text with invisible characters and terminal control codes escaped."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
