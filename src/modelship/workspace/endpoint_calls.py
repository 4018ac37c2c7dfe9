"""The calls of a workspace about managed online endpoints and their deployments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from modelship.workspace.ml_errors import failure_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelship.workspace.ml_endpoints import MlEndpoints

__all__ = ["EndpointCalls", "EndpointKeys", "EndpointToken"]

_CONTAINERS: Final = {"server": "InferenceServer", "storage": "StorageInitializer"}
_KEY_TYPES: Final = {"primary": "Primary", "secondary": "Secondary"}

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class EndpointKeys:
    """The two keys of an endpoint.

    Attributes
    ----------
    primary, secondary : str
        The values, which are secret.
    """

    primary: str = field(repr=False)
    secondary: str = field(repr=False)


@dataclass(frozen=True)
class EndpointToken:
    """A token for scoring.

    Attributes
    ----------
    value : str
        The token, which is secret.
    expires_at, refresh_after : float
        Seconds since the epoch: when it expires, and from when a new one is available.
    """

    value: str = field(repr=False)
    expires_at: float
    refresh_after: float


class EndpointCalls(ABC):
    """Endpoints and deployments, as documents of Azure Resource Manager.

    None of the calls waits for the operation that it begins: read the document again, until its
    ``provisioningState`` is ``Succeeded`` or ``Failed``.
    """

    _endpoints: MlEndpoints

    @abstractmethod
    def ask(self, doing: str, call: Callable[[], _Answer], *, timeout_s: float = ...) -> _Answer:
        """Return the result of a call, or raise one of our errors."""

    @abstractmethod
    def entra_token(self) -> str:
        """Return a token for an endpoint with the authentication mode ``AADToken``."""

    def machine_sizes(self) -> tuple[str, list[str]]:
        """Return the region, and the names of the machine sizes that Azure ML lists there."""
        return self.ask("list the sizes of machines", self._endpoints.machine_sizes)

    def endpoint(self, name: str) -> dict[str, Any] | None:
        """Return the document of an endpoint; None if there is none."""
        return self.ask(f"read the endpoint {name!r}", lambda: self._endpoints.endpoint(name))

    def endpoints(self) -> Sequence[dict[str, Any]]:
        """Return the documents of all endpoints."""
        return self.ask("list its endpoints", self._endpoints.endpoints)

    def put_endpoint(self, name: str, document: Mapping[str, Any]) -> str:
        """Create an endpoint, or replace its document: also to change the traffic.

        Parameters
        ----------
        name : str
            The endpoint.
        document : Mapping
            ``identity``, ``tags`` and ``properties``. The region is that of the workspace.

        Returns
        -------
        str
            The URL of the operation, for :meth:`operation_failure`; empty if it has ended.
        """
        doing = f"write the endpoint {name!r}"
        return self.ask(doing, lambda: self._endpoints.put_endpoint(name, document))

    def delete_endpoint(self, name: str) -> None:
        """Begin to delete an endpoint with all its deployments."""
        doing = f"delete the endpoint {name!r}"
        self.ask(doing, lambda: self._endpoints.delete_endpoint(name))

    def deployment(self, endpoint: str, name: str) -> dict[str, Any] | None:
        """Return the document of a deployment; None if there is none."""
        doing = f"read the deployment {name!r} of {endpoint!r}"
        return self.ask(doing, lambda: self._endpoints.deployment(endpoint, name))

    def deployments(self, endpoint: str) -> Sequence[dict[str, Any]]:
        """Return the documents of the deployments of an endpoint."""
        doing = f"list the deployments of {endpoint!r}"
        return self.ask(doing, lambda: self._endpoints.deployments(endpoint))

    def put_deployment(self, endpoint: str, name: str, document: Mapping[str, Any]) -> str:
        """Create a deployment, or replace its document; as :meth:`put_endpoint`.

        Parameters
        ----------
        endpoint, name : str
            The endpoint and the deployment.
        document : Mapping
            ``tags``, ``sku`` and ``properties``.
        """
        doing = f"write the deployment {name!r} of {endpoint!r}"
        return self.ask(doing, lambda: self._endpoints.put_deployment(endpoint, name, document))

    def delete_deployment(self, endpoint: str, name: str) -> None:
        """Begin to delete a deployment."""
        doing = f"delete the deployment {name!r} of {endpoint!r}"
        self.ask(doing, lambda: self._endpoints.delete_deployment(endpoint, name))

    def operation_failure(self, url: str) -> str:
        """Return why an operation failed, in one line; empty if it has not failed.

        Parameters
        ----------
        url : str
            The result of :meth:`put_endpoint` or :meth:`put_deployment`, or the entry
            ``AzureAsyncOperationUri`` of a document's ``properties.properties``.
        """
        found = self.ask("read the state of an operation", lambda: self._endpoints.operation(url))
        return failure_of(found)

    def logs(
        self,
        endpoint: str,
        deployment: str,
        *,
        tail: int = 50,
        container: Literal["server", "storage"] = "server",
    ) -> str:
        """Return the last lines of a deployment's log.

        Parameters
        ----------
        endpoint, deployment : str
            The endpoint and the deployment.
        tail : int
            The number of lines.
        container : {"server", "storage"}
            The inference server, or what downloads the model before it starts.
        """
        doing = f"read the log of {deployment!r} of {endpoint!r}"
        kind = _CONTAINERS[container]
        return self.ask(
            doing,
            lambda: self._endpoints.logs(endpoint, deployment, tail=tail, container=kind),
        )

    def keys(self, endpoint: str) -> EndpointKeys:
        """Return the keys of an endpoint with the authentication mode ``Key``."""
        doing = f"read the keys of {endpoint!r}"
        found = self.ask(doing, lambda: self._endpoints.post(endpoint, "listKeys", {}))
        return EndpointKeys(*(str(found.get(f"{each}Key") or "") for each in _KEY_TYPES))

    def regenerate_key(self, endpoint: str, which: Literal["primary", "secondary"]) -> None:
        """Begin to replace one of the keys."""
        doing = f"regenerate the {which} key of {endpoint!r}"
        body = {"keyType": _KEY_TYPES[which]}
        self.ask(doing, lambda: self._endpoints.post(endpoint, "regenerateKeys", body))

    def token(self, endpoint: str) -> EndpointToken:
        """Return a token for an endpoint with the authentication mode ``AMLToken``."""
        doing = f"get a token for {endpoint!r}"
        found = self.ask(doing, lambda: self._endpoints.post(endpoint, "token", {}))
        times = (float(found[each]) for each in ("expiryTimeUtc", "refreshAfterTimeUtc"))
        return EndpointToken(str(found["accessToken"]), *times)
