"""The input and the output of a job of a batch endpoint: places in the datastores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from modelship.testing.offline.json_exchange import RefusalError, check_shape
from modelship.testing.offline.v2.arm_ids import ArmId, data_version
from modelship.testing.offline.v2.arm_refusals import bad_request, not_found
from modelship.testing.offline.v2.datastore_paths import BlobPath, located

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modelship.testing.offline.document_store import Store

__all__ = ["BatchInput", "output_place"]

_FILE: Final = "urifile"
_KINDS: Final = {_FILE: True, "urifolder": False}


@dataclass(frozen=True)
class BatchInput:
    """The input of a job.

    Parameters
    ----------
    uri : str
        Where it is.
    is_file : bool
        Whether it is one file, not a folder.
    """

    uri: str
    is_file: bool

    @classmethod
    def of(cls, wanted: Mapping[str, Any], store: Store) -> BatchInput:
        """Read the input in the request for a job.

        Raises
        ------
        ArmRefusalError
            If there is not exactly one, or it is of another type.
        """
        given = wanted.get("inputData") or {}
        if len(given) != 1:
            raise bad_request(
                f"The request has {len(given)} inputs; a deployment of a model takes one, a "
                "uri_folder or a uri_file."
            )
        only = next(iter(given.values()))
        check_shape({"the input": only}, {"the input": {"jobInputType": str, "uri": str}})
        kind = only["jobInputType"].casefold()
        if kind not in _KINDS:
            raise bad_request(
                f"The input is of type {only['jobInputType']}; a uri_folder or a uri_file is "
                "expected here."
            )
        return cls(_resolved(only["uri"], store), _KINDS[kind])

    def files(self, store: Store, container_of: Callable[[str], str]) -> dict[str, Path]:
        """Return its files, by their paths below it.

        Raises
        ------
        ArmRefusalError
            If there is none, or it is not in a datastore of the workspace.
        """
        place = _blob_path(self.uri, container_of)
        source = store.blob(place.path, container=place.container)
        if source.is_file():
            return {unquote(source.name): source}
        found = sorted(each for each in source.rglob("*") if each.is_file())
        if not found or self.is_file:
            what = "file" if self.is_file else "folder with files"
            raise bad_request(f"There is no {what} at {self.uri}.")
        parts = {file: file.relative_to(source).parts for file in found}
        return {"/".join(map(unquote, parts[file])): file for file in found}


def output_place(
    wanted: Mapping[str, Any], container_of: Callable[[str], str], *, otherwise: str
) -> tuple[str, BlobPath]:
    """Return where the output of a job goes: its URI, and the folder of blobs.

    Parameters
    ----------
    wanted : Mapping[str, Any]
        The request for the job.
    container_of : Callable
        Returns the container of a datastore, by name.
    otherwise : str
        The URI to use if the request names none.
    """
    given = (wanted.get("outputData") or {}).values()
    uris = [each.get("uri") for each in given if isinstance(each, dict) and each.get("uri")]
    uri = str(uris[0]) if uris else otherwise
    if uri.startswith("/subscriptions/"):  # the id of a datastore, followed by a path
        uri = f"azureml:{uri}"
    return uri, _blob_path(uri, container_of)


def _blob_path(uri: str, container_of: Callable[[str], str]) -> BlobPath:
    try:
        place = located(uri, container_of)
    except RefusalError as refusal:
        raise bad_request(refusal.message) from None
    return BlobPath(place.container, place.path.strip("/"))


def _resolved(uri: str, store: Store) -> str:
    """Return the URI behind that of a data asset."""
    if ArmId.of(uri) is None:
        return uri
    found = data_version(store, uri)
    if found is None:
        raise not_found("data asset", uri)
    return str(found["properties"].get("dataUri"))
