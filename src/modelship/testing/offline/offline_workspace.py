"""An Azure ML workspace on this machine, for code that accesses it through azureml-core."""

from __future__ import annotations

import errno
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from modelship.errors import InvalidOptionError, MissingExtraError
from modelship.process_variables import process_variables
from modelship.testing.offline.client_faults import fault_variables
from modelship.testing.offline.faults import Faults
from modelship.testing.offline.identity import Identity
from modelship.testing.offline.shell_variables import exports, variables, without_exports
from modelship.testing.offline.workspace_folder import hold_folder
from modelship.workspace.private import write_private
from modelship.workspace.way_out import WayOut, trusting

if TYPE_CHECKING:
    import os
    from socket import socket
    from types import TracebackType

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.testing.offline.authority import Authority
    from modelship.testing.offline.insights import InsightsRecord
    from modelship.testing.offline.listeners import Listeners
    from modelship.testing.offline.offline_app import App
    from modelship.testing.offline.offline_context import Context

__all__ = ["OfflineWorkspace"]

_COMPUTES = ("process", "docker")
_AUTH_MODES = ("accesskey", "identity")
_NOT_WRITABLE = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
        *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EEXIST),
    }
)
_EXTRA = {"werkzeug", "cryptography", "certifi", "jwt", "OpenSSL"}


