"""List the options of a service that are not simulated here, each by name, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelship.testing.offline.aks.aks_services import PROBE
from modelship.testing.offline.custom_images import CUSTOM, SCORING
from modelship.testing.offline.service_documents import (
    MANAGED,
    is_on_kubernetes,
    replicas,
    workers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["remarks"]


def remarks(document: Mapping[str, Any], *, location: str) -> list[str]:
    """Return a sentence for each option of a service that is accepted without being simulated.

    Parameters
    ----------
    document : Mapping[str, Any]
        The document of the service, or of a version of an endpoint.
    location : str
        The Azure region that the workspace simulates.
    """
    if document["computeType"] == MANAGED:
        found = [*_of_managed(document)]
    else:
        of_place = _of_kubernetes if is_on_kubernetes(document) else _of_container_instances
        found = [*of_place(document, location), *_of_all(document)]
    return [f"Not simulated: {each}" for each in found]


def _of_all(document: Mapping[str, Any]) -> Iterator[str]:
    if (document.get("dataCollection") or {}).get("storageEnabled"):
        yield "collect_model_data: inputs and predictions are not collected."


def _of_container_instances(document: Mapping[str, Any], location: str) -> Iterator[str]:
    if document["sslEnabled"]:
        yield "ssl_enabled: the service uses HTTP; its certificate is not used."
    if document.get("cname"):
        yield f"ssl_cname: the service is not at {document['cname']}, but on 127.0.0.1."
    if document.get("dnsNameLabel"):
        yield f"dns_name_label: {document['dnsNameLabel']} is not registered in DNS."
    if document["location"] != location:
        yield f"location: the service runs on this machine, and not in {document['location']}."
    if document.get("encryptionProperties"):
        yield "cmk_key_name: nothing is encrypted with your key."
    if document.get("vnetConfiguration"):
        yield "vnet_name: the service is not in a virtual network, but on 127.0.0.1."


def _of_kubernetes(document: Mapping[str, Any], _location: str) -> Iterator[str]:
    count, processes = replicas(document), workers(document)
    if document["autoScaler"]["autoscaleEnabled"]:
        yield f"autoscale_enabled: the number of replicas stays at {count}."
    if count > 1:
        yield f"replicas: {count} of them are one container with {processes} worker processes."
    if document["livenessProbeRequirements"] != PROBE:
        yield "liveness probes: a container is healthy once it answers, and is never restarted."
    if document["containerResourceRequirements"]["gpu"]:
        yield "gpu_cores: no GPU is reserved for the service."
    if document["namespace"]:
        yield f"namespace: this machine has no namespace {document['namespace']}."
    if document.get("storageInitEnabled") is not None:
        yield "blobfuse_enabled: models are copied into the container."


def _of_managed(document: Mapping[str, Any]) -> Iterator[str]:
    count, processes = replicas(document), workers(document)
    if count > 1:
        yield f"instance_count: {count} of them are one container with {processes} processes."
    properties = document["arm"].get("properties") or {}
    if properties.get("livenessProbe") or properties.get("readinessProbe"):
        yield "probes: a container is healthy once it answers, and is never restarted."
    if properties.get("dataCollector"):
        yield "data_collector: requests and answers are not collected."
    if str(properties.get("egressPublicNetworkAccess")).lower() == "disabled":
        yield "egress_public_network_access: the container can reach other hosts."
    custom = (document.get("environmentImageRequest") or {}).get(CUSTOM) or {}
    if custom.get("scoring", SCORING) != SCORING:
        path = custom["scoring"]
        yield f"scoring_route: {path} is passed on, but the scoring URI ends with {SCORING}."
    if properties.get("modelMountPath"):
        yield "model_mount_path: the model is in AZUREML_MODEL_DIR."
