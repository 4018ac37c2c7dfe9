"""replay(): send captured requests again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from modelship.bundle import ScoringBundle
from modelship.comparison.scoring_request import excerpt, printable
from modelship.errors import InvalidOptionError, ReplayError, ServiceUnreachableError
from modelship.parity.compared_services import ComparedService, answer_over_http
from modelship.parity.in_process import answer_in_process
from modelship.targets import Serving
from modelship.targets.http_scoring import answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.comparison.answers import PlaceAnswer
    from modelship.comparison.scoring_request import ScoringRequest
    from modelship.parity.compared_services import Address
    from modelship.parity.requests_file import CapturedRequest
    from modelship.runtime.variables import Secret
    from modelship.targets import Deployment

__all__ = ["ReplayReport", "Replayed", "replay"]

_FAILED: Final = 400
_SHOWN: Final = 200  # bytes of an answer
_PROBE_TIMEOUT_S: Final = 10.0
_ID: Final = "x-request-id"


@dataclass(frozen=True)
class Replayed:
    """A captured request, and the current answer to it.

    Parameters
    ----------
    captured : CapturedRequest
        The captured request and answer.
    answer : PlaceAnswer
        The current answer.
    """

    captured: CapturedRequest
    answer: PlaceAnswer

    @property
    def fails(self) -> bool:
        """Whether it still fails: with a status of 400 or more, or with no answer."""
        return bool(self.answer.failure) or self.answer.status >= _FAILED

    @property
    def then(self) -> str:
        """The captured answer, in one line."""
        said = excerpt(self.captured.answer.encode(), most=_SHOWN)
        cause = f"  {printable(self.captured.cause)}" if self.captured.cause else ""
        return f"{self.captured.status} {said}{cause}"

    @property
    def now(self) -> str:
        """The current answer, in one line."""
        if self.answer.failure:
            return self.answer.failure
        return f"{self.answer.status} {excerpt(self.answer.body, most=_SHOWN)}"

    def __str__(self) -> str:
        lines = [
            f"{self.captured.time}  {self.captured.request_id}  {self.captured.request.summary}",
            f"  then  {self.then}",
            f"  now   {self.now}",
        ]
        if self.captured.left_out:
            lines.append(f"  sent without {', '.join(self.captured.left_out)}: not kept")
        return "\n".join(lines)


@dataclass(frozen=True)
class ReplayReport:
    """The current answers to requests that failed before.

    Parameters
    ----------
    place : str
        The place to which they were sent.
    replayed : tuple[Replayed, ...]
        The requests that were sent, the oldest first.
    not_sent : tuple[CapturedRequest, ...]
        The requests that were not sent, since their bodies were truncated when they were captured.
    """

    place: str
    replayed: tuple[Replayed, ...]
    not_sent: tuple[CapturedRequest, ...]

    @property
    def failing(self) -> tuple[Replayed, ...]:
        """The requests that still fail."""
        return tuple(each for each in self.replayed if each.fails)

    def require(self) -> None:
        """Raise unless each request that was sent is answered now.

        Raises
        ------
        ReplayError
            If one still fails; it shows the first.
        """
        if self.failing:
            raise ReplayError(
                place=self.place,
                failed=len(self.failing),
                sent=len(self.replayed),
                first=str(self.failing[0]),
            )

    def __str__(self) -> str:
        answered = len(self.replayed) - len(self.failing)
        lines = [f"{each}\n" for each in self.replayed]
        lines.append(f"{answered} of {len(self.replayed)} requests no longer fail on {self.place}")
        if self.not_sent:
            lines.append(f"{len(self.not_sent)} not sent: their bodies were cut when captured")
        return "\n".join(lines)


def replay(
    captured: Sequence[CapturedRequest],
    *,
    to: Deployment | Address | ScoringBundle,
    variables: Mapping[str, str] | None = None,
    secrets: Mapping[str, str | Secret] | None = None,
    timeout_s: float = 600.0,
    request_timeout_s: float = 60.0,
) -> ReplayReport:
    """Send captured requests again, one after the other.

    Each has its original id, so that the service's log shows it with the same id.

    Parameters
    ----------
    captured : Sequence[CapturedRequest]
        The captured requests, from :func:`~modelship.parity.read_captured`.
    to : Deployment, Address or ScoringBundle
        The place that answers: a service, the address of one, or a bundle's script in process, in
        the bundle's environment.
    variables, secrets : Mapping[str, str], optional
        The environment variables and secrets of the bundle's script; as in
        :class:`~modelship.Serving`.
    timeout_s : float
        The time limit for creating that environment, and then for init(), in seconds.
    request_timeout_s : float
        The time limit for one answer, in seconds.

    Raises
    ------
    InvalidOptionError
        If none of them can be sent, or a variable or a secret is not available.
    ServiceUnreachableError
        If no service answers at an address.
    ModelshipError
        If the bundle's script does not start.
    """
    whole = [each for each in captured if not each.body_cut]
    if not whole:
        found = f"{len(captured)} with bodies that were cut" if captured else "none"
        raise InvalidOptionError("captured", found, "at least one request with its whole body")
    sent = [_with_id(each) for each in whole]
    given: Sequence[PlaceAnswer]
    if isinstance(to, ScoringBundle):
        given = answer_in_process(
            to,
            sent,
            timeout_s=timeout_s,
            request_timeout_s=request_timeout_s,
            serving=Serving(variables=variables or {}, secrets=secrets or {}),
        )
    else:
        _require_life(to)
        given = answer_over_http(ComparedService(to), sent, request_timeout_s=request_timeout_s)
    return ReplayReport(
        "the script" if isinstance(to, ScoringBundle) else to.scoring_uri,
        tuple(Replayed(each, answer) for each, answer in zip(whole, given, strict=True)),
        tuple(each for each in captured if each.body_cut),
    )


def _require_life(service: Deployment | Address) -> None:
    """Raise at once if nothing answers: else each request would wait for the service."""
    if not answers(service.scoring_uri, timeout_s=_PROBE_TIMEOUT_S):
        raise ServiceUnreachableError(
            scoring_uri=service.scoring_uri, cause="its health route does not answer"
        )


def _with_id(captured: CapturedRequest) -> ScoringRequest:
    request = captured.request
    return replace(request, headers={_ID: captured.request_id, **request.headers})
