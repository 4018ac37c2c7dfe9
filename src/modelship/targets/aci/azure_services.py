"""Manage the services of an Azure ML workspace on Container Instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from modelship.errors import WorkspaceUnreachableError
from modelship.targets.aci._services_sdk import Handle, Sdk
from modelship.targets.aci.tags import instance_id
from modelship.workspace import CALL_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelship.progress import Deadline
    from modelship.targets.aci.service_records import Image, Operation, WorkspaceService
    from modelship.targets.instance import Instance
    from modelship.workspace import Workspace

__all__ = ["Services"]

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
        self._sdk = Sdk(workspace.sdk_workspace)

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
        return self._ask("list its services", self._sdk.services)

    def get(self, name: str) -> WorkspaceService | None:
        """Return one service, or None if there is none with this name."""
        return self._ask(f"look at the service {name!r}", lambda: self._sdk.service(name))

    def of(self, instance: Instance) -> WorkspaceService | None:
        """Return the service with the name of an instance if it runs this instance."""
        service = self.get(instance.name)
        if service and instance_id(service.tags, name=service.name) == instance.instance_id:
            return service
        return None

    def payload(self, name: str) -> Mapping[str, Any] | None:
        """Return the whole record of a service as Azure ML has it, or None."""
        return self._ask(f"look at the service {name!r}", lambda: self._sdk.payload(name))

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
        return self._follow(
            f"create the service {name!r}",
            lambda: self._sdk.deploy(
                name,
                model_ids=model_ids,
                image=image,
                configuration=configuration,
                overwrite=overwrite,
            ),
        )

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
        return self._follow(
            f"update the service {name!r}",
            lambda: self._sdk.update(name, model_ids=model_ids, image=image, changes=changes),
        )

    def delete(self, name: str) -> None:
        """Remove a service; a service that is already gone is not an error."""
        doing = f"delete the service {name!r}"
        self._ask(doing, lambda: self._sdk.delete(name), timeout_s=_DELETE_TIMEOUT_S)

    def logs(self, name: str, *, timeout_s: float = CALL_TIMEOUT_S) -> str:
        """Return the logs of a service's containers, the init container first."""
        doing = f"read the log of the service {name!r}"
        return "".join(
            self._ask(doing, lambda init=init: self._sdk.logs(name, init=init), timeout_s=timeout_s)  # type: ignore[misc]  # of either kind
            for init in (True, False)
        )

    def keys(self, name: str) -> tuple[str, str]:
        """Return the primary and the secondary key of a service."""
        return self._ask(f"tell the keys of {name!r}", lambda: self._sdk.keys(name))

    def regenerate_key(self, name: str, which: str, *, value: str | None = None) -> None:
        """Regenerate the ``"primary"`` or ``"secondary"`` key, at random or as `value`."""
        self._ask(
            f"regenerate a key of {name!r}",
            lambda: self._sdk.regenerate_key(name, which, value=value),
        )

    def _follow(self, doing: str, call: Callable[[], Handle]) -> Callable[[], Operation]:
        handle = self._ask(doing, call, timeout_s=_TRANSFER_TIMEOUT_S)
        return lambda: self._ask(doing, handle.poll)

    def _ask(
        self, doing: str, call: Callable[[], _Answer], *, timeout_s: float = CALL_TIMEOUT_S
    ) -> _Answer:
        try:
            return self.workspace.ask(doing, call, timeout_s=self.limit_s(timeout_s))
        except WorkspaceUnreachableError:
            if self.deadline is not None:
                self.deadline.check()  # the caller that set the deadline handles it
            raise

    def __repr__(self) -> str:
        return f"Services({self.workspace!r})"
