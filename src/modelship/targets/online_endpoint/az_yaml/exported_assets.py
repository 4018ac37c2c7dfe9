"""Write what online and batch endpoints have in common: model, environment, and the script."""

from __future__ import annotations

import hashlib
import shlex
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from modelship.sources.model_files import copy_checked
from modelship.sources.registered_content import DIGEST
from modelship.targets.online_endpoint.az_yaml.asset_values import InlineEnvironment, InlineModel
from modelship.targets.online_endpoint.az_yaml.yaml_writing import asset_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelship.bundle import ScoringBundle

__all__ = ["write_environment", "write_model", "write_script"]

_VERSION_DIGITS: Final = 16
_EXECUTABLE: Final = 0o755
_REGISTERING: Final = "# @register_assets\n"
_START: Final = 'set -Eeuo pipefail\ncd "$(dirname "${BASH_SOURCE[0]}")"\n'


def write_model(bundle: ScoringBundle, folder: Path) -> InlineModel | None:
    """Copy the model, if there is one, and describe it in ``model.yml``.

    Its path is the one that the script finds on Azure.
    """
    if not bundle.models:
        return None
    model = bundle.models[0]
    copy_checked(model, folder / "model")
    described = InlineModel(
        folder / "model" / model.path.name,
        name=model.name,
        type="custom_model",
        properties={DIGEST: model.digest},
    )
    (folder / "model.yml").write_text(asset_yaml(described, folder=folder), encoding="utf-8")
    return described


def write_environment(folder: Path, *, name: str, image: str, conda: str) -> InlineEnvironment:
    """Describe an environment in ``environment.yml`` and ``conda.yml``; its content is its version.

    Parameters
    ----------
    folder : Path
        The folder.
    name : str
        The name of the environment.
    image : str
        The base image.
    conda : str
        The text of the conda file.
    """
    (folder / "conda.yml").write_text(conda, encoding="utf-8")
    version = hashlib.sha256(f"{image}\n{conda}".encode()).hexdigest()[:_VERSION_DIGITS]
    environment = InlineEnvironment(
        image, conda_file=folder / "conda.yml", name=name, version=version
    )
    text = asset_yaml(environment, folder=folder)
    (folder / "environment.yml").write_text(text, encoding="utf-8")
    return environment


def write_script(
    folder: Path,
    body: str,
    *,
    bundle: ScoringBundle,
    environment: InlineEnvironment,
    values: Mapping[str, str],
) -> None:
    """Write ``deploy.sh``: values, and a body that registers the assets where it says so.

    Parameters
    ----------
    folder : Path
        The folder.
    body : str
        The name of the file with the body, next to this module.
    bundle : ScoringBundle
        Has the model.
    environment : InlineEnvironment
        The environment.
    values : Mapping[str, str]
        Other variables of the body.
    """
    model = bundle.models[0] if bundle.models else None
    held = {
        **values,
        "model": model.name if model else "",
        "model_digest": model.digest if model else "",
        "environment": str(environment.name),
        "environment_version": str(environment.version),
    }
    head = "\n".join(f"{key}={shlex.quote(value)}" for key, value in held.items())
    text = _text(body).replace(_REGISTERING, _text("register_assets.sh"))
    script = folder / "deploy.sh"
    script.write_text(f"#!/usr/bin/env bash\n{_START}\n{head}\n\n{text}", encoding="utf-8")
    script.chmod(_EXECUTABLE)


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
