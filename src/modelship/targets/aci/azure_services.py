"""Manage the services of an Azure ML workspace on Container Instances.

No other module of this target imports azureml-core.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from modelship.errors import WorkspaceUnreachableError
from modelship.targets.aci.service_records import Image, Operation, WorkspaceService, instance_id
from modelship.workspace import CALL_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelship.progress import Deadline
    from modelship.targets.instance import Instance
    from modelship.workspace import Workspace

__all__ = ["Services"]

_COMPUTE: Final = "ACI"  # Azure ML's name of Container Instances
_NOT_FOUND: Final = "WebserviceNotFound"
_TRANSFER_TIMEOUT_S: Final = 3600.0
_DELETE_TIMEOUT_S: Final = 600.0
_LEAST_TIMEOUT_S: Final = 1.0

_Answer = TypeVar("_Answer")


class Services:
    """The services of a workspace on Azure Container Instances.

    Parameters
    ----------
    workspace : Workspace
        The workspace.
    deadline : Deadline, optional
        The longest time that any call may take; each call has a limit of its own too.
    """

    def __init__(self, workspace: Workspace, *, deadline: Deadline | None = None) -> None:
        self.workspace = workspace
        self.deadline = deadline
        self._sdk = workspace.sdk_workspace

    def within(self, deadline: Deadline) -> Services:
        """Return the same services, with a deadline for their calls."""
        return Services(self.workspace, deadline=deadline)

    def limit_s(self, timeout_s: float) -> float:
        """Return `timeout_s`, or the time left until the deadline if that is less."""
        if self.deadline is None:
            return timeout_s
        return min(timeout_s, max(_LEAST_TIMEOUT_S, self.deadline.remaining_s))

    def list(self) -> Sequence[WorkspaceService]:
        """Return every service on Container Instances."""

        def call() -> Sequence[WorkspaceService]:
            from azureml.core.webservice import Webservice

            return [_record(each) for each in Webservice.list(self._sdk, compute_type=_COMPUTE)]

        return self._ask("list its services", call)

    def get(self, name: str) -> WorkspaceService | None:
        """Return one service, or None if there is none with this name."""

        def call() -> WorkspaceService | None:
            from azureml.core.webservice import AciWebservice

            payload = _payload(self._sdk, name)
            if payload is None or payload.get("computeType") != _COMPUTE:
                return None
            return _record(AciWebservice.deserialize(self._sdk, payload))

        return self._ask(f"look at the service {name!r}", call)

    def of(self, instance: Instance) -> WorkspaceService | None:
        """Return the service with the name of an instance if it runs this instance."""
        service = self.get(instance.name)
        if service and instance_id(service.tags, name=service.name) == instance.instance_id:
            return service
        return None

    def payload(self, name: str) -> Mapping[str, Any] | None:
        """Return the whole record of a service as Azure ML has it, or None."""
        return self._ask(f"look at the service {name!r}", partial(_payload, self._sdk, name))

    def deploy(
        self,
        name: str,
        *,
        model_ids: Sequence[str],
        image: Image | Mapping[str, Any],
        configuration: Mapping[str, Any],
        overwrite: bool,
    ) -> Callable[[], Operation]:
        """Request a new service, and return a function that polls its progress.

        Parameters
        ----------
        name : str
            Its name.
        model_ids : Sequence[str]
            Registered models.
        image : Image or Mapping
            The content of the service; or an earlier result of :meth:`payload`, to recreate that
            service.
        configuration : Mapping
            The parameters of ``AciWebservice.deploy_configuration``.
        overwrite : bool
            Remove a service with this name first.
        """

        def call() -> Any:
            from azureml.core import Model
            from azureml.core.webservice import AciWebservice

            return Model.deploy(
                self._sdk,
                name,
                [Model(self._sdk, id=each) for each in model_ids],
                inference_config=_request(image),
                deployment_config=AciWebservice.deploy_configuration(**configuration),
                overwrite=overwrite,
            )

        return self._follow(f"create the service {name!r}", call)

    def update(
        self,
        name: str,
        *,
        model_ids: Sequence[str],
        image: Image | Mapping[str, Any],
        changes: Mapping[str, Any],
    ) -> Callable[[], Operation]:
        """Request an in-place update of a service; otherwise like :meth:`deploy`.

        `changes` are the other parameters of ``AciWebservice.update``.
        """

        def call() -> Any:
            from azureml.core import Model

            service = self._service(name)
            models = [Model(self._sdk, id=each) for each in model_ids]
            service.update(models=models, inference_config=_request(image), **changes)
            return service

        return self._follow(f"update the service {name!r}", call)

    def delete(self, name: str) -> None:
        """Remove a service; a service that is already gone is not an error."""

        def call() -> None:
            from azureml.exceptions import WebserviceException

            try:
                self._service(name).delete()
            except WebserviceException as error:
                if _NOT_FOUND not in str(error):
                    raise

        self._ask(f"delete the service {name!r}", call, timeout_s=_DELETE_TIMEOUT_S)

    def logs(self, name: str, *, timeout_s: float = CALL_TIMEOUT_S) -> str:
        """Return the logs of a service's containers, the init container first."""

        def call(*, init: bool) -> str:
            return self._service(name).get_logs(init=init) or ""

        doing = f"read the log of the service {name!r}"
        calls = [partial(call, init=init) for init in (True, False)]
        return "".join(self._ask(doing, each, timeout_s=timeout_s) for each in calls)

    def keys(self, name: str) -> tuple[str, str]:
        """Return the primary and the secondary key of a service."""
        doing = f"read the keys of {name!r}"
        primary, secondary = self._ask(doing, lambda: self._service(name).get_keys())
        return primary, secondary

    def regenerate_key(self, name: str, which: str, *, value: str | None = None) -> None:
        """Regenerate the ``"primary"`` or ``"secondary"`` key, at random or as `value`."""
        self._ask(
            f"regenerate a key of {name!r}",
            lambda: self._service(name).regen_key(which, set_key=value),
        )

    def _service(self, name: str) -> Any:
        from azureml.core.webservice import Webservice

        return Webservice(self._sdk, name)

    def _follow(self, doing: str, call: Callable[[], Any]) -> Callable[[], Operation]:
        following = _Following(self._ask(doing, call, timeout_s=_TRANSFER_TIMEOUT_S))
        return lambda: self._ask(doing, following.poll)

    def _ask(
        self, doing: str, call: Callable[[], _Answer], *, timeout_s: float = CALL_TIMEOUT_S
    ) -> _Answer:
        try:
            return self.workspace.ask(doing, call, timeout_s=self.limit_s(timeout_s))
        except WorkspaceUnreachableError:
            if self.deadline is not None:
                self.deadline.check()  # the caller that set the deadline handles it
            raise


class _Following:
    """The SDK's object of a service, which holds its running operation."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._offset = 0

    def poll(self) -> Operation:
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


def _payload(workspace: Any, name: str) -> Mapping[str, Any] | None:
    from azureml.core.webservice import Webservice

    found: dict[str, Any] | None = Webservice._get(workspace, name)  # noqa: SLF001 - only this returns the whole record
    return found


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


def _record(service: Any) -> WorkspaceService:
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
