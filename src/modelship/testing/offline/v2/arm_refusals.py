"""Refuse requests in the format of Azure's resource manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.testing.offline.json_exchange import RefusalError, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from werkzeug.wrappers import Response

__all__ = ["ArmRefusalError", "bad_request", "conflict", "not_found"]


class ArmRefusalError(RefusalError):
    """A request gets an error of Azure's resource manager.

    Parameters
    ----------
    status : int
        The HTTP status.
    code : str
        Such as ``"BadRequest"``.
    message : str
        A sentence.
    details : Sequence[Mapping[str, str]]
        Errors behind it, each with a code and a message.
    """

    def __init__(
        self, status: int, code: str, message: str, details: Sequence[Mapping[str, str]] = ()
    ) -> None:
        super().__init__(status, code, message)
        self.details = details

    def response(self) -> Response:
        error = {"code": self.code, "message": self.message, "details": [*self.details]}
        return json_response({"error": error}, status=self.status)


def bad_request(message: str, *, code: str = "BadRequest") -> ArmRefusalError:
    """Return the refusal of an invalid request."""
    return ArmRefusalError(400, code, message)


def not_found(kind: str, name: str) -> ArmRefusalError:
    """Return the refusal of a request about a resource that does not exist."""
    message = f"The {kind} '{name}' was not found."
    return ArmRefusalError(404, "ResourceNotFound", message)


def conflict(message: str) -> ArmRefusalError:
    """Return the refusal of a request during another operation."""
    return ArmRefusalError(409, "Conflict", message)
