"""Wrap azure-ai-ml, azure-identity, and the signatures of azure-storage-blob.

This is the only module that imports them. azure-ai-ml takes seconds to import, so it is imported
when a model or an environment is registered, and not before: opening a workspace, reading it, and
everything about endpoints does without. Signing in imports azure-identity alone.

It raises the SDK's exceptions, and returns plain values.
"""

from __future__ import annotations

import os
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError, MissingExtraError
from modelship.workspace.clouds import Cloud
from modelship.workspace.location import WorkspaceLocation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "AdoptedClient",
    "MlSdk",
    "access_of",
    "adopt",
    "adopt_client",
    "default_token",
    "is_client",
    "registry_of",
    "signed_query",
]

_CLIENT: Final = {"retry_total": 2, "read_timeout": 60, "connection_timeout": 10,
                  "polling_interval": 1, "enable_telemetry": False}  # fmt: skip
_CURRENT_CLOUD: Final = "AZUREML_CURRENT_CLOUD"
_DEVELOPER_URL: Final = "AZUREML_DEV_URL_MFE"
_lock = threading.Lock()


class MlSdk:
    """The registration of models and environments through azure-ai-ml.

    Parameters
    ----------
    client : azure.ai.ml.MLClient
        The client.
    cloud : str
        The name of its cloud.
    """

    def __init__(self, client: Any, cloud: str) -> None:
        self._client = client
        self._cloud = cloud

    @classmethod
    def connect(
        cls, location: WorkspaceLocation, cloud: Cloud, token: Callable[[str], str]
    ) -> MlSdk:
        """Return a client of a workspace, with a function that returns a token for a scope."""
        with _missing_extra():
            from azure.ai.ml import MLClient
        options: dict[str, Any] = dict(_CLIENT)
        variables = {}
        if location.offline:
            options |= {"cloud": cloud.name, "cloud_metadata": _metadata(cloud)}
            options["authentication_policy"] = _plain_policy(token)
            variables = {_DEVELOPER_URL: cloud.resource_manager}
        with _environment({_CURRENT_CLOUD: cloud.name, **variables}):
            client = MLClient(
                _Credential(token), location.subscription_id, location.resource_group,
                location.workspace_name, **options,
            )  # fmt: skip
        return cls(client, cloud.name)

    def register_model(self, *, name: str, uri: str, kind: str, **described: Any) -> int:
        """Register what lies at an address in a datastore, and return the version.

        Parameters
        ----------
        name : str
            The name.
        uri : str
            ``azureml://datastores/<name>/paths/<path>``.
        kind : str
            ``custom_model``, ``mlflow_model`` or ``triton_model``.
        **described
            ``tags``, ``properties`` and ``description``.
        """
        from azure.ai.ml.entities import Model

        with _environment({_CURRENT_CLOUD: self._cloud}):
            model = Model(name=name, path=uri, type=kind, **described)
            return int(self._client.models.create_or_update(model).version)

    def put_environment(
        self,
        name: str,
        version: str,
        *,
        image: str,
        conda_file: str,
        inference_config: Mapping[str, Any] | None,
        tags: Mapping[str, str],
    ) -> None:
        """Register a version of an environment; parameters as :class:`MlWorkspace` has them."""
        from azure.ai.ml.entities import Environment

        with _environment({_CURRENT_CLOUD: self._cloud}), tempfile.TemporaryDirectory() as folder:
            conda = Path(folder, "conda.yml")
            conda.write_text(conda_file, encoding="utf-8")
            environment = Environment(
                name=name, version=version, image=image, tags=dict(tags),
                conda_file=str(conda) if conda_file else None,
                inference_config=dict(inference_config) if inference_config else None,
            )  # fmt: skip
            self._client.environments.create_or_update(environment)


def default_token() -> Callable[[str], str]:
    """Return what gets a token for a scope, as azure-identity finds the credentials."""
    with _missing_extra():
        from azure.identity import DefaultAzureCredential
    return adopt(DefaultAzureCredential())


def adopt(credential: Any) -> Callable[[str], str]:
    """Return what gets a token for a scope from an object with ``get_token``."""

    def token(scope: str) -> str:
        return str(credential.get_token(scope).token)

    return token


