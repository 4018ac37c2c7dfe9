"""Workspace: what is asked of an Azure ML workspace, with silence, deadlines and our errors."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from modelship.errors import (
    InvalidOptionError,
    ModelNotFoundError,
    WorkspaceCredentialsError,
    WorkspaceUnreachableError,
)
from modelship.workspace import _sdk
from modelship.workspace._quiet import quiet
from modelship.workspace._translation import translate
from modelship.workspace.location import WorkspaceLocation
from modelship.workspace.trust import trusting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelship.errors import ModelshipError
    from modelship.workspace.records import Image, Operation, RegisteredModel, Service

__all__ = ["Workspace"]

_CALL_TIMEOUT_S = 120.0
_SIGN_IN_TIMEOUT_S = 300.0
_TRANSFER_TIMEOUT_S = 3600.0
_DELETE_TIMEOUT_S = 600.0

_Answer = TypeVar("_Answer")


class Workspace:
    """A connected Azure ML workspace.

    What the SDK prints and logs on its own is dropped while it works for us, in the thread that
    it works in. A call that does not end in time is given up.

    Parameters
    ----------
    location : WorkspaceLocation
        Which workspace it is.
    sdk : modelship.workspace._sdk.Sdk
        The connection. Most users call :meth:`open` instead.
    """

    def __init__(self, location: WorkspaceLocation, sdk: _sdk.Sdk) -> None:
        self.location = location
        self._sdk = sdk

    @classmethod
    def open(
        cls,
        workspace: object = None,
        *,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
    ) -> Workspace:
        """Connect to a workspace.

        A service principal is taken from ``AZUREML_SERVICE_PRINCIPAL_ID``, ``_TENANT_ID`` and
        ``_PASSWORD`` if they are set; else the SDK finds a managed identity or the account of
        ``az login``, or asks for one. For any other way to sign in, pass the SDK's own object.

        Parameters
        ----------
        workspace : azureml.core.Workspace, Workspace, str or Path, optional
            An open workspace; or a ``config.json``, or a folder to look for it in and above.
            The current folder if nothing is given.
        subscription_id, resource_group, workspace_name : str, optional
            All three of them, in place of `workspace`.

        Raises
        ------
        WorkspaceNotFoundError
            If there is no ``config.json``, or no such workspace.
        WorkspaceCredentialsError, WorkspaceUnreachableError, WorkspaceRequestError
            If it cannot be opened.
        MissingExtraError
            If azureml-core is not installed.
        """
        names = (subscription_id, resource_group, workspace_name)
        if isinstance(workspace, cls):
            return workspace
        if type(workspace).__module__.partition(".")[0] == "azureml" and not any(names):
            return _adopted(workspace)
        if workspace is not None and not isinstance(workspace, (str, PathLike)):
            raise _unknown_kind(workspace)
        location = WorkspaceLocation.find(
            workspace,  # type: ignore[arg-type]  # a path of bytes is nobody's
            subscription_id=subscription_id,
            resource_group=resource_group,
            workspace_name=workspace_name,
        )
        if location.offline and not location.offline.is_open():  # the SDK would try for long
            cause = f"nothing listens at {location.offline.endpoint}"
            advice = location.offline.remedy
            raise WorkspaceUnreachableError(location.workspace_name, "open it", cause, advice)
        # The SDK may have to ask a person to sign in, who has to see what it asks.
        asks = not location.offline and not _sdk.service_principal()
        ask = _Asker(location, muted=not asks)
        try:
            sdk = ask("open it", lambda: _sdk.Sdk.connect(location), timeout_s=_SIGN_IN_TIMEOUT_S)
        except TimeoutError as error:
            cause = f"nobody signed in within {_SIGN_IN_TIMEOUT_S:g} s"
            raise WorkspaceCredentialsError(location.workspace_name, cause) from error
        except WorkspaceCredentialsError as error:
            if half := _sdk.half_a_principal():
                error.cause = f"{error.cause} ({half})"
            raise
        return cls(location, sdk)

    @property
    def name(self) -> str:
        """The workspace's name."""
        return self.location.workspace_name

    @property
    def sdk_workspace(self) -> Any:
        """The ``azureml.core.Workspace`` below."""
        return self._sdk.workspace

    def _ask(
        self, doing: str, call: Callable[[], _Answer], *, timeout_s: float = _CALL_TIMEOUT_S
    ) -> _Answer:
        return _Asker(self.location)(doing, call, timeout_s=timeout_s)

    # --- models ---------------------------------------------------------------------------

    def model(self, name: str, version: int | None = None) -> RegisteredModel:
        """Return a registered model, the latest if no version is given.

        Raises
        ------
        ModelNotFoundError
            If there is none; with the versions, or else the names, that there are.
        """
        doing = f"find the model {name!r}"
        found = self._ask(doing, lambda: self._sdk.model(name, version))
        if found is not None:
            return found
        versions = self._ask(doing, lambda: self._sdk.models(name=name))
        known = versions or self._ask(doing, self._sdk.models)
        raise ModelNotFoundError(
            location=f"azureml:{name}" + (f":{version}" if version else ""),
            nearby=[each.model_id if versions else each.name for each in known[:10]],
        )

    def models(
        self, *, name: str | None = None, properties: Mapping[str, str] | None = None
    ) -> Sequence[RegisteredModel]:
        """Return the models of this name that have these properties, the newest first."""
        doing = "list its models"
        return self._ask(doing, lambda: self._sdk.models(name=name, properties=properties))

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
        timeout_s: float = _TRANSFER_TIMEOUT_S,
    ) -> RegisteredModel:
        """Upload a file or folder as the next version of the model `name`."""
        return self._ask(
            f"register the model {name!r}",
            lambda: self._sdk.register(
                path,
                name=name,
                tags=tags,
                properties=properties,
                description=description,
                framework=framework,
                framework_version=framework_version,
            ),
            timeout_s=timeout_s,
        )

    def tag(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to a registered model."""
        self._ask(f"tag the model {model_id!r}", lambda: self._sdk.tag(model_id, tags))

    def download(
        self, model_id: str, folder: Path, *, timeout_s: float = _TRANSFER_TIMEOUT_S
    ) -> None:
        """Write a registered model's file or folder into `folder`."""
        self._ask(
            f"download the model {model_id!r}",
            lambda: self._sdk.download(model_id, folder),
            timeout_s=timeout_s,
        )

    # --- services -------------------------------------------------------------------------

    def services(self) -> Sequence[Service]:
        """Return every service on Container Instances."""
        return self._ask("list its services", self._sdk.services)

    def service(self, name: str) -> Service | None:
        """Return one service, or None if there is none of this name."""
        return self._ask(f"look at the service {name!r}", lambda: self._sdk.service(name))

    def payload(self, name: str) -> Mapping[str, Any] | None:
        """Return all that the workspace keeps of a service, in Azure ML's words; or None."""
        return self._ask(f"look at the service {name!r}", lambda: self._sdk.payload(name))

    def deploy(
        self,
        name: str,
        *,
        model_ids: Sequence[str],
        image: Image | Mapping[str, Any],
        configuration: Mapping[str, Any],
        overwrite: bool,
        timeout_s: float,
    ) -> Callable[[], Operation]:
        """Ask for a new service, and return a function that looks how far it has come.

        Parameters
        ----------
        name : str
            Its name.
        model_ids : Sequence[str]
            Registered models.
        image : Image or Mapping
            What it consists of; or what :meth:`payload` told of a service, to make that again.
        configuration : Mapping
            The parameters of ``AciWebservice.deploy_configuration``.
        overwrite : bool
            Remove a service of this name first.
        timeout_s : float
            Seconds for the upload and the answer.
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
            timeout_s=timeout_s,
        )

    def update(
        self,
        name: str,
        *,
        model_ids: Sequence[str],
        image: Image | Mapping[str, Any],
        changes: Mapping[str, Any],
        timeout_s: float,
    ) -> Callable[[], Operation]:
        """Ask for a service to be changed in its place; as :meth:`deploy` otherwise.

        `changes` are the other parameters of ``AciWebservice.update``.
        """
        return self._follow(
            f"update the service {name!r}",
            lambda: self._sdk.update(name, model_ids=model_ids, image=image, changes=changes),
            timeout_s=timeout_s,
        )

    def delete(self, name: str) -> None:
        """Remove a service; that it is gone already is no error."""
        doing = f"delete the service {name!r}"
        self._ask(doing, lambda: self._sdk.delete(name), timeout_s=_DELETE_TIMEOUT_S)

    def logs(self, name: str) -> str:
        """Return what a service's containers wrote, that which prepares it first."""
        doing = f"read the log of the service {name!r}"
        return "".join(
            self._ask(doing, lambda init=init: self._sdk.logs(name, init=init))  # type: ignore[misc]  # of either kind
            for init in (True, False)
        )

    def keys(self, name: str) -> tuple[str, str]:
        """Return the primary and the secondary key of a service."""
        return self._ask(f"tell the keys of {name!r}", lambda: self._sdk.keys(name))

    def regenerate_key(self, name: str, which: str, *, value: str | None = None) -> None:
        """Make the key ``"primary"`` or ``"secondary"`` anew, at random or as `value`."""
        self._ask(
            f"regenerate a key of {name!r}",
            lambda: self._sdk.regenerate_key(name, which, value=value),
        )

    def _follow(
        self, doing: str, call: Callable[[], _sdk.Handle], *, timeout_s: float
    ) -> Callable[[], Operation]:
        handle = self._ask(doing, call, timeout_s=timeout_s)
        return lambda: self._ask(doing, handle.poll)

    def __repr__(self) -> str:
        return f"Workspace({self.name!r})"


class _Asker:
    """Runs calls of the SDK, each in a thread of its own that is left behind if it hangs."""

    def __init__(self, location: WorkspaceLocation, *, muted: bool = True) -> None:
        self._location = location
        self._muted = muted

    def __call__(self, doing: str, call: Callable[[], _Answer], *, timeout_s: float) -> _Answer:
        answers: list[_Answer] = []
        failures: list[BaseException] = []

        def work() -> None:
            try:
                with ExitStack() as stack:
                    if self._muted:
                        stack.enter_context(quiet())
                    if self._location.offline:
                        stack.enter_context(trusting(Path(self._location.offline.ca_bundle)))
                    answers.append(call())
            except BaseException as error:  # noqa: BLE001 - SystemExit too: it goes to who waits
                failures.append(error)

        thread = threading.Thread(target=work, name=f"modelship: {doing}", daemon=True)
        thread.start()
        thread.join(timeout_s)
        name = self._location.workspace_name
        if thread.is_alive() and not self._muted:
            raise TimeoutError
        if thread.is_alive():
            raise WorkspaceUnreachableError(name, doing, f"no answer within {timeout_s:g} s")
        if failures:
            [error] = failures
            if not isinstance(error, Exception):
                error = RuntimeError(f"{type(error).__name__}: {error}")
            raise self._translated(error, doing) from error
        return answers[0]

    def _translated(self, error: Exception, doing: str) -> ModelshipError:
        found = translate(error, workspace=self._location.workspace_name, doing=doing)
        if self._location.offline and isinstance(found, WorkspaceUnreachableError):
            found.advice = self._location.offline.remedy
        return found


def _adopted(workspace: Any) -> Workspace:
    try:
        location = WorkspaceLocation(
            workspace.subscription_id, workspace.resource_group, workspace.name
        )
    except AttributeError:
        raise _unknown_kind(workspace) from None
    return Workspace(location, _sdk.Sdk(workspace, uri=location.uri))


def _unknown_kind(workspace: object) -> InvalidOptionError:
    return InvalidOptionError(
        option="workspace",
        found=type(workspace).__name__,
        expected="an azureml.core.Workspace, or the path of a config.json",
    )
