"""Define ServiceSubject: a service that an evaluator evaluates, with a deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelship.progress import Steps
    from modelship.tables import Schema
    from modelship.targets.calling import Caller
    from modelship.targets.instance import Instance

__all__ = ["ServiceSubject"]


class ServiceSubject:
    """An instance as the subject of an evaluator, whether or not requests are routed to it."""

    def __init__(self, caller: Caller, instance: Instance, steps: Steps) -> None:
        self._caller = caller
        self._instance = instance
        self._steps = steps

    @property
    def input_key(self) -> str | None:
        """The key under which the sample request held its rows."""
        return self._instance.release.input_key

    @property
    def input_form(self) -> str | None:
        """The form of the rows of a request: ``"records"`` or ``"rows"``."""
        return self._instance.release.input_form

    @property
    def task(self) -> str:
        """The task, ``"classification"`` or ``"regression"``; empty if unknown."""
        return self._instance.release.task

    @property
    def schema(self) -> Schema:
        """The input and output of its model, from the service."""
        remaining_s = self._steps.deadline.remaining_s
        description = self._caller.description(self._instance, timeout_s=remaining_s, directly=True)
        return description.schema

    def run(self, payload: Any, /) -> Any:
        """Score one payload."""
        remaining_s = self._steps.deadline.remaining_s
        return self._caller.send(self._instance, payload, timeout_s=remaining_s, directly=True)
