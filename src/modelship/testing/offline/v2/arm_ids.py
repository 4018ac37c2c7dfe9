"""The assets behind ids of Azure's resource manager.

An asset has one document, whichever SDK registered it:

- a model that of SDK v1, in ``models``, with the fields of SDK v2 under :data:`V2`; its files are
  those of its asset;
- an environment that of SDK v1, in ``environments``, with the fields of SDK v2 under :data:`V2`;
- code, which SDK v1 does not have, in ``codes``; its files are artifacts below ``prefix``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.artifacts import artifact_files
from modelship.testing.offline.environments.curated import curated
from modelship.testing.offline.v2.environment_definitions import properties_of

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.testing.offline.document_store import Store

__all__ = [
    "V2",
    "ArmId",
    "code_files",
    "code_version",
    "environment_version",
    "model_version",
]

V2: Final = "v2"
"""The field of a document with what only SDK v2 knows: the properties in its own format."""

_ASSET = re.compile(
    r"(?:azureml:)?(?:/subscriptions/[^/]+/resourceGroups/[^/]+/providers/"
    r"Microsoft\.MachineLearningServices/workspaces/[^/]+/)?"
    r"(?P<kind>models|environments|codes|data)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)",
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
        Its name and its version.
    """

    kind: str
    name: str
    version: str

    @classmethod
    def of(cls, text: str) -> ArmId | None:
        """Read ``/subscriptions/…/models/NAME/versions/VERSION``; None if it is another id."""
        found = _ASSET.fullmatch(text)
        return cls(found["kind"].lower(), found["name"], found["version"]) if found else None

    @property
    def key(self) -> str:
        """The key of its document."""
        return f"{self.name}:{self.version}"


def model_version(store: Store, arm_id: str) -> dict[str, Any] | None:
    """Return the document of a model, or None.

    Its ``id`` is ``name:version``, as an image request names it in ``modelIds``.
    """
    return _document(store, arm_id, "models")


def environment_version(store: Store, arm_id: str) -> dict[str, Any] | None:
    """Return the document of an environment, or None.

    Its ``environment`` is the definition that :class:`Specification` reads, in SDK v1's format, and
    its :data:`V2` the properties in SDK v2's: image, condaFile, build, inferenceConfig.
    """
    wanted = ArmId.of(arm_id)
    if wanted is None or wanted.kind != "environments":
        return None
    stand_ins = {f"{each['name']}:{each['version']}": each for each in curated()}
    found = store.documents("environments").get(wanted.key) or stand_ins.get(wanted.key)
    return found and {V2: properties_of(found["environment"]), **found}


def code_version(store: Store, arm_id: str) -> dict[str, Any] | None:
    """Return the document of code, or None; :func:`code_files` returns its files."""
    return _document(store, arm_id, "codes")


def code_files(store: Store, code: dict[str, Any]) -> dict[str, Path]:
    """Return the files of code by their paths, which begin with the name of the code's folder."""
    return artifact_files(store, code["prefix"])


def _document(store: Store, arm_id: str, kind: str) -> dict[str, Any] | None:
    wanted = ArmId.of(arm_id)
    if wanted is None or wanted.kind != kind:
        return None
    return store.documents(kind).get(wanted.key)
