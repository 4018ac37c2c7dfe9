"""Define errors of scoring requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.errors.base_error import ModelshipError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ClientGenerationError",
    "InvalidPayloadError",
    "ParityError",
    "ReplayError",
    "ScoringError",
    "ScoringRequestError",
    "ScoringTimeoutError",
    "ServiceUnreachableError",
]


_BAD_REQUEST: Final = 400
_NOT_ALLOWED: Final = frozenset((401, 403))


class ScoringError(ModelshipError):
    """A request to a service got no valid answer."""

    exit_code = 8


@dataclass(eq=False)
class InvalidPayloadError(ScoringError):
    """A payload is not JSON serializable."""

    _message = "The payload cannot be sent as JSON: {problem}."

    problem: str
    advice: str = "Send dicts, lists, strings, numbers or arrays, or the raw body as str or bytes."


@dataclass(eq=False)
class ScoringRequestError(ScoringError):
    """A service answered with an error status."""

    _evidence = "{body}"

    scoring_uri: str
    status: int
    request_id: str
    body: str
    problem: str = ""
    advice: str = ""

    @property
    def message(self) -> str:
        said = f": {self.problem}" if self.problem else ""
        return (
            f"{self.scoring_uri} answered {self.status} to request {self.request_id or '-'}{said}."
        )

    @property
    def hint(self) -> str:
        if self.advice:
            return self.advice
        if self.status in _NOT_ALLOWED:
            return (
                "Pass a key of the service: deployment.keys() (modelship keys NAME) returns them."
            )
        if self.status == _BAD_REQUEST and self.body:
            return "Correct the request as the response describes."
        return "The service's log has the traceback: deployment.logs() (modelship logs NAME)."


@dataclass(eq=False)
class ServiceUnreachableError(ScoringError):
    """No service answers at the scoring URI."""

    _message = "No service answers at {scoring_uri}: {cause}."
    _hint = "Read the end of its log: deployment.logs() (modelship logs NAME)."

    scoring_uri: str
    cause: str


@dataclass(eq=False)
class ScoringTimeoutError(ScoringError):
    """A service did not answer in time."""

    _message = "{scoring_uri} did not answer within {timeout_s:g} s."
    _hint = "Send fewer rows per request, or raise timeout_s=."

    scoring_uri: str
    timeout_s: float


@dataclass(eq=False)
class ParityError(ScoringError):
    """Several targets answered the same requests differently; see ``differences``."""

    _hint = "Check what the script reads from its environment: versions, variables, files, time."

    places: Sequence[str]
    requests: int
    differences: Sequence[Any]  # modelship.parity.Difference, which is in a higher layer

    @property
    def message(self) -> str:
        differing = len({id(each.request) for each in self.differences})
        return (
            f"{', '.join(self.places)} return different answers to {differing} of "
            f"{self.requests} requests."
        )

    @property
    def evidence(self) -> str:
        return str(self.differences[0])


@dataclass(eq=False)
class ReplayError(ScoringError):
    """Captured requests failed again."""

    _message = "{failed} of {sent} captured requests failed again on {place}."
    _evidence = "{first}"
    _hint = "The log of the service has the traceback, with the request's id."

    place: str
    failed: int
    sent: int
    first: str


@dataclass(eq=False)
class ClientGenerationError(ScoringError):
    """A client could not be generated from the description of a service."""

    _message = "The client in {language} was not generated: {problem}."
    _evidence = "{said}"

    language: str
    problem: str
    advice: str
    said: str = ""
