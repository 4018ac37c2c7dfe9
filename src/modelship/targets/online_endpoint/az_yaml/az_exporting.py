"""Write a bundle as files of ``az ml``, for teams whose pipeline does not import modelship."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.store import stage_source
from modelship.errors import InvalidOptionError
from modelship.staging import put_in_place, stage_in, storing
from modelship.targets.online_endpoint.az_yaml.asset_values import (
    CodeConfiguration,
)
from modelship.targets.online_endpoint.az_yaml.endpoint_files import (
    OnlineDeploymentFile,
    OnlineEndpointFile,
)
from modelship.targets.online_endpoint.az_yaml.exported_assets import (
    write_environment,
    write_model,
    write_script,
)
from modelship.targets.online_endpoint.az_yaml.yaml_writing import write_yaml
from modelship.targets.online_endpoint.endpoint_assets import conda_text
from modelship.targets.online_endpoint.endpoint_backend import OnlineEndpointBackend
from modelship.targets.online_endpoint.endpoint_names import deployment_of
from modelship.targets.online_endpoint.endpoint_rules import check_bundle, deployment_settings
from modelship.targets.online_endpoint.target_options import DEFAULT_IMAGE, TargetOptions
from modelship.targets.release import Release, Serving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.bundle import ScoringBundle

__all__ = ["ExportedEndpoint", "export_endpoint", "write_folder"]

_ENVIRONMENT: Final = "modelship"


@dataclass(frozen=True)
class ExportedEndpoint:
    """What was written.

    Parameters
    ----------
    folder : Path
        The folder.
    endpoint, deployment : str
        The names of the endpoint and of the deployment.
    files : tuple of str
        The paths in the folder.
    """

    folder: Path
    endpoint: str
    deployment: str
    files: tuple[str, ...]


def export_endpoint(
    bundle: ScoringBundle,
    folder: str | Path,
    *,
    name: str,
    serving: Serving | None = None,
    options: Mapping[str, Any] | None = None,
) -> ExportedEndpoint:
    """Write the files of a managed online endpoint for a bundle, with a script that deploys them.

    Parameters
    ----------
    bundle : ScoringBundle
        The bundle.
    folder : str or Path
        A new or an empty folder. It is written completely, or not at all.
    name : str
        The name of the endpoint.
    serving : Serving, optional
        How it is served: workers and variables.
    options : Mapping, optional
        The options of the target ``online-endpoint`` that are not about a workspace.

    Raises
    ------
    InvalidNameError, InvalidOptionError
        If Azure ML would refuse the name, the serving or an option; or the folder is not empty.
    DigestMismatchError
        If a model file has changed since the bundle was created.
    StorageError
        If the folder cannot be written.
    """
    export = _Export(name, bundle, serving or Serving(), options or {})
    names = write_folder(Path(folder), export.write)
    return ExportedEndpoint(Path(folder), name, export.deployment, names)


def write_folder(place: Path, write: Callable[[Path], None]) -> tuple[str, ...]:
    """Write a new folder completely, or not at all; return the paths of the files in it.

    Raises
    ------
    InvalidOptionError
        If it is not empty.
    StorageError
        If it cannot be written.
    """
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise InvalidOptionError("output", str(place), "a new or an empty folder")
    with storing(place, ours=False), stage_in(place.parent) as scratch:
        draft = scratch / "new"
        draft.mkdir()
        write(draft)
        written = sorted(each.relative_to(draft) for each in draft.rglob("*") if each.is_file())
        if place.exists():
            place.rmdir()  # it is empty
        put_in_place(draft, place, aside=scratch / "old")
    return tuple(each.as_posix() for each in written)


class _Export:
    """The values of one export; they are checked before anything is written."""

    def __init__(
        self, name: str, bundle: ScoringBundle, serving: Serving, given: Mapping[str, Any]
    ) -> None:
        self.name, self.bundle = name, bundle
        options = TargetOptions(**given)
        release = Release(bundle, serving, options.recorded())
        OnlineEndpointBackend(**given).check_serving(serving)
        check_bundle(bundle, options)
        self.deployment = deployment_of(release.digest)
        self.endpoint_file = OnlineEndpointFile(name, options.endpoint)
        self._image = options.base_image or DEFAULT_IMAGE
        self._conda = conda_text(bundle)
        settings = deployment_settings(release, options)
        self._settings = replace(settings, tags=dict(bundle.tags))

    def write(self, folder: Path) -> None:
        """Write everything into `folder`."""
        stage_source(self.bundle, folder / "code")
        if self.bundle.sample_json is not None:
            sample = self.bundle.sample_json + "\n"
            (folder / "sample-request.json").write_text(sample, encoding="utf-8")
        model = write_model(self.bundle, folder)
        environment = write_environment(
            folder, name=_ENVIRONMENT, image=self._image, conda=self._conda
        )
        code = CodeConfiguration(folder / "code", self.bundle.entry_script)
        file = OnlineDeploymentFile(
            self.deployment,
            self.name,
            self._settings,
            model and replace(model, properties={}),
            environment,
            code,
        )
        write_yaml(self.endpoint_file, folder / "endpoint.yml")
        write_yaml(file, folder / "deployment.yml")
        write_script(
            folder,
            "deploy.sh",
            bundle=self.bundle,
            environment=environment,
            values={"endpoint": self.name, "deployment": self.deployment},
        )
