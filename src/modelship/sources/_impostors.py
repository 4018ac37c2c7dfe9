"""Recognize files that are often mistaken for models."""

from __future__ import annotations

from typing import Final

__all__ = ["impostor"]

# The first bytes of each, in lower case; a description, and advice.
_IMPOSTORS: Final = {
    b"version https://git-lfs": ("a Git LFS pointer, not the file itself", "Run: git lfs pull"),
    b"<!doctype html": ("an HTML page, such as a login or an error page", "Check the address."),
    b"<html": ("an HTML page, such as a login or an error page", "Check the address."),
    b"<?xml": ("an XML document, such as a storage service's error", "Check the address."),
    b"{": ("a JSON document", ""),
    b"pk\x03\x04": ("a zip archive", "If torch or skops wrote it, name it so: .pt, .skops"),
}


def impostor(first: bytes) -> tuple[str, str]:
    """Return the description of a file that starts with `first` and is no model, and advice.

    Both are ``""`` if the file is not recognized.
    """
    if not first:
        return "empty (0 bytes)", ""
    begin = first.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((what for each, what in _IMPOSTORS.items() if begin.startswith(each)), ("", ""))
