"""No secret that a script printed gets from its log into a diagnosis."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelship.findings import Diagnosis

__all__ = ["redacted"]

_SECRET = re.compile(
    r"""(?ix)
    \b((?:account|shared_?access|primary|secondary|api|access|client)?[_-]?
       (?:key|sig|signature|password|passwd|pwd|secret|token)) \s*[=:]\s* ["']? [^\s"';&,)]{6,}
    """
)
_BEARER = re.compile(r"(?i)\b(bearer) [\w.~+/-]{12,}=*")
_IN_ADDRESS = re.compile(r"://[^/\s:@]+:[^/\s@]+@")


def redacted(diagnosis: Diagnosis) -> Diagnosis:
    """Return `diagnosis` with three stars in place of what looks like a secret."""
    return replace(
        diagnosis,
        cause=_covered(diagnosis.cause),
        remedy=_covered(diagnosis.remedy),
        evidence=tuple(_covered(line) for line in diagnosis.evidence),
    )


def _covered(text: str) -> str:
    text = _SECRET.sub(r"\1=***", text)
    return _IN_ADDRESS.sub("://***@", _BEARER.sub(r"\1 ***", text))
