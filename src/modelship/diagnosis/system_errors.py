"""Explain exceptions caused by the machine: memory, disk, permissions, ports, early exits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelship.diagnosis.file_errors import writes
from modelship.findings import RULES

if TYPE_CHECKING:
    from modelship.diagnosis.raised import Raised
    from modelship.findings import Diagnosis

__all__ = ["explain_exit", "explain_memory", "explain_system_call"]

_MEMORY = ("Unable to allocate", "std::bad_alloc", "can't allocate memory", "[Errno 12]")
_TAKEN = re.compile(r"Unable to allocate (?P<size>[\d.]+ \w+)")
_NUMBER = re.compile(r"\[Errno (?P<number>\d+)\]")
_QUOTED = re.compile(r"'(?P<path>[^']+)'")
_CALLS = {
    "30": ("MS606", "writes to {path}, and the files of the service are read-only"),
    "13": ("MS607", "may not open {path}: the user of the service lacks permission"),
    "1": ("MS607", "may not do this to {path}: the user of the service lacks permission"),
    "28": ("MS608", "cannot write {path}: there is no space left"),
    "98": ("MS601", "listens on a port that is already in use, most likely by the server itself"),
    "8": ("MS605", "starts {path}, a program for another processor architecture"),
}
_OWN_SERVER = "Remove the server from the script: Azure ML's own server calls init() and run()."


def explain_memory(raised: Raised) -> Diagnosis | None:
    """Explain a failed memory allocation."""
    told = raised.kind in {"MemoryError", "_ArrayMemoryError"}
    if not told and not any(words in raised.message for words in _MEMORY):
        return None
    match = _TAKEN.search(raised.message)
    what = f"{match['size']} at once, which is more" if match else "more"
    return raised.diagnosis("MS505", f"{raised.actor} requested {what} memory than is available.")


def explain_exit(raised: Raised) -> Diagnosis | None:
    """Explain ``sys.exit()`` in the script."""
    if raised.kind != "SystemExit":
        return None
    said = f" with {raised.message.strip()!r}" if raised.message.strip() else ""
    return raised.diagnosis(
        "MS506", f"{raised.actor} ended the server: sys.exit() was called{said}."
    )


def explain_system_call(raised: Raised) -> Diagnosis | None:
    """Explain an error number of the operating system."""
    match = _NUMBER.search(raised.message)
    number = match["number"] if match else ("13" if raised.kind == "PermissionError" else "")
    if number not in _CALLS:
        return None
    code, what = _CALLS[number]
    path = _QUOTED.search(raised.message)
    cause = f"The script {what.format(path=path['path'] if path else 'a file')}."
    if code == "MS607" and writes(raised):
        return raised.diagnosis(code, cause, RULES["MS606"].advice)
    return raised.diagnosis(code, cause, _OWN_SERVER if code == "MS601" else "")
