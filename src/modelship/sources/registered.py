"""Define RegisteredSource, and register models in an Azure ML workspace."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelship.errors import FetchError, InvalidOptionError
from modelship.sources.model import Model, check_name
from modelship.sources.model_files import copy_checked
from modelship.sources.registered_content import DIGEST, same_content
from modelship.sources.source import ModelSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.workspace import RegisteredModel
    from modelship.workspace.model_registry import ModelShelf, ModelStore

__all__ = ["RegisteredSource", "register_model"]

_URI: Final = re.compile(r"azureml:(?P<name>[^:/@]+)(?:[:@]latest|:(?P<number>\d+))?")
_IN_REGISTRY: Final = re.compile(
    r"azureml://registries/(?P<registry>[^/]*)/models/(?P<name>[^/@:]+)"
    r"(?:/labels/latest|/versions/(?P<number>\d+))?"
)
_EXPECTED: Final = (
    "azureml:NAME, azureml:NAME:VERSION, or azureml://registries/REGISTRY/models/NAME/versions/"
    "VERSION"
)


class RegisteredSource(ModelSource):
    """A model that is registered in an Azure ML workspace, or in a registry.

    If modelship registered it, the download is checked against the digest of the upload.

    Parameters
    ----------
    name : str
        The name of the registered model.
    version : int, optional
        Its version; by default the latest.
    open_workspace : Callable
        Returns the workspace or the registry; called on first use.
    registry : str
        The name of the registry; empty for a workspace.
    """

    def __init__(
        self,
        name: str,
        *,
        version: int | None,
        open_workspace: Callable[[], ModelStore],
        registry: str = "",
    ) -> None:
        self._registry = registry
        self._name = name
        self._version = version
        self._open_workspace = open_workspace
        self._origin = ""

    @classmethod
    def from_uri(
        cls,
        uri: str,
        *,
        workspace: object = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
    ) -> RegisteredSource:
        """Return the source for ``azureml:NAME``, ``:NAME:VERSION`` or ``:NAME@latest``.

        A model of a registry is ``azureml://registries/REGISTRY/models/NAME/versions/VERSION``; it
        takes only `workspace`, to sign in as.

        Parameters
        ----------
        uri : str
            The URI.
        workspace : azureml.core.Workspace, azure.ai.ml.MLClient, str or Path, optional
            An open workspace; or the path of a ``config.json``, or of a folder in and above which
            it is searched. The current folder if omitted.
        subscription_id, resource_group, workspace_name : str, optional
            All three of them, instead of `workspace`.

        Raises
        ------
        InvalidOptionError, InvalidNameError
            If the URI names no model, or one of a registry, and a workspace is given.
        """
        match = _URI.fullmatch(uri) or _IN_REGISTRY.fullmatch(uri)
        if match is None:
            raise InvalidOptionError("location", uri, _EXPECTED)
        registry = match.groupdict().get("registry")
        if registry is not None:
            from modelship.workspace.registry_names import check_registry_name

            check_registry_name(registry)
        if registry and any((subscription_id, resource_group, workspace_name)):
            raise InvalidOptionError("workspace_name", "one", "none: the model is in a registry")

        def open_workspace() -> ModelStore:
            if registry:
                from modelship.workspace.ml_registries import open_ml_registry

                return open_ml_registry(registry, workspace)
            from modelship.workspace.either_sdk import open_registry

            return open_registry(
                workspace,
                subscription_id=subscription_id,
                resource_group=resource_group,
                workspace_name=workspace_name,
            )

        return cls(
            check_name(match["name"], kind="model"),
            version=int(match["number"]) if match["number"] else None,
            open_workspace=open_workspace,
            registry=registry or "",
        )

    @property
    def location(self) -> str:
        version = self._asked_version
        if not self._registry:
            return f"azureml:{self._name}" + (f":{version}" if version else "")
        place = f"azureml://registries/{self._registry}/models/{self._name}"
        return place + (f"/versions/{version}" if version else "")

    @property
    def origin(self) -> str:
        return self._origin

    def download(self, folder: Path) -> str:
        version = self._asked_version
        workspace = self._open_workspace()
        found = workspace.model(self._name, version)
        workspace.download(found.model_id, folder)
        arrived = [entry.name for entry in folder.iterdir()]
        if len(arrived) != 1:
            raise FetchError(
                self.location, f"it holds {sorted(arrived) or 'nothing'}, not one file or folder"
            )
        self._origin = found.uri
        self.wanted = replace(
            self.wanted,
            name=self.wanted.name or found.name,
            version=str(found.version),
            sha256=self.wanted.sha256 or found.properties.get(DIGEST),
        )
        return arrived[0]

    @property
    def _asked_version(self) -> int | None:
        """The version in the URI, or else the one given to :meth:`ModelSource.open`."""
        given = None if self._origin else self.wanted.version
        if given is None:
            return self._version
        if not given.isdecimal() or self._version not in (None, int(given)):
            raise InvalidOptionError("version", given, f"the version that {self._name!r} has there")
        return int(given)


def register_model(
    model: Model,
    *,
    workspace: object = None,
    registry: str | None = None,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
    description: str = "",
    framework: str | None = None,
    framework_version: str | None = None,
    timeout_s: float = 3600.0,
) -> RegisteredModel:
    """Register a model in an Azure ML workspace or registry; no content is registered twice.

    If a model with this name and the same digest exists, it is returned, with `tags` added to its
    own. A model that modelship did not register is recognized only if `model` was fetched from it.

    Parameters
    ----------
    model : Model
        The result of :meth:`ModelSource.fetch`.
    workspace : azureml.core.Workspace, azure.ai.ml.MLClient, Workspace, str or Path, optional
        The workspace, as in :meth:`modelship.Workspace.open`. With a registry, what to sign in as;
        an ``MLClient`` with a `registry_name` is enough.
    registry : str, optional
        The name of a registry to register it in, instead of the workspace.
    name : str, optional
        The name to register it under; by default the model's own.
    tags, properties : Mapping[str, str], optional
        Custom labels; properties cannot be changed later.
    description : str
        A short description.
    framework, framework_version : str, optional
        Azure ML's names, such as ``"ScikitLearn"`` and ``"1.5.2"``; by default read from the model
        file.
    timeout_s : float
        The timeout of the upload in seconds.

    Returns
    -------
    RegisteredModel
        The registered model, with the ``model_id`` ``<name>:<version>``, and its ``uri``.

    Raises
    ------
    InvalidNameError
        If no model, or no registry, can have this name; an empty one is refused, too.
    WorkspaceError
        If the workspace cannot be opened, or rejects the model.
    DigestMismatchError
        If the files of the model have changed since it was described.
    """
    place = _opened(workspace, registry)
    name = check_name(name or model.name, kind="model")
    there = same_content(model, name=name, workspace=place)
    if there is not None:
        missing = {
            key: value for key, value in (tags or {}).items() if there.tags.get(key) != value
        }
        if missing:
            place.tag(there.model_id, missing)
            there = replace(there, tags={**there.tags, **missing})
        return there
    written_by = dict(model.passport.libraries).get("scikit-learn")
    # Upload a private copy, since another process may overwrite the file during the upload.
    with tempfile.TemporaryDirectory(prefix="modelship-") as folder:
        copy_checked(model, Path(folder))
        return place.register(
            Path(folder, model.path.name),
            name=name,
            tags=tags or {},
            properties={**(properties or {}), DIGEST: model.digest},
            description=description,
            framework=framework or ("ScikitLearn" if written_by else None),
            framework_version=framework_version or (None if framework else written_by),
            kind="mlflow_model" if model.format == "mlflow" else "custom_model",
            timeout_s=timeout_s,
        )


def _opened(workspace: object, registry: str | None) -> ModelShelf:
    """Return the workspace, or the registry, that a model is registered in."""
    from modelship.workspace.either_sdk import open_registry
    from modelship.workspace.ml_registries import open_ml_registry, registry_of

    shared = registry_of(workspace) or None if registry is None else registry
    if shared is not None:
        return open_ml_registry(shared, workspace)
    return open_registry(workspace)
