"""Define ParityReport: the result of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.errors import ParityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.comparison.answers import PlaceAnswer
    from modelship.comparison.differences import Difference
    from modelship.comparison.scoring_request import ScoringRequest

__all__ = ["ParityReport"]

_SHOWN: Final = 20  # requests; all are in `differences`


@dataclass(frozen=True)
class ParityReport:
    """The result of a comparison.

    Parameters
    ----------
    places : tuple[str, ...]
        The places to which the requests were sent; ``"script"`` is the script in process.
    requests : tuple[ScoringRequest, ...]
        The requests.
    answers : tuple[Mapping[str, PlaceAnswer], ...]
        The answers of each place, in the order of the requests.
    differences : tuple[Difference, ...]
        The differences between the answers.
    """

    places: tuple[str, ...]
    requests: tuple[ScoringRequest, ...]
    answers: tuple[Mapping[str, PlaceAnswer], ...]
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether all places gave the same answers."""
        return not self.differences

    def require(self) -> None:
        """Raise unless all places gave the same answers.

        Raises
        ------
        ParityError
            If they did not; it shows the first differences side by side.
        """
        if self.differences:
            raise ParityError(
                places=self.places, requests=len(self.requests), differences=self.differences
            )

    def __str__(self) -> str:
        sent = f"{len(self.requests)} requests to {', '.join(self.places)}"
        if self.equal:
            return f"{sent}: equal answers"
        differing = [each for each in self.requests if self._of(each)]
        lines = [f"{sent}: {len(differing)} answered differently"]
        for request in differing[:_SHOWN]:
            lines += ["", *(str(each) for each in self._of(request)), f"  sent: {request.summary}"]
        if len(differing) > _SHOWN:
            lines += ["", f"and {len(differing) - _SHOWN} more"]
        return "\n".join(lines)

    def _of(self, request: ScoringRequest) -> list[Difference]:
        return [each for each in self.differences if each.request is request]
