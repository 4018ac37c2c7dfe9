"""The assets behind ids of Azure's resource manager.

An asset has one document, whichever SDK registered it:

- a model that of SDK v1, in ``models``, with the fields of SDK v2 under :data:`V2`; its files are
  those of its asset;
- an environment that of SDK v1, in ``environments``, with the fields of SDK v2 under :data:`V2`;
- code, which SDK v1 does not have, in ``codes``; its files are artifacts below ``prefix``.

An id that begins with ``azureml://registries/`` is that of an asset in a registry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.artifacts import artifact_files
from modelship.testing.offline.environments.curated import curated
from modelship.testing.offline.registries.registry_store import qualified, store_of
from modelship.testing.offline.v2.environment_definitions import properties_of

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.testing.offline.document_store import Store

__all__ = [
    "V2",
    "ArmId",
    "code_files",
    "code_version",
    "data_version",
    "environment_version",
    "model_version",
]

V2: Final = "v2"
"""The field of a document with what only SDK v2 knows: the properties in its own format."""

_ASSET = re.compile(
    r"(?:azureml:)?(?:/subscriptions/[^/]+/resourceGroups/[^/]+/providers/"
    r"Microsoft\.MachineLearningServices/workspaces/[^/]+/|//registries/(?P<registry>[^/]+)/)?"
    r"(?P<kind>models|environments|codes|data)/(?P<name>[^/]+)/"
    r"(?:versions/(?P<version>[^/]+)|labels/(?P<label>latest))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ArmId:
    """The id of a version of an asset.

    Parameters
    ----------
    kind : {"models", "environments", "codes", "data"}
        The collection that it is in.
    name, version : str
        Its name and its version; an empty version is the latest one.
    registry : str
        The registry that it is in; empty for the workspace.
    """

    kind: str
    name: str
    version: str
    registry: str = ""

    @classmethod
    def of(cls, text: str) -> ArmId | None:
        """Read ``/subscriptions/…/models/NAME/versions/VERSION``; None if it is another id."""
        found = _ASSET.fullmatch(text)
        if found is None:
            return None
        kind, version = found["kind"].lower(), found["version"] or ""
        return cls(kind, found["name"], version, found["registry"] or "")

    @property
    def key(self) -> str:
        """The key of its document."""
        return f"{self.name}:{self.version}"


def model_version(store: Store, arm_id: str) -> dict[str, Any] | None:
    """Return the document of a model, or None.

    Its ``id`` is ``name:version``, as an image request names it in ``modelIds``; that of a model in
    a registry begins with ``registries/<registry>/``.
    """
    wanted, found = ArmId.of(arm_id), _document(store, arm_id, "models")
    return qualified(wanted.registry, found) if wanted and found else None


def environment_version(store: Store, arm_id: str) -> dict[str, Any] | None:
    """Return the document of an environment, or None.

    Its ``environment`` is the definition that :class:`Specification` reads, in SDK v1's format, and
    its :data:`V2` the properties in SDK v2's: image, condaFile, build, inferenceConfig.
    """
    wanted = ArmId.of(arm_id)
    if wanted is None or wanted.kind != "environments":
        return None
    stand_ins = {f"{each['name']}:{each['version']}": each for each in curated()}
    in_workspace = {} if wanted.registry else stand_ins
    found = _document(store, arm_id, "environments") or in_workspace.get(wanted.key)
    return found and {V2: properties_of(found["environment"]), **found}


def code_version(store: Store, arm_id: str) -> dict[str, Any] | None:
    """Return the document of code, or None; :func:`code_files` returns its files."""
    return _document(store, arm_id, "codes")


def data_version(store: Store, arm_id: str) -> dict[str, Any] | None:
    """Return the document of a data asset, or None."""
    return _document(store, arm_id, "data")


def code_files(store: Store, code: dict[str, Any]) -> dict[str, Path]:
    """Return the files of code by their paths, which begin with the name of the code's folder."""
    return artifact_files(store, code["prefix"])


def _document(store: Store, arm_id: str, kind: str) -> dict[str, Any] | None:
    wanted = ArmId.of(arm_id)
    if wanted is None or wanted.kind != kind:
        return None
    home = store_of(store, wanted.registry)
    if home is None:
        return None
    documents = home.documents(kind)
    if wanted.version:
        return documents.get(wanted.key)
    named = [each for each in documents.all() if each["name"] == wanted.name]
    active = [each for each in named if not (each.get(V2) or {}).get("isArchived")]
    # The last one created, as the SDK has it: a change of tags makes no version the latest.
    return max(reversed(active), key=lambda each: each.get("createdTime", ""), default=None)
