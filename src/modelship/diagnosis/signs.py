"""Lines that tell a cause without a traceback: of the server, of Docker, of Kubernetes, of Azure.

Each is found by a literal part, which is fast in a long log; a pattern then reads the names in it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelship.diagnosis.candidate import DECISIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Sign", "SignFound", "find_signs"]

_MOST_TRIED = 20


@dataclass(frozen=True)
class Sign:
    """A kind of line, and what it means.

    Parameters
    ----------
    code : str
        The rule's code.
    mark : str
        The part by which the line is found.
    cause : str
        The cause as a sentence; ``{name}`` stands for a group of `pattern`.
    pattern : str
        What the line has to match besides.
    remedy : str
        One thing to do, with the same names; by default what the rule says.
    weight : int
        How much it says: ``DECISIVE``, ``TELLING`` or ``HINT``.
    """

    code: str
    mark: str
    cause: str
    pattern: str = ""
    remedy: str = ""
    weight: int = DECISIVE


@dataclass(frozen=True)
class SignFound:
    """A sign, in the line `line` of a log, counted from 0."""

    sign: Sign
    line: int
    text: str
    names: dict[str, str] = field(default_factory=dict)

    @property
    def cause(self) -> str:
        """The cause with the names in it."""
        return self.sign.cause.format(**self.names)

    @property
    def remedy(self) -> str:
        """The remedy with the names in it."""
        return self.sign.remedy.format(**self.names)


def find_signs(
    lines: Sequence[str], signs: Iterable[Sign], *, inside: Sequence[range]
) -> Iterator[SignFound]:
    """Yield the last line for each of `signs`, except those that lie in one of the tracebacks.

    Parameters
    ----------
    lines : sequence of str
        The log.
    signs : iterable of Sign
        What to look for.
    inside : sequence of range
        The lines of tracebacks, which are read otherwise.
    """
    text = "\n".join(lines)
    taken = {number for span in inside for number in span}
    starts = _starts(lines)
    for sign in signs:
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