class OfflineWorkspace:
    """An Azure ML workspace without Azure: it answers the SDK, and really runs services.

    It is a context manager. While it is open, a server on 127.0.0.1 speaks the protocol of Azure ML
    to the unmodified ``azureml-core``, and clients in this process trust its certificate.

    ::

        with OfflineWorkspace() as offline:
            ws = offline.workspace()
            Model.register(ws, "model.pkl", "my-model")

    Parameters
    ----------
    folder : path, optional
        Where to store its state: reopened on the same folder, it has the same identity, models and
        services, and the same ports if they are free. Without a folder, everything is removed at
        the end.
    compute : {"process", "docker"}
        What "Container Instances" are: processes on this machine, or containers.
    base_image : str, optional
        The base image of packages and local services, and with ``compute="docker"`` also of
        services.
    name : str
        The name of the workspace, if the folder does not have one yet.
    system_datastores_auth_mode : {"accesskey", "identity"}
        Whether datastores are used with the key of the storage account, or with the token of the
        caller: then the account refuses its key (``KeyBasedAuthenticationNotPermitted``).
    sealed : bool
        Whether its proxy refuses every host that is neither Azure's nor this machine. Otherwise it
        forwards requests for other hosts, so that a shell with :attr:`environment` still reaches
        package indexes.

    Attributes
    ----------
    endpoint : str
        Its URL while it is open, such as ``"http://127.0.0.1:41233"``.
    folder : Path
        Where its state is stored.
    config_path : Path
        A ``config.json`` for ``Workspace.from_config()``. It contains no secret: its entry
        ``offline`` is the path of a file, readable only by its owner, with which modelship connects
        directly.
    environment_path : Path
        A file to ``source`` in a shell, which sets the variables of :attr:`environment`. Only its
        owner can read it, because it contains a password.
    identity : Identity
        Its names and ids.
    faults : Faults
        The faults to inject.
    refused : list of str
        The hosts that clients requested from its proxy and did not reach, because it is sealed.

    Raises
    ------
    InvalidOptionError
        If an option has an invalid value, or the folder contains other things or is in use.
    InvalidNameError
        If the name is not valid for an Azure ML workspace.
    MissingExtraError
        If the extra ``offline`` is not installed.
    """

    endpoint: str
    folder: Path
    config_path: Path
    environment_path: Path
    identity: Identity
    refused: list[str]

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        compute: Literal["process", "docker"] = "process",
        base_image: str | None = None,
        name: str = "offline",
        system_datastores_auth_mode: Literal["accesskey", "identity"] = "accesskey",
        sealed: bool = True,
    ) -> None:
        mode = ("system_datastores_auth_mode", system_datastores_auth_mode, _AUTH_MODES)
        for option, found, known in (("compute", compute, _COMPUTES), mode):
            if found not in known:
                raise InvalidOptionError(option, found, " or ".join(map(repr, known)))
        self.faults = Faults()
        self._given_folder = None if folder is None else Path(folder).absolute()
        self._compute = compute
        self._base_image = base_image
        self._name = name
        self._sealed = sealed
        self._mode = system_datastores_auth_mode
        self._stack = ExitStack()

    def __repr__(self) -> str:
        where = getattr(self, "endpoint", "not open yet")
        return f"<OfflineWorkspace {self._name!r}: {where}>"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            try:
                self.folder = hold_folder(self._given_folder, name=self._name, stack=stack)
                self.identity = Identity.load(self.folder, name=self._name)
                self._open(stack)
            except OSError as error:
                if error.errno not in _NOT_WRITABLE:
                    raise
                expected = f"a folder that can be written to, but: {error.strerror}"
                raise InvalidOptionError("folder", str(self._given_folder), expected) from error
            except ModuleNotFoundError as error:
                if (error.name or "").partition(".")[0] not in _EXTRA:
                    raise
                raise MissingExtraError(purpose="The offline workspace", extra="offline") from error
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def workspace(self) -> Any:
        """Return an ``azureml.core.Workspace`` that connects to it directly.

        Raises
        ------
        MissingExtraError
            If azureml-core is not installed.
        """
        from modelship.workspace import WorkspaceLocation
        from modelship.workspace._models_sdk import Sdk

        return Sdk.connect(WorkspaceLocation.find(self.config_path)).workspace

    def ml_client(self, **options: Any) -> Any:
        """Return an ``azure.ai.ml.MLClient`` that connects to it directly.

        Until the workspace is closed, it is the current cloud of azure-ai-ml in this process
        (``AZUREML_CURRENT_CLOUD``, ``ARM_CLOUD_METADATA_URL``): the SDK looks there for the storage
        of uploads and downloads.

        Parameters
        ----------
        **options
            Further arguments of ``MLClient``, such as ``polling_interval``.

        Raises
        ------
        MissingExtraError
            If azure-ai-ml is not installed.
        """
        from modelship.testing.offline.v2.ml_clients import current_cloud, ml_client

        self._stack.enter_context(current_cloud(self.identity, endpoint=self.endpoint))
        return ml_client(self.identity, self._shared.access, **options)

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which unmodified code finds it in place of Azure.

        Set for another process or in another shell whose current folder has the ``config.json``,
        they make ``Workspace.from_config()`` connect here: as a service principal, by Azure's own
        host names, through the proxy. Anybody who has them can run code as you: keep them secret.
        """
        from modelship.testing.offline.login import ServicePrincipal

        return variables(
            ServicePrincipal.of(self.identity),
            proxy=self._proxy.url,
            bundle=self._own_path if self._sealed else self._bundle_path,
            folder=self.folder / "sign-ins",
        ) | fault_variables(self.faults.of_client(), self.folder)

    def app_insights(self) -> tuple[InsightsRecord, ...]:
        """Return what services with ``enable_app_insights`` have sent, oldest first.

        These are their output, requests and exceptions. Services send them with a delay of some
        seconds.
        """
        return self._shared.insights.records()

    def _open(self, stack: ExitStack) -> None:
        from modelship.testing.offline.assembly import open_parts
        from modelship.testing.offline.authority import Authority
        from modelship.testing.offline.listeners import Listeners
        from modelship.testing.offline.offline_app import App

        stack.enter_context(without_exports())
        WayOut(process_variables()).keep(self.folder, sealed=self._sealed)
        # A temporary folder is removed at the end, and is never reopened.
        listeners = stack.enter_context(Listeners(self.folder if self._given_folder else None))
        sockets = {
            scheme: stack.enter_context(listeners.open(scheme, self.identity.ports.get(scheme)))
            for scheme in ("http", "https", "proxy")
        }
        ports = {scheme: each.getsockname()[1] for scheme, each in sockets.items()}
        self.identity = replace(self.identity, ports=self.identity.ports | ports)
        self.identity.save(self.folder)
        self.endpoint = f"http://127.0.0.1:{ports['http']}"
        self.config_path = self.folder / "config.json"
        authority = Authority(self.folder)
        self._bundle_path, self._own_path = authority.bundle_path, authority.own_path
        stack.enter_context(trusting(authority.bundle_path))
        self._shared = context = self._context(listeners)
        calls = open_parts(context, stack)
        listeners.settle()
        self._app = app = App(calls, self.faults, guard=context.guard)
        self._serve(app, sockets, stack, authority=authority)

    def _context(self, listeners: Listeners) -> Context:
        from modelship.testing.offline.document_store import Store
        from modelship.testing.offline.offline_context import Context
        from modelship.testing.offline.request_guard import Guard

        access = self.identity.write_access(
            self.folder, endpoint=self.endpoint, bundle=self._bundle_path
        )
        return Context(
            identity=self.identity,
            store=Store(self.folder),
            guard=Guard(access, self.identity, shared_keys=self._mode == "accesskey"),
            access=access,
            faults=self.faults,
            listeners=listeners,
            compute=self._compute,
            base_image=self._base_image,
            sealed=self._sealed,
            temporary=self._given_folder is None,
            exported=lambda: self.environment,
        )

    def _serve(
        self, app: App, sockets: dict[str, socket], stack: ExitStack, *, authority: Authority
    ) -> None:
        from modelship.testing.offline.proxy import Proxy
        from modelship.testing.offline.server import Server

        tls = {"http": None, "https": authority.context("127.0.0.1")}
        for scheme, context in tls.items():
            stack.callback(Server(app, listener=sockets[scheme], tls=context).close)
        self._proxy = Proxy(
            listener=sockets["proxy"],
            http_port=self.identity.ports["http"],
            https_port=self.identity.ports["https"],
            password=self.identity.key_for("proxy"),
            account=self.identity.storage_account,
            sealed=self._sealed,
        )
        stack.callback(self._proxy.close)
        self.refused = self._proxy.refused
        self.environment_path = self.folder / "environment.sh"
        write_private(self.environment_path, exports(self.environment))
