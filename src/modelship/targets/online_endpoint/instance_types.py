"""List the sizes of virtual machines for managed online endpoints, and compute quotas.

Names, cores, GPUs and the exemption from the reserve: "Managed online endpoints SKU list" of Azure
Machine Learning's documentation. Memory: "Sizes for virtual machines in Azure". A size that is not
listed is accepted, since Azure adds sizes; nothing is said of its quota.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["INSTANCE_TYPES", "InstanceType", "instance_type_of", "quota_cores"]


@dataclass(frozen=True)
class InstanceType:
    """One size of virtual machine.

    Parameters
    ----------
    name : str
        Such as ``"Standard_DS3_v2"``; Azure ignores the case.
    family : str
        The family that a quota is for, such as ``"standardDSv2Family"``.
    cpu_cores : int
        The number of cores.
    memory_gb : float
        Memory in gibibytes.
    gpus : float
        The number of GPUs; a part of one is a fraction.
    has_reserve : bool
        Whether Azure ML reserves a fifth more instances for upgrades.
    """

    name: str
    family: str
    cpu_cores: int
    memory_gb: float
    gpus: float = 0
    has_reserve: bool = True

    def quota_cores(self, instances: int) -> int:
        """Return the cores of its family that this number of instances needs as a quota.

        Azure ML's formula: ``ceil(1.2 * instances) * cores``, without the factor for a size that
        has no reserve. It is computed with whole numbers: ``1.2 * 5`` is more than 6 as a float.
        """
        counted = -(-12 * instances // 10) if self.has_reserve else instances
        return counted * self.cpu_cores


# Family, pattern of the name, GiB per core, and the numbers of cores.
_PROCESSORS: Final = (
    ("standardDASv4Family", "Standard_D{}as_v4", 4, (2, 4, 8, 16, 32, 48, 64, 96)),
    ("standardDAv4Family", "Standard_D{}a_v4", 4, (2, 4, 8, 16, 32, 48, 64, 96)),
    ("standardESv3Family", "Standard_E{}s_v3", 8, (2, 4, 8, 16, 32, 48)),
    ("standardESv3Family", "Standard_E{}s_v3", 6.75, (64,)),
    ("standardFSv2Family", "Standard_F{}s_v2", 2, (2, 4, 8, 16, 32, 48, 64, 72)),
    ("standardFXMDVSFamily", "Standard_FX{}mds", 21, (4, 12, 24, 36, 48)),
    ("standardLASv3Family", "Standard_L{}as_v3", 8, (8, 16, 32, 48, 64, 80)),
    ("standardLSv2Family", "Standard_L{}s_v2", 8, (8, 16, 32, 48, 64, 80)),
    ("standardLSv3Family", "Standard_L{}s_v3", 8, (8, 16, 32, 48, 64, 80)),
)

# The number in these names is not that of the cores, or they have GPUs:
# name, cores, GiB, GPUs, whether there is a reserve.
_OTHERS: Final = {
    "standardDSv2Family": (
        ("Standard_DS1_v2", 1, 3.5, 0, True),
        ("Standard_DS2_v2", 2, 7, 0, True),
        ("Standard_DS3_v2", 4, 14, 0, True),
        ("Standard_DS4_v2", 8, 28, 0, True),
        ("Standard_DS5_v2", 16, 56, 0, True),
    ),
    "standardNCADSA100v4Family": (
        ("Standard_NC24ads_A100_v4", 24, 220, 1, False),
        ("Standard_NC48ads_A100_v4", 48, 440, 2, False),
        ("Standard_NC96ads_A100_v4", 96, 880, 4, False),
    ),
    "standard NCASv3_T4 Family": (
        ("Standard_NC4as_T4_v3", 4, 28, 1, True),
        ("Standard_NC8as_T4_v3", 8, 56, 1, True),
        ("Standard_NC16as_T4_v3", 16, 110, 1, True),
        ("Standard_NC64as_T4_v3", 64, 440, 4, True),
    ),
    "standardNCSv2Family": (
        ("Standard_NC6s_v2", 6, 112, 1, True),
        ("Standard_NC12s_v2", 12, 224, 2, True),
        ("Standard_NC24s_v2", 24, 448, 4, True),
    ),
    "standardNCSv3Family": (
        ("Standard_NC6s_v3", 6, 112, 1, True),
        ("Standard_NC12s_v3", 12, 224, 2, True),
        ("Standard_NC24s_v3", 24, 448, 4, True),
    ),
    "standardNCADSH100v5Family": (
        ("Standard_NC40ads_H100_v5", 40, 320, 1, False),
        ("Standard_NC80adis_H100_v5", 80, 640, 2, False),
    ),
    "standard NDAMSv4_A100Family": (("Standard_ND96amsr_A100_v4", 96, 1900, 8, False),),
    "standard NDASv4_A100 Family": (("Standard_ND96asr_v4", 96, 900, 8, False),),
    "standardNDSv2Family": (("Standard_ND40rs_v2", 40, 672, 8, False),),
    "standardNDv5H100Family": (
        ("Standard_ND96is_H100_v5", 96, 1900, 8, False),
        ("Standard_ND96isr_H100_v5", 96, 1900, 8, False),
    ),
    "standardNVADSA10v5Family": (
        ("Standard_NV6ads_A10_v5", 6, 55, 1 / 6, True),
        ("Standard_NV12ads_A10_v5", 12, 110, 1 / 3, True),
        ("Standard_NV18ads_A10_v5", 18, 220, 1 / 2, True),
        ("Standard_NV36ads_A10_v5", 36, 440, 1, True),
        ("Standard_NV36adms_A10_v5", 36, 880, 1, True),
        ("Standard_NV72ads_A10_v5", 72, 880, 2, True),
    ),
}


def _listed() -> Iterator[InstanceType]:
    for family, pattern, memory_per_core_gb, sizes in _PROCESSORS:
        for cores in sizes:
            yield InstanceType(pattern.format(cores), family, cores, memory_per_core_gb * cores)
    for family, machines in _OTHERS.items():
        for name, cores, memory_gb, gpus, has_reserve in machines:
            yield InstanceType(name, family, cores, memory_gb, gpus, has_reserve)


INSTANCE_TYPES: Final[Mapping[str, InstanceType]] = MappingProxyType(
    {each.name.casefold(): each for each in _listed()}
)
"""The documented sizes, by their name in lower case."""


def instance_type_of(name: str) -> InstanceType | None:
    """Return the documented size with this name in any case; None if there is none."""
    return INSTANCE_TYPES.get(name.casefold())


def quota_cores(name: str, instances: int) -> int | None:
    """Return the cores that a deployment needs as a quota; None for an unknown size."""
    found = instance_type_of(name)
    return found.quota_cores(instances) if found else None
