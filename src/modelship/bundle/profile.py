"""Define Profile: the limits of a place, for checking and testing a bundle under them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from modelship.errors import InvalidOptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROFILES", "SERVICE_NAME", "HasProfile", "Profile"]

SERVICE_NAME: Final = re.compile(r"[a-z](?:[-a-z0-9]{1,30})[a-z0-9]")
"""The pattern that Azure ML requires of a service's name; it applies to every target."""


@dataclass(frozen=True)
class Profile:
    """The limits of a place that runs services.

    Parameters
    ----------
    name : str
        The name of the place.
    scoring_timeout_s : float
        The timeout of one request; the inference server's own default is an hour.
    start_timeout_s : float
        The timeout of init().
    cpu_cores : tuple[float, float]
        The minimum and the maximum of the cores that a service can request.
    memory_gb : tuple[float, float]
        The minimum and the maximum of the memory, in gibibytes.
    payload_bytes : int, optional
        The size of the largest request; None if unknown.
    asks_for_key : bool, optional
        Whether a request needs a key; None if nobody else can reach the service.
    limits_memory : bool
        Whether a service that exceeds its requested memory is killed.
    installs_lock : bool
        Whether a service runs in the locked environment of its bundle, on the inference server.
    imports_script : bool
        Whether the name of the entry script has to be a valid Python module name.
    source_apart : bool
        Whether a source of several files is in its own folder below the current one, which is
        ``AML_APP_ROOT``; otherwise it is in the current folder.
    """

    name: str
    scoring_timeout_s: float = 3600.0
    start_timeout_s: float = 600.0
    cpu_cores: tuple[float, float] = (0.0, math.inf)
    memory_gb: tuple[float, float] = (0.0, math.inf)
    payload_bytes: int | None = None
    asks_for_key: bool | None = None
    limits_memory: bool = True
    installs_lock: bool = True
    imports_script: bool = False
    source_apart: bool = False

    @staticmethod
    def named(name: str, option: str = "profile") -> Profile:
        """Return the profile with this name, which was given as `option`.

        Raises
        ------
        InvalidOptionError
            If there is none; the message lists the available ones.
        """
        if isinstance(name, str) and name in PROFILES:
            return PROFILES[name]
        known = ", ".join(PROFILES)
        raise InvalidOptionError(option, name, f"one of {known}{nearest(str(name), PROFILES)}")

    @property
    def profile(self) -> Profile:
        """Itself."""
        return self

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables of a service that make the server enforce these limits."""
        return {"SCORING_TIMEOUT_MS": str(int(self.scoring_timeout_s * 1000))}

    def replace(self, **changes: float | str | bool | None) -> Profile:
        """Return this profile with some fields replaced."""
        return replace(self, **changes)  # type: ignore[arg-type]  # the field's own type


class HasProfile(Protocol):
    """An object with a profile, such as a DeployTarget."""

    @property
    def profile(self) -> Profile:
        """The limits of the place."""


# ACI: the minimum cores and memory are those of AciWebservice.deploy_configuration, the maximum
# those of "Resource availability & quota limits for ACI". AKS: AksWebservice's defaults. Managed
# online endpoints: "Manage and increase quotas and limits for resources with Azure Machine
# Learning" (request size), and the default of request_settings.request_timeout_ms. Names of
# scripts, and the folder of a source: InferenceConfig of azureml-core, which is used to deploy to
# both ACI and AKS; it packs a source directory under its own name.
_ALL: Final = (
    Profile("process", limits_memory=False),
    Profile("docker"),
    Profile(
        "aci",
        scoring_timeout_s=60.0,
        cpu_cores=(0.1, 4.0),
        memory_gb=(0.1, 16.0),
        asks_for_key=False,
        imports_script=True,
        source_apart=True,
    ),
    Profile(
        "aks",
        scoring_timeout_s=60.0,
        cpu_cores=(0.1, math.inf),
        asks_for_key=True,
        imports_script=True,
        source_apart=True,
    ),
    Profile(
        "online-endpoint",
        scoring_timeout_s=5.0,
        payload_bytes=1_500_000,
        asks_for_key=True,
    ),
)

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType({each.name: each for each in _ALL})
"""The profile of each known target."""
