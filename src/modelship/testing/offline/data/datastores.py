"""Datastores: names for the containers of a storage account, with their credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.testing.offline.control import WS, is_direct
from modelship.testing.offline.data.account import NO_SHARES, StorageAccount, foreign_account
from modelship.testing.offline.data.storage_containers import CONTAINER_NAME
from modelship.testing.offline.json_exchange import RefusalError, check_shape, json_list
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.v2.offline_cloud import storage_suffix

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from modelship.testing.offline.offline_context import Context

__all__ = ["Datastores"]

_PATH = f"/datastore/v1.0{WS}"
_EVERY = f"{_PATH}/datastores"
_ONE = f"{_PATH}/datastores/<name>"
_FIRST = "workspaceblobstore"
_BLOB, _FILE = "AzureBlob", "AzureFile"
_SHAPE = {"name": str, "dataStoreType": str, "azureStorageSection": dict}
_ANY = {"name": str, "dataStoreType": str}
_SECTION = {"accountName": str, "containerName": str}
_SECRETS = ("credential", "accountKey", "sasToken")
_KINDS = (
    "An offline workspace only registers Azure blob containers and file shares, not {kind}. "
    "Copy the data to the default datastore instead."
)
_CONTAINERS = (
    "The storage account of an offline workspace has only containers whose names begin with "
    "azureml-: name it azureml-{name}, or use a folder of the default datastore."
)


class Datastores(Part):
    """The datastores of a workspace: the default ones of Azure, and registered ones."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        identity = context.identity
        self._documents = context.store.documents("datastores")
        self._account = StorageAccount.of(identity)
        self._direct_endpoint = storage_suffix(identity)
        built_in = (
            (_FIRST, _BLOB, f"azureml-blobstore-{identity.workspace_id}"),
            ("workspaceartifactstore", _BLOB, "azureml"),
            ("workspacefilestore", _FILE, f"azureml-filestore-{identity.workspace_id}"),
        )
        self._own = {name: self._built_in(name, *which) for name, *which in built_in}

    @answers("datastores.list", "GET", _EVERY)
    def _list(self, request: Request) -> dict[str, Any]:
        show = _shown if _says_yes(request, "includeSecret") else _without_secrets
        return json_list([show(each) for each in self.every(request)])

    @answers("datastores.get", "GET", _ONE)
    def _get(self, request: Request, name: str) -> dict[str, Any]:
        return _shown(self.find(request, name))

    @answers("datastores.default", "GET", f"{_PATH}/default")
    def _default(self, request: Request) -> dict[str, Any]:
        return _shown(next(each for each in self.every(request) if self.is_default(each["name"])))

    @answers("datastores.set-default", "PUT", f"{_PATH}/default/<name>")
    def _set_default(self, request: Request, name: str) -> None:
        chosen = self.find(request, name)
        with self._documents.lock:
            others = [each for each in self._documents.all() if each.get("isDefault")]
            # First: the older one stays the default until it is none any more.
            self._documents.put(chosen["name"], chosen | {"isDefault": True})
            for each in others:
                if each["name"] != chosen["name"]:
                    self._documents.change(each["name"], isDefault=False)

    @answers("datastores.create", "POST", _EVERY, shape=_ANY)
    def _create(self, request: Request, body: dict[str, Any]) -> None:
        wanted = self._checked(request, body)
        with self._documents.lock:
            if wanted["name"] in self._own or self._documents.get(wanted["name"]) is not None:
                message = "Another datastore with the same name already exists."
                raise _user_error(f"{message} Pass overwrite=True, or another name.")
            self._put(wanted)

    @answers("datastores.update", "PUT", _ONE, shape=_ANY)
    def _update(self, request: Request, body: dict[str, Any], name: str) -> None:
        wanted = self._checked(request, body) | {"name": name.lower()}
        if wanted["name"] in self._own:
            raise _user_error(f"The datastore {name} belongs to the workspace and cannot change.")
        self._put(wanted)

    def _checked(self, request: Request, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return the datastore to register, if it is reachable."""
        kind = wanted["dataStoreType"]
        if kind not in {_BLOB, _FILE}:
            raise _user_error(_KINDS.format(kind=kind))
        check_shape(wanted, {"azureStorageSection": _SECTION})
        account = wanted["azureStorageSection"]["accountName"]
        if account == self._account.name:
            self._check_container(wanted, create=_says_yes(request, "createIfNotExists"))
        elif self._context.sealed and not _says_yes(request, "skipValidation"):
            raise _user_error(foreign_account(account).message)
        return {name: wanted.get(name) for name in _SHAPE} | {"name": wanted["name"].lower()}

    def _check_container(self, wanted: dict[str, Any], *, create: bool) -> None:
        """Refuse an unknown container of the workspace's account, or create it."""
        name = wanted["azureStorageSection"]["containerName"]
        if wanted["dataStoreType"] == _FILE:
            raise _user_error(NO_SHARES)
        if not CONTAINER_NAME.fullmatch(name):
            raise _user_error(_CONTAINERS.format(name=name))
        folder = self._store.container(name)
        if not (folder.is_dir() or create):
            message = f"There is no container {name} in the workspace's storage account"
            raise _user_error(f"{message}: pass create_if_not_exists=True to create it.")
        folder.mkdir(parents=True, exist_ok=True)

    def _put(self, wanted: dict[str, Any]) -> None:
        with self._documents.lock:
            known = self._documents.get(wanted["name"]) or {}
            self._documents.put(wanted["name"], known | wanted)

    @answers("datastores.delete", "DELETE", _ONE)
    def remove(self, name: str) -> None:
        """Remove a datastore; its files stay.

        Raises
        ------
        RefusalError
            If it belongs to the workspace.
        """
        if name.lower() in self._own:
            raise _user_error(
                f"The datastore {name} belongs to the workspace and cannot be deleted."
            )
        self._documents.delete(name.lower())

    def every(self, request: Request) -> list[dict[str, Any]]:
        """Return all datastores, each with its address for the sender of a request."""
        registered = [each for each in self._documents.all() if each["name"] not in self._own]
        return [self._placed(request, each) for each in (*self._own.values(), *registered)]

    def find(self, request: Request, name: str) -> dict[str, Any]:
        """Return a datastore, with its address for the sender of a request.

        Raises
        ------
        RefusalError
            If it does not exist.
        """
        return self._placed(request, self._named(name))

    def is_default(self, name: str) -> bool:
        """Return whether a datastore is the one that is used if none is named."""
        chosen = [each["name"] for each in self._documents.all() if each.get("isDefault")]
        return name == (chosen[0] if chosen else _FIRST)

    def container_of(self, name: str) -> str:
        """Return the container of a datastore of the workspace's own storage account.

        Raises
        ------
        RefusalError
            If it does not exist, or is in another account.
        """
        section = self._named(name)["azureStorageSection"]
        if section["accountName"] != self._account.name:
            raise _user_error(foreign_account(section["accountName"]).message)
        return str(section["containerName"])

    def register(self, request: Request, wanted: dict[str, Any]) -> None:
        """Register a datastore, or change one.

        Raises
        ------
        RefusalError
            If it cannot be reached, or belongs to the workspace.
        """
        self._update(request, wanted, wanted["name"])

    def _named(self, name: str) -> dict[str, Any]:
        name = name.lower()
        there = ", ".join([*self._own, *(each["name"] for each in self._documents.all())])
        message = f"Could not find datastore {name} in this workspace, which has: {there}."
        return self._own.get(name) or self._documents.require(name, "UserError", message)

    def _built_in(self, name: str, kind: str, container: str) -> dict[str, Any]:
        if kind == _BLOB:
            self._store.container(container).mkdir(parents=True, exist_ok=True)
        section = {
            "accountName": self._account.name,
            "containerName": container,
            "credentialType": "AccountKey" if self._context.shared_keys else "None",
            "credential": self._account.key if self._context.shared_keys else None,
        }
        return {"name": name, "dataStoreType": kind, "azureStorageSection": section}

    def _placed(self, request: Request, datastore: dict[str, Any]) -> dict[str, Any]:
        """Return a datastore; one of the workspace's account gets its address for this client."""
        section = datastore["azureStorageSection"]
        if section["accountName"] != self._account.name:
            return datastore
        endpoint = self._direct_endpoint if is_direct(request) else "core.windows.net"
        place = {"endpoint": endpoint, "protocol": "https"}
        return datastore | {"azureStorageSection": section | place}


def _shown(datastore: dict[str, Any]) -> dict[str, Any]:
    """Return a datastore in the service's format: each secret under its old and its new name."""
    section = datastore["azureStorageSection"]
    secret, kind = section.get("credential"), section.get("credentialType")
    old = {"accountKey": None, "sasToken": None, "isSas": kind == "Sas"}
    old |= {"AccountKey": {"accountKey": secret}, "Sas": {"sasToken": secret}}.get(str(kind), {})
    usual = {"endpoint": section.get("endpoint") or "core.windows.net"}
    usual["protocol"] = section.get("protocol") or "https"
    shown = {name: datastore[name] for name in _SHAPE}
    return shown | {"hasBeenValidated": True, "azureStorageSection": section | old | usual}


def _without_secrets(datastore: dict[str, Any]) -> dict[str, Any]:
    shown = _shown(datastore)
    return shown | {"azureStorageSection": shown["azureStorageSection"] | dict.fromkeys(_SECRETS)}


def _says_yes(request: Request, name: str) -> bool:
    return request.args.get(name, "").lower() == "true"


def _user_error(message: str) -> RefusalError:
    return RefusalError(400, "UserError", message)
