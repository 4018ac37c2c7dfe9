"""The assets of one registry, by kind, and the containers of their files."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote

from modelship.testing.offline.registries.registry_store import RegistryStore
from modelship.testing.offline.resource_scope import check_scope
from modelship.testing.offline.v2.arm_refusals import ArmRefusalError, bad_request, not_found
from modelship.testing.offline.v2.code_registry import CodeRegistry
from modelship.testing.offline.v2.data_registry import DataRegistry
from modelship.testing.offline.v2.datastore_paths import located
from modelship.testing.offline.v2.environment_versions import EnvironmentVersions
from modelship.testing.offline.v2.model_versions import ModelVersions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.identity import Identity
    from modelship.testing.offline.v2.asset_versions import AssetVersion, Registry

__all__ = [
    "FILES",
    "KINDS",
    "collection",
    "container_of_address",
    "new_container",
    "opened",
    "portable",
    "require_new",
    "required",
    "root",
]

KINDS: Final = ("models", "environments", "codes", "data")
"""The kinds of assets in a registry."""

FILES: Final = frozenset({"modelUri", "codeUri", "dataUri"})
"""The properties that are the address of an asset's files."""

_NO_DATASTORES: Final = (
    "A registry has no datastores: upload local files, or share a model of a workspace with "
    "models.share()."
)


def opened(home: Store, identity: Identity, scope: Mapping[str, str]) -> RegistryStore:
    """Return the registry that the path of a request names.

    Parameters
    ----------
    home : Store
        The state of the workspace.
    identity : Identity
        The workspace.
    scope : Mapping[str, str]
        The ``subscription``, ``group`` and ``registry`` of the path.

    Raises
    ------
    RefusalError
        404 if there is no such registry.
    """
    check_scope(identity, scope["subscription"], scope["group"])
    found = RegistryStore(home, scope["registry"])
    if not found.exists:
        raise not_found("registry", scope["registry"])
    return found


def root(name: str) -> str:
    """Return what the ids of the assets of a registry begin with."""
    return f"azureml://registries/{name}"


def collection(kind: str, store: RegistryStore) -> Registry:
    """Return the assets of one of the :data:`KINDS`."""
    kinds: dict[str, Any] = {
        "models": partial(ModelVersions, store, root(store.name), _refuse_datastore),
        "environments": partial(EnvironmentVersions, store, stand_ins=()),
        "codes": partial(CodeRegistry, store, _refuse_datastore),
        "data": partial(DataRegistry, store),
    }
    found: Registry = kinds[kind]()
    return found


def required(kind: str, store: RegistryStore, name: str, version: str) -> AssetVersion:
    """Return an asset.

    Raises
    ------
    ArmRefusalError
        404 if it does not exist.
    """
    found = collection(kind, store).find(name, version)
    if found is None:
        raise not_found(f"asset among the {kind} of the registry", f"{name}:{version}")
    return found


def require_new(kind: str, store: RegistryStore, name: str, version: str) -> None:
    """Check that an asset does not exist: those of a registry keep their content.

    Raises
    ------
    ArmRefusalError
        409 if it does.
    """
    if collection(kind, store).find(name, version):
        message = f"The asset {name}:{version} is already in the registry {store.name}."
        raise ArmRefusalError(409, "Conflict", message)


def new_container(store: RegistryStore) -> str:
    """Return an empty container; it exists then.

    Each upload has one of its own: what another client uploads for the same version, or an upload
    that broke, does not mix with it.
    """
    container = f"azureml-registry-{uuid.uuid4()}"
    store.container(container).mkdir(parents=True, exist_ok=True)
    return container


def portable(properties: Mapping[str, Any], storage: str) -> dict[str, Any]:
    """Return properties whose addresses of files do not have the port of this process.

    Parameters
    ----------
    properties : Mapping[str, Any]
        Those of an asset.
    storage : str
        The URL of the storage account.
    """
    found = dict(properties)
    for field in FILES & found.keys():
        if found[field]:
            place = located(str(found[field]), _refuse_datastore)
            found[field] = f"{storage}/{place.container}/{quote(place.path)}"
    return found


def container_of_address(address: str) -> str:
    """Return the container of an address of files."""
    return located(address, _refuse_datastore).container


def _refuse_datastore(_name: str) -> NoReturn:
    raise bad_request(_NO_DATASTORES)
