"""What becomes of a service whose deployment or update is cut short by the end of the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.targets.state import State
from modelship.testing.offline.service_documents import OWN

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["begun", "completed", "resumed"]

_BEFORE: Final = "before"


def begun(new: Mapping[str, Any], *, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the document of a service of which another container is about to start.

    Parameters
    ----------
    new : Mapping[str, Any]
        What the service is to be.
    before : Mapping[str, Any], optional
        What it is; if it runs, it is put aside until the new container runs or has failed.
    """
    runs = before is not None and before["state"] == State.HEALTHY
    aside = {_BEFORE: before} if runs else {}
    started = {"state": str(State.TRANSITIONING), "error": None, OWN: {**new[OWN], **aside}}
    return {**new, **started}


def completed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the workspace keeps for itself of a service, with nothing put aside."""
    return {field: value for field, value in document[OWN].items() if field != _BEFORE}


def resumed(document: Mapping[str, Any], error: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a service is when the workspace is opened again.

    An update that was cut short leaves what ran before; a deployment leaves a failed service.
    """
    if document["state"] != State.TRANSITIONING:
        return dict(document)
    before = document[OWN].get(_BEFORE)
    return dict(before or {**document, "state": str(State.FAILED), "error": dict(error)})
