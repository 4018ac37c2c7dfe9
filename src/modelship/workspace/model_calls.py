"""The calls of a workspace about its models, whichever SDK speaks to it."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from modelship.errors import ModelNotFoundError
from modelship.workspace.model_record import HISTORY, RELEASES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.progress import Deadline
    from modelship.workspace.location import WorkspaceLocation
    from modelship.workspace.model_record import RegisteredModel

__all__ = ["TRANSFER_TIMEOUT_S", "ModelCalls"]

TRANSFER_TIMEOUT_S: Final = 3600.0
"""The time limit of an upload or a download, in seconds."""

_LEAST_TIMEOUT_S: Final = 1.0
_NEARBY: Final = 10
_OWN: Final = (HISTORY, RELEASES)

_Answer = TypeVar("_Answer")


class _Models(Protocol):
    """What makes the calls: it blocks, and raises the errors of an SDK."""

    def model(self, name: str, version: int | None) -> RegisteredModel | None: ...
    def models(
        self, *, name: str | None = ..., properties: Mapping[str, str] | None = ...
    ) -> Sequence[RegisteredModel]: ...
    def tag(
        self, model_id: str, tags: Mapping[str, str], *, remove: Collection[str] = ()
    ) -> None: ...
    def download(self, model_id: str, folder: Path) -> None: ...
    def delete(self, model_id: str) -> None: ...


class ModelCalls(ABC):
    """Registered models: they are found, tagged, downloaded and deleted."""

    location: WorkspaceLocation
    _models: _Models
    _deadline: Deadline | None = None

    def within(self, deadline: Deadline) -> Self:
        """Return the same workspace, with a deadline for its calls; each keeps its own limit."""
        limited = copy.copy(self)
        limited._deadline = deadline  # noqa: SLF001 - of its own class
        return limited

    def limit_s(self, timeout_s: float) -> float:
        """Return `timeout_s`, or the time left until the deadline if that is less."""
        if self._deadline is None:
            return timeout_s
        return min(timeout_s, max(_LEAST_TIMEOUT_S, self._deadline.remaining_s))

    @property
    def name(self) -> str:
        """The workspace's name."""
        return self.location.workspace_name

    @abstractmethod
    def ask(self, doing: str, call: Callable[[], _Answer], *, timeout_s: float = ...) -> _Answer:
        """Return the result of a call, or raise one of our errors."""

    def model(self, name: str, version: int | None = None) -> RegisteredModel:
        """Return a registered model, the latest if no version is given.

        Raises
        ------
        ModelNotFoundError
            If there is none; lists the available versions, or else the names.
        """
        doing = f"find the model {name!r}"
        found = self.ask(doing, lambda: self._models.model(name, version))
        if found is not None:
            return found
        versions = self.ask(doing, lambda: self._models.models(name=name))
        known = versions or self.ask(doing, self._models.models)
        nearby = [each.model_id if versions else each.name for each in known]
        raise ModelNotFoundError(
            location=f"azureml:{name}" + (f":{version}" if version else ""),
            nearby=[each for each in dict.fromkeys(nearby) if not each.startswith(_OWN)][:_NEARBY],
        )

    def models(
        self, name: str | None = None, *, properties: Mapping[str, str] | None = None
    ) -> Sequence[RegisteredModel]:
        """Return the models with this name and these properties, the newest first."""
        doing = "list its models"
        return self.ask(doing, lambda: self._models.models(name=name, properties=properties))

    def tag(self, model_id: str, tags: Mapping[str, str], *, remove: Collection[str] = ()) -> None:
        """Add tags to a registered model, and remove those with the names in `remove`."""
        doing = f"tag the model {model_id!r}"
        self.ask(doing, lambda: self._models.tag(model_id, tags, remove=remove))

    def download(
        self, model_id: str, folder: Path, *, timeout_s: float = TRANSFER_TIMEOUT_S
    ) -> None:
        """Write a registered model's file or folder into `folder`."""
        self.ask(
            f"download the model {model_id!r}",
            lambda: self._models.download(model_id, folder),
            timeout_s=timeout_s,
        )

    def delete(self, model_id: str) -> None:
        """Delete a registered model."""
        self.ask(f"delete the model {model_id!r}", lambda: self._models.delete(model_id))
