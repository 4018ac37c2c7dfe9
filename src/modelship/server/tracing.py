"""Tracing: a span for each request that was scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .contract import Answer, Request
    from .settings import Settings

__all__ = ["Tracing"]


class Tracing:
    """An observer of the service."""

    @staticmethod
    def from_environment(environ: Mapping[str, str], settings: Settings) -> Tracing | None:  # noqa: ARG004
        """Return None: off."""
        return None

    def note(self, request: Request, answer: Answer, duration_s: float) -> None:
        """Take note of an answer."""

    def close(self) -> None:
        """Finish."""
