"""Write a plan as a folder that can be reviewed, and deployed with ``az ml`` alone.

::

    <folder>/
        endpoint.yml, deployment.yml     for az ml online-endpoint and az ml online-deployment
        conda.yml, source/               what the second one names
        bundle/                          the same as a bundle of modelship
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError, StorageError
from modelship.migration.conda_file import conda_with_server
from modelship.migration.source_files import fetch_source
from modelship.staging import put_in_place, stage_in, storing
from modelship.targets.online_endpoint.az_yaml import (
    OnlineDeploymentFile,
    OnlineEndpointFile,
    write_yaml,
)
from modelship.targets.online_endpoint.az_yaml.asset_values import (
    CodeConfiguration,
    InlineEnvironment,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.bundle import ScoringBundle
    from modelship.migration.endpoint_plan import EndpointPlan
    from modelship.sources import Model
    from modelship.targets import Deployment
    from modelship.workspace import Workspace

__all__ = ["DEPLOYMENT", "PlanFolder"]

DEPLOYMENT: Final = "blue"
"""The name of the deployment in the files; modelship itself names one by its release."""

_IMAGE: Final = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"
_ENDPOINT_FILE: Final = "endpoint.yml"
_DEPLOYMENT_FILE: Final = "deployment.yml"
_BUNDLE: Final = "bundle"


@dataclass(frozen=True)
class PlanFolder:
    """A plan on disk.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    @classmethod
    def write(
        cls,
        plan: EndpointPlan,
        folder: str | Path,
        *,
        workspace: Workspace,
        old: Deployment | None = None,
        sample_input: object = None,
    ) -> PlanFolder:
        """Write the files of a plan, all or none.

        Parameters
        ----------
        plan : EndpointPlan
            The plan.
        folder : str or Path
            The folder; it must not exist, or be an earlier plan.
        workspace : Workspace
            Has the source and the models.
        old : Deployment, optional
            The service. If modelship has deployed it, the bundle is exactly that of the service.
        sample_input : JSON value, optional
            A request that the service answers, for a service that modelship has not deployed.

        Raises
        ------
        InvalidOptionError
            If the folder has other content.
        ModelshipError
            If the source, a model or the environment cannot be read.
        """
        place = Path(folder).resolve()
        if place.exists() and not (place / _DEPLOYMENT_FILE).is_file() and any(place.iterdir()):
            expected = "a new folder, an empty one, or an earlier plan"
            raise InvalidOptionError("folder", str(folder), expected)
        with storing(place), stage_in(place.parent) as stage:
            new = stage / "new"
            new.mkdir(mode=0o700)  # the variables in it may be secrets
            script = _write_files(plan, new, workspace)
            bundle = _kept(old) or _rebuilt(plan, new, script, workspace, sample_input)
            bundle.save(new / _BUNDLE)
            put_in_place(new, place, aside=stage / "old")
        return cls(place)

    @property
    def bundle(self) -> ScoringBundle:
        """The bundle of the service."""
        from modelship.bundle import ScoringBundle

        return ScoringBundle.load(self.folder / _BUNDLE)

    @property
    def commands(self) -> Sequence[str]:
        """What to type to deploy it without modelship."""
        endpoint, deployment = self.folder / _ENDPOINT_FILE, self.folder / _DEPLOYMENT_FILE
        return (
            f"az ml online-endpoint create --file {endpoint}",
            f"az ml online-deployment create --file {deployment} --all-traffic",
        )


def _write_files(plan: EndpointPlan, new: Path, workspace: Workspace) -> str:
    import yaml

    service = plan.service
    script = fetch_source(service, workspace, new / "source")
    conda = new / "conda.yml"
    content = conda_with_server(service.conda)
    conda.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    endpoint = OnlineEndpointFile(plan.endpoint_name, plan.endpoint)
    deployment = OnlineDeploymentFile(
        DEPLOYMENT,
        plan.endpoint_name,
        plan.deployment,
        model=f"azureml:{service.model_ids[0]}" if len(service.model_ids) == 1 else None,
        environment=InlineEnvironment(image=service.base_image or _IMAGE, conda_file=conda),
        code_configuration=CodeConfiguration(code=new / "source", scoring_script=script),
    )
    write_yaml(endpoint, new / _ENDPOINT_FILE)
    write_yaml(deployment, new / _DEPLOYMENT_FILE)
    return script


def _kept(old: Deployment | None) -> ScoringBundle | None:
    """Return the bundle with which modelship has deployed the service, if it is kept."""
    if old is None:
        return None
    try:
        return old.bundle()
    except StorageError:
        return None


def _rebuilt(
    plan: EndpointPlan, new: Path, script: str, workspace: Workspace, sample_input: object
) -> ScoringBundle:
    from modelship.bundle import ScoringBundle

    service = plan.service
    with tempfile.TemporaryDirectory(prefix="modelship-") as scratch:
        models = [
            _fetched(model_id, workspace, Path(scratch, str(count)))
            for count, model_id in enumerate(service.model_ids)
        ]
        # It is saved before the models' folder is deleted.
        bundle = ScoringBundle(
            models,
            entry_script=script,
            source_directory=new / "source",
            environment=new / "conda.yml",
            sample_input=sample_input,
            cpu_cores=service.cpu_cores,
            memory_gb=service.memory_gb,
            tags=service.tags,
            description=service.description,
        )
        bundle.save(new / _BUNDLE)
    return ScoringBundle.load(new / _BUNDLE)


def _fetched(model_id: str, workspace: Any, folder: Path) -> Model:
    from modelship.sources import ModelSource

    source = ModelSource.open(f"azureml:{model_id}", workspace=workspace)
    return source.fetch(folder)
