"""Define the settings of requests, probes and scaling of an online deployment."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from modelship.errors import InvalidOptionError
from modelship.targets.online_endpoint.arm_fields import (
    milliseconds,
    plain,
    read_fields,
    seconds,
    word,
    write_fields,
)
from modelship.targets.online_endpoint.setting_checks import check_choice, check_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFAULT_PROBE",
    "DEFAULT_REQUESTS",
    "MOST_TIMEOUT_MS",
    "ProbeSettings",
    "RequestSettings",
    "ScaleSettings",
]

MOST_TIMEOUT_MS: Final = 180_000
"""The longest request that a managed online endpoint waits for, in milliseconds."""

_ADMITTED: Final = 2
_Settings = TypeVar("_Settings", "RequestSettings", "ProbeSettings")

_OF_REQUESTS: Final = {
    "request_timeout_ms": milliseconds("requestTimeout"),
    "max_concurrent_requests_per_instance": plain("maxConcurrentRequestsPerInstance"),
    "max_queue_wait_ms": milliseconds("maxQueueWait"),
}


@dataclass(frozen=True)
class RequestSettings:
    """``request_settings``: how long a request may take, and how many an instance gets at once.

    A setting that is None is left out, so that Azure ML's own default applies.

    Parameters
    ----------
    request_timeout_ms : int, optional
        Milliseconds, 1 to 180000; Azure's default is 5000. The front answers 408 after it, and the
        container keeps working on the request.
    max_concurrent_requests_per_instance : int, optional
        At least 1; Azure's default is 1. The front admits twice that for each instance, and answers
        429 beyond.
    max_queue_wait_ms : int, optional
        Milliseconds; deprecated by Azure ML.

    Raises
    ------
    InvalidOptionError
        If a value is outside of its range.
    """

    request_timeout_ms: int | None = None
    max_concurrent_requests_per_instance: int | None = None
    max_queue_wait_ms: int | None = None

    def __post_init__(self) -> None:
        most = MOST_TIMEOUT_MS
        check_whole("request_timeout_ms", self.request_timeout_ms, least=1, most=most)
        concurrent = "max_concurrent_requests_per_instance"
        check_whole(concurrent, self.max_concurrent_requests_per_instance, least=1)
        check_whole("max_queue_wait_ms", self.max_queue_wait_ms, least=0)

    def for_workers(self, workers: int) -> RequestSettings:
        """Return these settings for a server with this number of workers.

        Azure ML's server handles one request per worker at a time. So the number of concurrent
        requests is that of the workers, unless it is set.

        Raises
        ------
        InvalidOptionError
            If it is set to fewer (workers would idle) or more (requests would wait in the
            container while their time runs).
        """
        found = self.max_concurrent_requests_per_instance
        if found not in {None, workers}:
            expected = f"{workers}, the number of workers of the server (WORKER_COUNT)"
            raise InvalidOptionError("max_concurrent_requests_per_instance", found, expected)
        return replace(self, max_concurrent_requests_per_instance=workers)

    def with_defaults(self) -> RequestSettings:
        """Return these settings with Azure ML's defaults for what is not set."""
        return _filled(self, DEFAULT_REQUESTS)

    def admitted(self, instances: int) -> int:
        """Return how many requests the front of an endpoint admits at once."""
        return _ADMITTED * (self.max_concurrent_requests_per_instance or 1) * instances

    def to_arm(self) -> dict[str, Any]:
        """Return the value of ``properties.requestSettings``."""
        return write_fields(self, _OF_REQUESTS)

    @classmethod
    def from_arm(cls, document: Mapping[str, Any]) -> RequestSettings:
        """Return the settings in a value of ``properties.requestSettings``."""
        return cls(**read_fields(document, _OF_REQUESTS))


_OF_PROBES: Final = {
    "initial_delay": seconds("initialDelay"),
    "period": seconds("period"),
    "timeout": seconds("timeout"),
    "success_threshold": plain("successThreshold"),
    "failure_threshold": plain("failureThreshold"),
}


@dataclass(frozen=True)
class ProbeSettings:
    """``liveness_probe`` or ``readiness_probe``: when a container counts as alive, or as ready.

    A setting that is None is left out, so that Azure ML's own default applies.

    Parameters
    ----------
    initial_delay : int, optional
        Seconds from the start of the container to the first probe; at least 1, Azure's default is
        10.
    period, timeout : int, optional
        Seconds between two probes, and for one of them; at least 1, Azure's defaults are 10 and 2.
    success_threshold, failure_threshold : int, optional
        The probes in a row that decide; at least 1, Azure's defaults are 1 and 30.

    Raises
    ------
    InvalidOptionError
        If a value is not a whole number of at least 1.
    """

    initial_delay: int | None = None
    period: int | None = None
    timeout: int | None = None
    success_threshold: int | None = None
    failure_threshold: int | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            check_whole(each.name, getattr(self, each.name), least=1)

    def with_defaults(self) -> ProbeSettings:
        """Return these settings with Azure ML's defaults for what is not set."""
        return _filled(self, DEFAULT_PROBE)

    @property
    def most_s(self) -> int:
        """The seconds that a container has until its probes have failed, with Azure's defaults."""
        full = self.with_defaults()
        return (full.initial_delay or 0) + (full.period or 0) * (full.failure_threshold or 0)

    def to_arm(self) -> dict[str, Any]:
        """Return the value of ``properties.livenessProbe`` or ``readinessProbe``."""
        return write_fields(self, _OF_PROBES)

    @classmethod
    def from_arm(cls, document: Mapping[str, Any]) -> ProbeSettings:
        """Return the settings in a value of ``properties.livenessProbe`` or ``readinessProbe``."""
        return cls(**read_fields(document, _OF_PROBES))


DEFAULT_REQUESTS: Final = RequestSettings(
    request_timeout_ms=5_000, max_concurrent_requests_per_instance=1, max_queue_wait_ms=500
)
"""Azure ML's defaults for requests."""

DEFAULT_PROBE: Final = ProbeSettings(
    initial_delay=10, period=10, timeout=2, success_threshold=1, failure_threshold=30
)
"""Azure ML's defaults for both probes."""

_OF_SCALE: Final = {"type": word("scaleType", {"default": "Default"})}


@dataclass(frozen=True)
class ScaleSettings:
    """``scale_settings``: a managed deployment has a fixed number of instances.

    Parameters
    ----------
    type : str
        ``"default"``; Azure ML refuses others, since Azure Monitor scales managed deployments.

    Raises
    ------
    InvalidOptionError
        If the type is another one.
    """

    type: str = "default"

    def __post_init__(self) -> None:
        if self.type == "target_utilization":
            expected = "'default': Azure Monitor scales managed deployments (az monitor autoscale)"
            raise InvalidOptionError("scale_settings.type", self.type, expected)
        check_choice("scale_settings.type", self.type or "", ("default",))

    def to_arm(self) -> dict[str, Any]:
        """Return the value of ``properties.scaleSettings``."""
        return write_fields(self, _OF_SCALE)

    @classmethod
    def from_arm(cls, document: Mapping[str, Any]) -> ScaleSettings:
        """Return the settings in a value of ``properties.scaleSettings``."""
        return cls(**read_fields(document, _OF_SCALE))


def _filled(settings: _Settings, defaults: _Settings) -> _Settings:
    missing = [each.name for each in fields(settings) if getattr(settings, each.name) is None]
    return replace(settings, **{name: getattr(defaults, name) for name in missing})
