"""Register the models of a bundle, and find their names in a service."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modelship.bundle.layout import model_dir
from modelship.checks import lost_paths
from modelship.errors import InvalidOptionError, WorkspaceUnreachableError
from modelship.sources.registered import register_model
from modelship.sources.registered_content import fetched_from

if TYPE_CHECKING:
    from modelship.bundle import ScoringBundle
    from modelship.progress import Steps
    from modelship.sources import Model
    from modelship.workspace.model_registry import ModelRegistry

__all__ = ["check_places", "registered_ids"]


def registered_ids(bundle: ScoringBundle, workspace: ModelRegistry, steps: Steps) -> list[str]:
    """Return the id of each model in the workspace; register those that have none.

    Raises
    ------
    InvalidOptionError
        If two of them are one model there, since the same content is registered once.
    WorkspaceError
        If the workspace refuses.
    """
    found = [_registered_id(model, workspace, steps) for model in bundle.models]
    for model_id in found:
        if found.count(model_id) > 1:
            same = [
                f"{model.name}:{model.version}"
                for model, each in zip(bundle.models, found, strict=True)
                if each == model_id
            ]
            expected = f"models of different content: Azure ML stores these once, as {model_id}"
            raise InvalidOptionError("models", same, expected)
    return found


def check_places(bundle: ScoringBundle, model_ids: list[str], steps: Steps) -> None:
    """Warn about models whose name or version in the workspace differs from the bundle.

    Raises
    ------
    InvalidOptionError
        If the script names a path that such a model does not have there.
    """
    there = tuple(map(_as_registered, bundle.models, model_ids))
    moved = [
        f"{model.name}:{model.version} is {model_id}"
        for model, model_id in zip(bundle.models, model_ids, strict=True)
        if model_id != f"{model.name}:{model.version}"
    ]
    if not moved:
        return
    if lost := lost_paths(bundle, models=there):
        expected = (
            f"the names and versions of the workspace, since {lost[0].where} would not find its "
            f"file there: fetch the models from it (azureml:{model_ids[0]}) for the bundle and "
            "name their versions in the script, or find the files with Model.get_model_path()"
        )
        raise InvalidOptionError("models", moved, expected)
    if len(there) > 1:
        steps.say(f"  on Azure ML: {', '.join(moved)}; their folder is {model_dir(there)}")


def _as_registered(model: Model, model_id: str) -> Model:
    name, _, version = model_id.rpartition(":")
    return replace(model, name=name, version=version)


def _registered_id(model: Model, workspace: ModelRegistry, steps: Steps) -> str:
    known = fetched_from(model, workspace)
    if known is not None:
        return known.model_id
    timeout_s = max(1.0, steps.deadline.remaining_s)
    try:
        registered = register_model(model, workspace=workspace, timeout_s=timeout_s)
    except WorkspaceUnreachableError:
        steps.deadline.check()  # the caller that set the deadline handles it
        raise
    return registered.model_id
