"""What a request for a service names, and has to be there: its models, and its compute target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.service_documents import model_ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.testing.offline.document_store import Store

__all__ = ["check_compute", "check_models"]


def check_models(store: Store, wanted: Mapping[str, Any]) -> None:
    """Refuse a request, or a document, that names a model which is not registered.

    Raises
    ------
    RefusalError
        With the status and the words of the answer.
    """
    for model_id in model_ids(wanted):
        if store.documents("models").get(model_id) is None:
            message = f"Model with id {model_id} not found in provided workspace."
            raise RefusalError(404, "ModelNotFound", message)


def check_compute(store: Store, wanted: Mapping[str, Any]) -> None:
    """Refuse a request for a service on a Kubernetes cluster that is not there.

    Raises
    ------
    RefusalError
        With the status and the words of the answer.
    """
    name = wanted.get("computeName")
    if not name:
        raise RefusalError(400, "BadArgument", "The request names no compute target to deploy to.")
    found = store.documents("computes").get(str(name))
    if found is None:
        message = f"There is no compute target {name}; create or attach a cluster of that name."
        raise RefusalError(404, "ComputeNotFound", message)
    kind = found["properties"]["computeType"]
    if kind != "AKS":
        message = f"The compute target {name} is of type {kind}; services run on AKS."
        raise RefusalError(400, "BadArgument", message)
