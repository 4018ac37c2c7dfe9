"""What is different between the reference's answers and ours, and whether the table knows it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from modelship.comparison.answers import ENDED
from modelship.comparison.differences import Difference, differences
from modelship.parity import PlaceAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from differential.servers import Server
    from differential.wire import Sent

__all__ = ["Found", "compared"]


@dataclass(frozen=True)
class Found:
    """One thing in which what came back differs.

    Parameters
    ----------
    script : str
        The script that was asked.
    sent : Sent
        What was sent.
    what : str
        As in :class:`modelship.parity.Difference`: ``"status"``, ``"header allow"``, ``"body"``.
    values : tuple[str, str]
        What the reference said, and what ours said.
    reference, ours : PlaceAnswer
        The whole answers.
    text : str
        The difference for people.
    """

    script: str
    sent: Sent
    what: str
    values: tuple[str, str]
    reference: PlaceAnswer
    ours: PlaceAnswer
    text: str

    @classmethod
    def of(
        cls, script: str, sent: Sent, answers: dict[str, PlaceAnswer], each: Difference
    ) -> Found:
        """Return a difference with the answers that it is between."""
        first, other = each.values.values()
        return cls(script, sent, each.what, (first, other), *answers.values(), text=str(each))


def compared(script: str, sent: Sent, *, reference: Server, ours: Server) -> Iterator[Found]:
    """Send a request to both, and yield each thing in which what came back differs."""
    pairs = zip_longest(
        reference.answers(sent), ours.answers(sent), fillvalue=PlaceAnswer(failure=ENDED)
    )
    for one, other in pairs:
        answers = {"reference": one, "ours": other}
        for each in differences(sent, answers, tolerance=0):
            yield Found.of(script, sent, answers, each)
