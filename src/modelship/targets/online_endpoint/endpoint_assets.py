"""Register what a deployment refers to: the model, the environment and the code of a bundle.

Each has a name or a version made from its content, so registering it again finds it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from modelship.bundle.layout import APART
from modelship.bundle.store import stage_source
from modelship.errors import InvalidOptionError
from modelship.targets.registered_models import check_places, registered_ids

if TYPE_CHECKING:
    from modelship.bundle import ScoringBundle
    from modelship.progress import Steps
    from modelship.workspace.ml_workspace import MlWorkspace

__all__ = ["conda_text", "registered_code", "registered_environment", "registered_model"]

_ENVIRONMENT: Final = "modelship"
_DIGITS: Final = 16


def registered_model(bundle: ScoringBundle, workspace: MlWorkspace, steps: Steps) -> str | None:
    """Return the id of the bundle's model; register it if the workspace does not have it.

    Raises
    ------
    InvalidOptionError
        If the bundle has several models, or its script would not find its model there.
    WorkspaceError
        If the workspace refuses.
    """
    check_one_model(bundle)
    if not bundle.models:
        return None
    model_ids = registered_ids(bundle, workspace, steps)
    check_places(bundle, model_ids, steps)
    return workspace.model_arm_id(model_ids[0])


def check_one_model(bundle: ScoringBundle) -> None:
    """Refuse a bundle of several models, since a deployment has one.

    Raises
    ------
    InvalidOptionError
        If there are several.
    """
    if len(bundle.models) > 1:
        found = [f"{each.name}:{each.version}" for each in bundle.models]
        expected = (
            "one model, since a managed online deployment has one: put the files into one folder, "
            "and bundle that; the targets 'process', 'docker' and 'aci' serve several"
        )
        raise InvalidOptionError("models", found, expected)


def registered_environment(bundle: ScoringBundle, workspace: MlWorkspace, *, image: str) -> str:
    """Return the id of the environment with the packages of the bundle's lock on an image."""
    text = conda_text(bundle)
    version = hashlib.sha256(f"{image}\n{text}".encode()).hexdigest()[:_DIGITS]
    found = workspace.environment(_ENVIRONMENT, version)
    if found is None:
        tags = {"modelship.python": bundle.lock.python}
        workspace.put_environment(_ENVIRONMENT, version, image=image, conda_file=text, tags=tags)
        found = workspace.environment(_ENVIRONMENT, version) or {}
    return str(found.get("id") or f"{workspace.id}/environments/{_ENVIRONMENT}/versions/{version}")


def conda_text(bundle: ScoringBundle) -> str:
    """Return the text of a conda file with the exact versions of the lock.

    The lock has the inference server, which a managed online endpoint requires of an environment.
    """
    pinned = [f"{name}=={version}" for name, version in sorted(bundle.lock.versions.items())]
    content: dict[str, Any] = {
        "channels": ["conda-forge"],
        "dependencies": [f"python={bundle.lock.python}", "pip", {"pip": pinned}],
    }
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return yaml.safe_dump({"name": f"modelship-{digest[:12]}", **content}, sort_keys=False)


def registered_code(bundle: ScoringBundle, workspace: MlWorkspace) -> str:
    """Return the id of the bundle's source; upload it if the workspace does not have it."""
    digest = _source_digest(bundle)
    found = workspace.code(digest)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(prefix="modelship-") as scratch:
        folder = Path(scratch, APART)
        stage_source(bundle, folder)
        return workspace.put_code(folder, digest)


def _source_digest(bundle: ScoringBundle) -> str:
    files = [(file.path, hashlib.sha256(file.content).hexdigest()) for file in bundle.source]
    return hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()
