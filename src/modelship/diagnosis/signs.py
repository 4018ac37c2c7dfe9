"""Find log lines of the server, Docker, Kubernetes and Azure that show a cause.

Each is found by a literal substring, which is fast in a long log; a pattern then extracts the names
from the line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.findings import Diagnosis

__all__ = ["DECISIVE", "TELLING", "Candidate", "find_signs"]

_MOST_TRIED = 20
_TABLE: Final = Path(__file__).with_name("signs.yaml")

DECISIVE: Final = 3
"""It names the cause, like a traceback."""
TELLING: Final = 2
"""It names the event in another program's words; a traceback is more specific."""
_HINT: Final = 1
"""It shows that something failed; a line that says why takes precedence."""
_WEIGHTS: Final = {"DECISIVE": DECISIVE, "TELLING": TELLING, "HINT": _HINT}


@dataclass(frozen=True)
class Candidate:
    """One explanation: its weight, and its line in the log, counted from 0."""

    weight: int
    line: int
    diagnosis: Diagnosis


@dataclass(frozen=True)
class Sign:
    """A kind of line, and its meaning.

    Parameters
    ----------
    code : str
        The rule's code.
    mark : str
        The substring by which the line is found.
    problem : str
        The problem as a sentence; ``{name}`` stands for a group of `pattern`.
    pattern : str
        The regular expression that the line also has to match.
    advice : str
        The advice, with the same names; by default that of the rule.
    weight : int
        How specific it is: ``DECISIVE``, ``TELLING`` or one less.
    """

    code: str
    mark: str
    problem: str
    pattern: str = ""
    advice: str = ""
    weight: int = DECISIVE


@dataclass(frozen=True)
class SignFound:
    """A sign, in the line `line` of a log, counted from 0."""

    sign: Sign
    line: int
    text: str
    names: dict[str, str] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        """The problem with the names filled in."""
        return self.sign.problem.format(**self.names)

    @property
    def advice(self) -> str:
        """The advice with the names filled in."""
        return self.sign.advice.format(**self.names)


def find_signs(lines: Sequence[str], *, inside: Sequence[range]) -> Iterator[SignFound]:
    """Yield the last line for each known sign, except those inside a traceback.

    Parameters
    ----------
    lines : sequence of str
        The log.
    inside : sequence of range
        The lines of tracebacks, which are parsed separately.
    """
    text = "\n".join(lines)
    taken = {number for span in inside for number in span}
    starts = _starts(lines)
    for sign in _known_signs():
        for line in _lines_with(sign.mark, text, starts):
            match = re.search(sign.pattern, lines[line])
            if match and line not in taken:
                yield SignFound(sign, line, lines[line], match.groupdict(default=""))
                break


def _starts(lines: Sequence[str]) -> list[int]:
    starts, position = [], 0
    for line in lines:
        starts.append(position)
        position += len(line) + 1
    return starts


def _lines_with(mark: str, text: str, starts: Sequence[int]) -> Iterator[int]:
    end = len(text)
    for _ in range(_MOST_TRIED):
        position = text.rfind(mark, 0, end)
        if position < 0:
            return
        line = bisect_right(starts, position) - 1
        yield line
        end = starts[line]


@cache
def _known_signs() -> tuple[Sign, ...]:
    """Return the rows of ``signs.yaml``."""
    import yaml  # needed only to explain a log, and for no other command

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    rows = yaml.load(_TABLE.read_text(encoding="utf-8"), loader)  # noqa: S506 - both are safe
    return tuple(Sign(**{**row, "weight": _WEIGHTS[row.get("weight", "DECISIVE")]}) for row in rows)
