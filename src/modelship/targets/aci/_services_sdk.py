"""Wrap the services of Azure ML's SDK; no other module of this target imports azureml-core.

The calls run in the caller's thread and raise what the SDK raises;
:class:`~modelship.targets.aci.azure_services.Services` adds silence, deadlines and our errors.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from modelship.targets.aci.service_records import Image, Operation, WorkspaceService

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["COMPUTE", "Handle", "Sdk"]

COMPUTE = "ACI"
"""Azure ML's name for Container Instances."""

_NOT_FOUND = "WebserviceNotFound"


class Sdk:
    """The services of a connected workspace.

    Parameters
    ----------
    workspace : azureml.core.Workspace
        The SDK's object.
    """

    def __init__(self, workspace: Any) -> None:
        self.workspace = workspace

    def services(self) -> list[WorkspaceService]:
        """Return every service on Container Instances."""
        from azureml.core.webservice import Webservice

        return [_service(each) for each in Webservice.list(self.workspace, compute_type=COMPUTE)]

    def service(self, name: str) -> WorkspaceService | None:
        """Return one service on Container Instances, or None if there is none with this name."""
        payload = self.payload(name)
        if payload is None or payload.get("computeType") != COMPUTE:
            return None
        from azureml.core.webservice import AciWebservice

        return _service(AciWebservice.deserialize(self.workspace, payload))

    def payload(self, name: str) -> dict[str, Any] | None:
        """Return the workspace's whole record of a service; None if there is no such service."""
        from azureml.core.webservice import Webservice

        found: dict[str, Any] | None = Webservice._get(self.workspace, name)  # noqa: SLF001 - only this gives it whole
        return found

    def deploy(
        self,
        name: str,
        *,
        model_ids: Sequence[str],
        image: Image | Mapping[str, Any],
        configuration: Mapping[str, Any],
        overwrite: bool,
    ) -> Handle:
        """Request a new service and return immediately."""
        from azureml.core import Model
        from azureml.core.webservice import AciWebservice

        service = Model.deploy(
            self.workspace,
            name,
            [Model(self.workspace, id=each) for each in model_ids],
            inference_config=_request(image),
            deployment_config=AciWebservice.deploy_configuration(**configuration),
            overwrite=overwrite,
        )
        return Handle(service)

    def update(
        self,
        name: str,
        *,
        model_ids: Sequence[str],
        image: Image | Mapping[str, Any],
        changes: Mapping[str, Any],
    ) -> Handle:
        """Request an in-place update of a service and return immediately."""
        from azureml.core import Model
        from azureml.core.webservice import Webservice

        service = Webservice(self.workspace, name)
        models = [Model(self.workspace, id=each) for each in model_ids]
        service.update(models=models, inference_config=_request(image), **changes)
        return Handle(service)

    def delete(self, name: str) -> None:
        """Remove a service; a service that is already gone is not an error."""
        from azureml.core.webservice import Webservice
        from azureml.exceptions import WebserviceException

        try:
            Webservice(self.workspace, name).delete()
        except WebserviceException as error:
            if _NOT_FOUND not in str(error):
                raise

    def logs(self, name: str, *, init: bool) -> str:
        """Return the log of a service's container, or of its init container."""
        from azureml.core.webservice import Webservice

        log: str | None = Webservice(self.workspace, name).get_logs(init=init)
        return log or ""

    def keys(self, name: str) -> tuple[str, str]:
        """Return the primary and the secondary key of a service."""
        from azureml.core.webservice import Webservice

        primary, secondary = Webservice(self.workspace, name).get_keys()
        return primary, secondary

    def regenerate_key(self, name: str, which: str, *, value: str | None) -> None:
        """Regenerate one of the keys, at random or as `value`."""
        from azureml.core.webservice import Webservice

        Webservice(self.workspace, name).regen_key(which, set_key=value)


class Handle:
    """A running operation.

    Parameters
    ----------
    service : azureml.core.webservice.AciWebservice
        The SDK's object, which holds its operation.
    """

    def __init__(self, service: Any) -> None:
        self._service = service
        self._offset = 0

    def poll(self) -> Operation:
        """Poll the progress of the operation."""
        # The public API, wait_for_deployment(), blocks and prints its progress.
        state, error, document = self._service._get_operation_state(  # noqa: SLF001 - see above
            show_output=True, offset=self._offset
        )
        log = document.get("streamingOperationLog") or ""
        self._offset += len(log)
        return Operation(
            operation_id=self._service._operation_endpoint.rsplit("/", 1)[-1],  # noqa: SLF001 - see above
            state=state,
            step=(document.get("operationDetails") or {}).get("subOperationType") or "",
            error=error or {},
            log=[line.partition("|")[2] or line for line in log.split("#") if line],
            log_uri=document.get("operationLog") or "",
        )


def _request(image: Image | Mapping[str, Any]) -> Any:
    """Return the SDK's description of a script and its environment."""
    from azureml.core import Environment
    from azureml.core.conda_dependencies import CondaDependencies
    from azureml.core.model import InferenceConfig

    if not isinstance(image, Image):
        return _repeated(image)
    environment = Environment(image.name)
    conda = CondaDependencies(_underlying_structure=dict(image.conda))
    environment.python.conda_dependencies = conda
    environment.environment_variables = dict(image.variables)  # the SDK adds its own
    return InferenceConfig(
        entry_script=image.entry_script,
        source_directory=image.source_directory,
        environment=environment,
    )


def _repeated(payload: Mapping[str, Any]) -> Any:
    """Return a description that requests exactly what a service was built from."""
    from azureml.core import Environment
    from azureml.core.model import InferenceConfig

    request = copy.deepcopy(payload["environmentImageRequest"])
    names = ("driverProgram", "modelIds", "assets", "environment")

    class AsBefore(InferenceConfig):  # type: ignore[misc]  # the SDK ships no types
        def __init__(self) -> None:
            self.entry_script = "score.py"
            self.source_directory = None
            self.environment = Environment("as-before")

        def validate_configuration(self) -> None:
            """Skip the validation: the description was valid, and its files are no longer here."""

        def _build_environment_image_request(self, *_: Any, **__: Any) -> dict[str, Any]:
            return {key: request[key] for key in names if key in request}

    return AsBefore()


def _service(service: Any) -> WorkspaceService:
    return WorkspaceService(
        name=service.name,
        state=service.state or "Transitioning",
        scoring_uri=service.scoring_uri or "",
        tags=service.tags or {},
        description=service.description or "",
        created_at=service.created_time.isoformat() if service.created_time else "",
        model_ids=[model.id for model in service.models],
        error=service.error or {},
        auth_enabled=bool(service.auth_enabled),
    )
