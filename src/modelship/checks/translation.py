"""Convert errors that prevent reading a part of a bundle into findings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelship.errors import (
    CorruptModelError,
    EntryScriptError,
    EnvironmentSpecError,
    InvalidOptionError,
    ModelError,
    PythonNotFoundError,
    ResolutionError,
    SampleInputError,
    StorageError,
)
from modelship.findings import RULES

if TYPE_CHECKING:
    from modelship.errors import ModelshipError
    from modelship.findings import Finding

__all__ = ["finding_of"]

# From the narrower class to the wider one.
_CODES = (
    (EntryScriptError, "MS112"),
    (CorruptModelError, "MS305"),
    (ModelError, "MS306"),
    (ResolutionError, "MS204"),
    (PythonNotFoundError, "MS207"),
    (EnvironmentSpecError, "MS209"),
    (SampleInputError, "MS510"),
    (StorageError, "MS608"),
)
_RESOURCES = {"cpu_cores": "MS402", "memory_gb": "MS403"}


def finding_of(error: ModelshipError) -> Finding:
    """Return the finding with the message of `error`."""
    told = str(getattr(error, "path", ""))
    numbered = re.fullmatch(r"(.*):(\d+)", told)
    path, line = (numbered[1], int(numbered[2])) if numbered else (told, None)
    return RULES[_code_of(error)].finding(
        error.message.removeprefix(f"{told}: "),
        path=path,
        line=getattr(error, "line", line),
        advice=error.hint,
        evidence=error.evidence,
    )


def _code_of(error: ModelshipError) -> str:
    if isinstance(error, InvalidOptionError):
        return _RESOURCES.get(error.option, "MS306")
    if isinstance(error, EnvironmentSpecError) and "wheel" in error.problem:
        return "MS205"
    return next((code for kind, code in _CODES if isinstance(error, kind)), "MS306")