@dataclass(frozen=True)
class AdoptedClient:
    """What is read of an ``MLClient``.

    Attributes
    ----------
    location : WorkspaceLocation
        Its workspace.
    sdk : MlSdk
        It, for registrations.
    token : Callable[[str], str]
        Returns a token for a scope, of its credential.
    resource_manager : str
        The URL that it sends requests to.
    """

    location: WorkspaceLocation
    sdk: MlSdk
    token: Callable[[str], str]
    resource_manager: str


def adopt_client(client: Any) -> AdoptedClient:
    """Return what is read of an ``MLClient``; some of it has no public name.

    Raises
    ------
    InvalidOptionError
        If it is another object of the SDK, or is not for a workspace.
    """
    names = ("subscription_id", "resource_group_name", "workspace_name")
    found = [getattr(client, name, None) for name in names]
    if not all(found):
        expected = "an MLClient with subscription_id, resource_group_name and workspace_name"
        raise InvalidOptionError("workspace", type(client).__name__, expected)
    subscription, group, name = map(str, found)
    hidden = vars(client)
    return AdoptedClient(
        WorkspaceLocation(subscription, group, name),
        MlSdk(client, str(hidden["_cloud"])),
        adopt(hidden["_credential"]),
        str(hidden["_base_url"]).rstrip("/"),
    )


def is_client(found: object) -> bool:
    """Return whether an object is of azure-ai-ml, without importing it."""
    return type(found).__module__.startswith("azure.ai.ml")


def registry_of(client: Any) -> str:
    """Return the name of the registry that an ``MLClient`` is for; empty for a workspace."""
    return str(getattr(vars(client).get("_operation_scope"), "registry_name", None) or "")


def access_of(client: Any) -> tuple[Cloud, Callable[[str], str]]:
    """Return the cloud of an ``MLClient``, which may be for a registry, and what gets tokens.

    The SDK keeps the addresses of clouds in a table.
    """
    from azure.ai.ml import _azure_environments

    hidden = vars(client)
    cloud = Cloud.at(str(hidden["_base_url"]).rstrip("/"))
    known: dict[str, Any] = getattr(_azure_environments, "_environments", {})
    said = known.get(str(hidden["_cloud"]), {}).get("registry_discovery_endpoint")
    discovery = str(said).rstrip("/") if said else cloud.registry_discovery
    return replace(cloud, registry_discovery=discovery), adopt(hidden["_credential"])


def signed_query(account: str, key: str, container: str) -> str:
    """Return a signature for an hour, from the key of a storage account."""
    with _missing_extra():
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas
    import datetime as dt

    until = dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1)
    permission = ContainerSasPermissions(read=True, write=True, create=True, list=True)
    return str(
        generate_container_sas(
            account, container, account_key=key, permission=permission, expiry=until
        )
    )


class _Credential:
    """A credential for the SDK."""

    def __init__(self, token: Callable[[str], str]) -> None:
        self._token = token

    def get_token(self, *scopes: str, **_: Any) -> Any:
        import time

        from azure.core.credentials import AccessToken

        # The source of the token caches it; the SDK asks again in time for a long upload.
        return AccessToken(self._token(scopes[0]), int(time.time()) + 300)


def _plain_policy(token: Callable[[str], str]) -> Any:
    """Return a policy that sends the token over http, to a workspace on this machine."""
    from azure.core.pipeline.policies import SansIOHTTPPolicy

    class Plain(SansIOHTTPPolicy):  # type: ignore[misc]  # not installed for the type check
        def on_request(self, request: Any) -> None:
            request.context.options.pop("enforce_https", None)
            request.http_request.headers["Authorization"] = f"Bearer {token('offline')}"

    return Plain()


def _metadata(cloud: Cloud) -> dict[str, str]:
    return {
        "azure_portal": "https://portal.azure.com/",
        "resource_manager": f"{cloud.resource_manager}/",
        "active_directory": "https://login.microsoftonline.com/",
        "aml_resource_id": cloud.ml_audience,
        "storage_endpoint": cloud.storage_suffix,
        "registry_discovery_endpoint": f"{cloud.registry_discovery}/",
    }


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set the variables that the SDK reads, and restore them.

    The SDK writes the name of the cloud itself, and looks the cloud up through it in later calls.
    """
    with _lock:
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextmanager
def _missing_extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        purpose = "Managed online endpoints, and a workspace through azure-ai-ml"
        raise MissingExtraError.of_import(error, purpose=purpose, extra="azure-v2") from error
