"""Store the history of a service in its workspace, where every machine can read it.

Each change is a version of a model such as ``modelship-history-<service>``. Its file is the
workspace's record of the service before the change; its tags are the change itself. The version is
the number of the change: the workspace gives it to one of two deployers.
"""

from __future__ import annotations

import copy
import json
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.documents import parse
from modelship.errors import StorageError, WorkspaceError
from modelship.targets.history import MOST_CHANGES, Change, Journal
from modelship.targets.packed_tags import MOST_CHARACTERS, as_tags, from_tags
from modelship.workspace import CALL_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from modelship.progress import Deadline
    from modelship.workspace import RegisteredModel
    from modelship.workspace.model_registry import ModelRegistry

__all__ = ["RECORD_BEFORE", "STATE_BEFORE", "RegistryJournal"]

_PREFIX: Final = "modelship."
_CHANGE: Final = f"{_PREFIX}change"
STATE_BEFORE: Final = f"{_PREFIX}state-before"
"""The property of a change with the state of the service before it."""
RECORD_BEFORE: Final = "service-before.json"
"""The file of a change: the record of the service before it."""


class RegistryJournal(Journal):
    """The changes of a service that an Azure ML workspace keeps.

    Parameters
    ----------
    workspace : ModelRegistry
        The workspace.
    model_name : str
        The name of the model whose versions they are.
    name : str
        The service's name.
    before : Callable
        Returns the workspace's record of the service, without secrets, and its state.
    """

    def __init__(
        self,
        workspace: ModelRegistry,
        *,
        model_name: str,
        name: str,
        before: Callable[[], tuple[Mapping[str, Any], str]],
    ) -> None:
        self._workspace = workspace
        self._model_name = model_name
        self._name = name
        self._before = before
        self._mine: dict[int, str] = {}

    def within(self, deadline: Deadline) -> RegistryJournal:
        limited = copy.copy(self)
        limited._workspace = self._workspace.within(deadline)  # noqa: SLF001 - of its own class
        return limited

    def changes(self) -> Sequence[Change]:
        """Return every change that the workspace keeps, oldest first.

        Raises
        ------
        WorkspaceError
            If the workspace is not available.
        """
        return [change for change, _ in reversed([*self.kept()])]

    def begin(self, change: Change, *others: Change) -> Change:
        """Store a new change with the service's record, after others; return it with its number.

        Raises
        ------
        WorkspaceError
            If the workspace refuses.
        """
        self.write(*others)
        return self._register(change)

    def write(self, *changes: Change) -> None:
        """Store changes in the workspace, one after the other.

        Raises
        ------
        WorkspaceError
            If the workspace refuses.
        """
        kept = [*self.kept()]
        tagged = {model.model_id: model.tags for _, model in kept}
        known = {change.number: model.model_id for change, model in kept} | self._mine
        for change in changes:
            if (model_id := known.get(change.number)) is None:
                self._register(change)
                continue
            tags = _tags(change)
            stale = {each for each in tagged.get(model_id, ()) if each.startswith(_PREFIX)}
            self._workspace.tag(model_id, tags, remove=stale - tags.keys())
        self._forget(kept[MOST_CHANGES:])

    def kept(self) -> Iterator[tuple[Change, RegisteredModel]]:
        """Yield each change with its model, newest first."""
        for model in self._workspace.models(name=self._model_name):
            if _CHANGE in model.tags:  # a user may have a model with this name
                yield _read(model), model

    def _forget(self, old: Sequence[tuple[Change, RegisteredModel]]) -> None:
        for change, model in old:
            if change.outcome != "serving":
                with suppress(WorkspaceError):  # the next change removes it
                    self._workspace.delete(model.model_id)

    def _register(self, change: Change) -> Change:
        """Store a new change; return it with the number that is its version."""
        before, state = self._before()
        with tempfile.TemporaryDirectory(prefix="modelship-") as scratch:
            path = Path(scratch, RECORD_BEFORE)
            path.write_text(json.dumps(before))
            registered = self._workspace.register(
                path,
                name=self._model_name,
                tags=_tags(change),
                properties={STATE_BEFORE: state},
                description=f"A change of the service {self._name}",
                timeout_s=CALL_TIMEOUT_S,
                doing=f"write the history of {self._name!r}",
            )
        self._mine[registered.version] = registered.model_id
        return replace(change, number=registered.version)


def _tags(change: Change) -> dict[str, str]:
    """Return a change as tags: the searchable fields, and the whole document in chunks that fit."""
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
        **{_PREFIX + name: text[:MOST_CHARACTERS] for name, text in told.items() if text},
        **as_tags(_CHANGE, json.dumps(change.to_document())),
    }


def _read(model: RegisteredModel) -> Change:
    try:
        change = Change.from_document(parse(from_tags(_CHANGE, model.tags)))
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(
            path=f"the model {model.model_id}",
            cause=f"it is not a change of a service ({error})",
            advice="Delete this version of it in the workspace: the service does not need it.",
        ) from error
    return replace(change, number=model.version)
