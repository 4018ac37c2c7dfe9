"""Keep secrets that a script printed out of diagnoses, errors and histories."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modelship.findings import Diagnosis

__all__ = ["covered", "hidden", "hiding", "redacted"]

_SECRET = re.compile(
    r"""(?ix)
    \b((?:account|shared_?access|primary|secondary|api|access|client)?[_-]?
       (?:key|sig|signature|password|passwd|pwd|secret|token)) \s*[=:]\s* ["']? [^\s"';&,)]{6,}
    """
)
_BEARER = re.compile(r"(?i)\b(bearer) [\w.~+/-]{12,}=*")
_IN_ADDRESS = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
# A shorter one would redact unrelated words.
_SHORTEST: Final = 4
_SHORTEST_LINE: Final = 12
_KNOWN: ContextVar[tuple[str, ...]] = ContextVar("known secrets", default=())


@contextmanager
def hiding(values: Iterable[str]) -> Iterator[None]:
    """Register secrets with :func:`hidden` while the body runs, in addition to those registered."""
    forms = {form for value in values for form in _forms(value)}
    longest_first = sorted({*_KNOWN.get(), *forms}, key=len, reverse=True)
    token = _KNOWN.set(tuple(longest_first))
    try:
        yield
    finally:
        _KNOWN.reset(token)


def hidden(text: str) -> str:
    """Return `text` with each secret registered by :func:`hiding` replaced by three asterisks."""
    for form in _KNOWN.get():
        text = text.replace(form, "***")
    return text


def redacted(diagnosis: Diagnosis) -> Diagnosis:
    """Return `diagnosis` with actual and likely secrets replaced by three asterisks."""
    return replace(
        diagnosis,
        problem=covered(diagnosis.problem),
        advice=covered(diagnosis.advice),
        evidence=tuple(covered(line) for line in diagnosis.evidence),
    )


def covered(text: str) -> str:
    """Return `text` with actual and likely secrets replaced by three asterisks."""
    text = _SECRET.sub(r"\1=***", hidden(text))
    return _IN_ADDRESS.sub("://***@", _BEARER.sub(r"\1 ***", text))


def _forms(value: str) -> Iterator[str]:
    """Yield the forms of a value in a log: as it is, in one line, quoted, URL-encoded, by line."""
    value = value.strip()
    if len(value) >= _SHORTEST:
        yield from (
            value,
            " ".join(value.split()),
            repr(value)[1:-1],
            json.dumps(value)[1:-1],
            quote(value, safe=""),
        )
    yield from (line for line in value.splitlines() if len(line) >= _SHORTEST_LINE)
