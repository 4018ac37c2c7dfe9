"""Store the history of a service in its workspace, where every machine can read it.

Each change is a version of the model ``modelship-history-<service>``. Its file is the workspace's
record of the service before the change; its tags are the change itself.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.documents import parse, read_regular
from modelship.errors import StorageError, WorkspaceError
from modelship.targets.aci.making import Earlier
from modelship.targets.history import MOST_CHANGES, Change, Journal, packed, unpacked
from modelship.workspace import CALL_TIMEOUT_S
from modelship.workspace.model_record import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelship.targets.aci.azure_services import Services
    from modelship.workspace import RegisteredModel

__all__ = ["WorkspaceJournal"]

_PREFIX: Final = "modelship."
_CHANGE: Final = f"{_PREFIX}change"
_STATE: Final = f"{_PREFIX}state-before"
_FILE: Final = "service-before.json"
_MOST_BYTES: Final = 2**24
_MOST_CHARACTERS: Final = 250  # in the value of a tag
_HEALTHY: Final = "Healthy"
_SECRET: Final = frozenset({"sslKey", "keys"})


class WorkspaceJournal(Journal):
    """The changes that an Azure ML workspace keeps.

    Parameters
    ----------
    services : Services
        The services of the workspace.
    name : str
        The service's name.
    """

    def __init__(self, services: Services, *, name: str) -> None:
        self._services = services
        self._name = name
        self._mine: dict[int, str] = {}

    def changes(self) -> Sequence[Change]:
        """Return every change that the workspace keeps, oldest first.

        Raises
        ------
        WorkspaceError
            If the workspace is not available.
        """
        return [change for change, _ in reversed([*self._kept()])]

    def write(self, *changes: Change) -> None:
        """Store changes in the workspace, one after the other; a new one with the service's record.

        Raises
        ------
        WorkspaceError
            If the workspace refuses.
        """
        kept = [*self._kept()]
        known = {change.number: model.model_id for change, model in reversed(kept)} | self._mine
        for change in changes:
            if change.number in known:
                self._services.workspace.tag(known[change.number], _tags(change))
            else:
                self._mine[change.number] = self._register(change)
        self._forget(kept[MOST_CHANGES:])

    def last_served(self) -> Earlier | None:
        """Return the record of the service when it last served, if no change has completed since.

        That is the case after a change that failed or was interrupted. The keys are not included:
        they are stored nowhere.
        """
        for change, model in self._kept():
            if change.outcome not in {"under way", "failed"}:
                return None
            if model.properties.get(_STATE) == _HEALTHY:
                return Earlier(self._payload(model))
        return None

    @property
    def _model_name(self) -> str:
        return f"{HISTORY}{self._name}"

    def _kept(self) -> Iterator[tuple[Change, RegisteredModel]]:
        """Yield each change with its model, newest first."""
        for model in self._services.workspace.models(name=self._model_name):
            if _CHANGE in model.tags:  # a user may have a model with this name
                yield _read(model), model

    def _forget(self, old: Sequence[tuple[Change, RegisteredModel]]) -> None:
        for change, model in old:
            if change.outcome != "serving":
                with suppress(WorkspaceError):  # the next change removes it
                    self._services.workspace.delete(model.model_id)

    def _register(self, change: Change) -> str:
        before = self._services.payload(self._name) or {}
        kept = {key: value for key, value in before.items() if key not in _SECRET}
        with tempfile.TemporaryDirectory(prefix="modelship-") as scratch:
            path = Path(scratch, _FILE)
            path.write_text(json.dumps(kept))
            registered = self._services.workspace.register(
                path,
                name=self._model_name,
                tags=_tags(change),
                properties={_STATE: str(before.get("state") or "")},
                description=f"A change of the service {self._name}",
                timeout_s=CALL_TIMEOUT_S,
                doing=f"write the history of {self._name!r}",
            )
        return registered.model_id

    def _payload(self, model: RegisteredModel) -> Mapping[str, Any]:
        with tempfile.TemporaryDirectory(prefix="modelship-") as scratch:
            self._services.workspace.download(model.model_id, Path(scratch))
            payload: dict[str, Any] = parse(
                read_regular(Path(scratch, _FILE), most_bytes=_MOST_BYTES)
            )
        return payload


def _tags(change: Change) -> dict[str, str]:
    """Return a change as tags: the searchable fields, and the whole document in chunks that fit."""
    whole = packed(json.dumps(change.to_document()))
    starts = range(0, len(whole), _MOST_CHARACTERS)
    pieces = [whole[start : start + _MOST_CHARACTERS] for start in starts]
    told = {
        "number": str(change.number),
        "kind": change.kind,
        "outcome": change.outcome,
        "by": change.by,
        "began": change.began_at,
        "model": change.release.model,
        "reason": change.reason,
    }
    return {
        **{_PREFIX + name: text[:_MOST_CHARACTERS] for name, text in told.items() if text},
        _CHANGE: str(len(pieces)),
        **{f"{_CHANGE}.{count}": piece for count, piece in enumerate(pieces)},
    }


def _read(model: RegisteredModel) -> Change:
    try:
        count = int(model.tags[_CHANGE])
        whole = "".join(model.tags[f"{_CHANGE}.{each}"] for each in range(count))
        return Change.from_document(parse(unpacked(whole)))
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(
            path=f"the model {model.model_id}",
            cause=f"it is not a change of a service ({error})",
            advice="Delete this version of it in the workspace: the service does not need it.",
        ) from error
