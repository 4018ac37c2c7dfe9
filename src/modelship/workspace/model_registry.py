"""Define ModelRegistry: the models of a workspace, whichever SDK speaks to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.progress import Deadline
    from modelship.workspace.location import WorkspaceLocation
    from modelship.workspace.model_record import RegisteredModel

__all__ = ["ModelRegistry", "ModelShelf", "ModelStore"]


class ModelStore(Protocol):
    """What models are fetched from: a workspace, or a registry that workspaces share."""

    def model(self, name: str, version: int | None = None) -> RegisteredModel:
        """Return a registered model, the latest if no version is given."""

    def download(self, model_id: str, folder: Path, *, timeout_s: float = ...) -> None:
        """Write a registered model's file or folder into `folder`."""


class ModelShelf(ModelStore, Protocol):
    """What models are registered in: a workspace, or a registry that workspaces share."""

    location: WorkspaceLocation

    def models(
        self, name: str | None = None, *, properties: Mapping[str, str] | None = None
    ) -> Sequence[RegisteredModel]:
        """Return the models with this name and these properties, the newest first."""

    def register(
        self,
        path: Path,
        *,
        name: str,
        tags: Mapping[str, str],
        properties: Mapping[str, str],
        description: str = "",
        framework: str | None = None,
        framework_version: str | None = None,
        kind: str = "custom_model",
        timeout_s: float = ...,
        doing: str = "",
    ) -> RegisteredModel:
        """Upload a file or folder as the next version of the model `name`."""

    def tag(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to a registered model."""


@runtime_checkable
class ModelRegistry(ModelShelf, Protocol):
    """What a workspace of either SDK offers for models; :class:`Workspace` documents it."""

    def within(self, deadline: Deadline) -> Self:
        """Return the same workspace, with a deadline for its calls."""

    def tag(self, model_id: str, tags: Mapping[str, str], *, remove: Collection[str] = ()) -> None:
        """Add tags to a registered model, and remove those with the names in `remove`."""

    def delete(self, model_id: str) -> None:
        """Delete a registered model."""
