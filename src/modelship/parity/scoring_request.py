"""ScoringRequest: one request, as it goes to each place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelship.bundle.payload import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ScoringRequest"]


def _json_headers() -> dict[str, str]:
    return {"Content-Type": "application/json"}


@dataclass(frozen=True)
class ScoringRequest:
    """One request to a service.

    Parameters
    ----------
    label : str
        What it is called in a report.
    body : bytes
        What is sent.
    method : str
        The HTTP method.
    path : str
        The path with its query, from ``/`` on.
    headers : Mapping[str, str]
        Its headers; an ``x-request-id`` is added, so that what comes back can be compared.
    """

    label: str
    body: bytes = b""
    method: str = "POST"
    path: str = "/score"
    headers: Mapping[str, str] = field(default_factory=_json_headers)

    @classmethod
    def of(cls, payload: object, *, label: str) -> ScoringRequest:
        """Return the request that sends `payload` as JSON."""
        return cls(label, to_json(payload).encode())
