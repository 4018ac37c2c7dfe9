"""Decide whether a service can be updated in place, and how it is restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.bundle.resources import Resources
    from modelship.targets.aci.aci_options import AciOptions

__all__ = ["can_update", "changes_of", "configuration_of", "is_fixed_alike"]

# Their names in the record of a service.
_VNET: Final = {"vnet_name": "vnetName", "subnet_name": "subnetName"}
_CMK: Final = {
    "cmk_vault_base_url": "vaultBaseUrl",
    "cmk_key_name": "keyName",
    "cmk_key_version": "keyVersion",
}
# The options that an update cannot change.
_FIXED: Final = (
    "containerResourceRequirements",
    "location",
    "dnsNameLabel",
    "vnetConfiguration",
    "encryptionProperties",
)


def is_fixed_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether an update can turn one recorded service into the other."""
    return all(one.get(key) == other.get(key) for key in _FIXED)


def changes_of(present: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``AciWebservice.update`` that restore such a service."""
    return {
        "tags": present.get("kvTags") or {},
        "description": present.get("description"),
        "auth_enabled": present.get("authEnabled"),
        "enable_app_insights": present.get("appInsightsEnabled"),
    }


def configuration_of(present: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``deploy_configuration`` that recreate such a service."""
    asked = present["containerResourceRequirements"]
    groups = ((_VNET, "vnetConfiguration"), (_CMK, "encryptionProperties"))
    return {
        **changes_of(present),
        "cpu_cores": asked["cpu"],
        "memory_gb": asked["memoryInGB"],
        "properties": present.get("properties"),
        "location": present.get("location"),
        "dns_name_label": present.get("dnsNameLabel"),
        **{
            name: (present.get(group) or {}).get(word)
            for words, group in groups
            for name, word in words.items()
        },
    }


def can_update(options: AciOptions, present: Mapping[str, Any], resources: Resources) -> bool:
    """Return whether an update can give a service these options and `resources`.

    ``AciWebservice.update`` changes neither the cores and the memory, nor the location, the label,
    the network, the encryption, the data collection or an existing property.

    Parameters
    ----------
    options : AciOptions
        The new options.
    present : Mapping
        The workspace's record of the service, as Azure ML has it.
    resources : Resources
        The new resources.
    """
    asked = present.get("containerResourceRequirements") or {}
    collection = present.get("dataCollection") or {}
    properties = present.get("properties") or {}
    return (
        present.get("computeType", "ACI") == "ACI"
        and present.get("state") != "Transitioning"  # an update is refused meanwhile
        and asked.get("cpu") == resources.cpu_cores
        and asked.get("memoryInGB") == resources.memory_gb
        # Azure may write the name of a region as "West Europe".
        and options.location in {None, str(present.get("location") or "").replace(" ", "").lower()}
        and options.dns_name_label in {None, _label(present)}
        and _is_same(options, present.get("vnetConfiguration"), _VNET)
        and _is_same(options, present.get("encryptionProperties"), _CMK)
        and options.collect_model_data in {None, bool(collection.get("storageEnabled"))}
        and all(properties.get(key, new) == new for key, new in options.properties.items())
    )


def _is_same(
    options: AciOptions, present: Mapping[str, Any] | None, words: Mapping[str, str]
) -> bool:
    found = present or {}
    return all(getattr(options, name) == (found.get(word) or None) for name, word in words.items())


def _label(present: Mapping[str, Any]) -> str:
    """Return the first part of the host name of a service."""
    known = present.get("dnsNameLabel")
    host = present.get("publicFqdn") or urlsplit(present.get("scoringUri") or "").hostname or ""
    return str(known or host.split(".")[0])
