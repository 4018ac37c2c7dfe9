"""Find out whether a workspace or a registry already has the content of a model."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelship.errors import ModelNotFoundError
from modelship.sources.model import Model

if TYPE_CHECKING:
    from modelship.workspace import RegisteredModel
    from modelship.workspace.model_registry import ModelShelf

__all__ = ["DIGEST", "fetched_from", "same_content"]

DIGEST: Final = "modelship.sha256"
"""The property of a registered model that stores its digest."""

# Models without a recorded digest whose files were compared in this process.
_SEEN: Final[set[tuple[str, str]]] = set()


def fetched_from(model: Model, workspace: ModelShelf) -> RegisteredModel | None:
    """Return the registered model that `model` was fetched from, if it has the same content.

    The origin of a model is not trusted: that of a bundle comes from the bundle's folder. So the
    registered digest is compared; if there is none, the files are downloaded.

    Returns
    -------
    RegisteredModel or None
        None if the origin is not in this workspace, or its model is gone or has other content.
    """
    prefix = f"{workspace.location.uri}/models/"
    if not model.origin.lower().startswith(prefix.lower()):
        return None
    name, _, version = model.origin[len(prefix) :].partition("/versions/")
    if not re.fullmatch(r"[0-9]{1,9}", version):
        return None
    try:
        found = workspace.model(name, int(version))
    except ModelNotFoundError:
        return None
    return found if _has_content(found, model, workspace=workspace) else None


def _has_content(found: RegisteredModel, model: Model, *, workspace: ModelShelf) -> bool:
    recorded = found.properties.get(DIGEST)
    if recorded is not None:
        return recorded == model.digest
    if (found.uri, model.digest) not in _SEEN and _downloads_as(model, found, workspace):
        _SEEN.add((found.uri, model.digest))
    return (found.uri, model.digest) in _SEEN


def _downloads_as(model: Model, found: RegisteredModel, workspace: ModelShelf) -> bool:
    with tempfile.TemporaryDirectory(prefix="modelship-") as folder:
        workspace.download(found.model_id, Path(folder))
        arrived = list(Path(folder).iterdir())
        return len(arrived) == 1 and Model.read(arrived[0]).digest == model.digest


def same_content(model: Model, *, name: str, workspace: ModelShelf) -> RegisteredModel | None:
    """Return the registered model of this name with the same content, or None."""
    fetched = fetched_from(model, workspace)
    if fetched is not None and fetched.name == name:
        return fetched
    found = workspace.models(name=name, properties={DIGEST: model.digest})
    return found[0] if found else None
