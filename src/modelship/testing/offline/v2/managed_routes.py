"""The route of the front of a managed online endpoint, from its document and its deployments'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.targets.online_endpoint.container_settings import RequestSettings
from modelship.testing.offline.routes import Limits, Route, Target
from modelship.testing.offline.service_documents import OWN
from modelship.testing.offline.v2.managed_front import ManagedFront
from modelship.testing.offline.v2.online_documents import ARM, shares

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modelship.testing.offline.faults import Faults

    _Checks = Callable[[bytes], bool]

__all__ = ["managed_route"]

_BY_KEY: Final = "Key"


def managed_route(
    document: Mapping[str, Any],
    *,
    names: Iterable[str],
    serving: Iterable[tuple[Mapping[str, Any], tuple[str, int]]],
    tokens: Mapping[str, Callable[[bytes], bool]],
    faults: Faults,
) -> Route:
    """Return the route of an endpoint.

    Parameters
    ----------
    document : Mapping[str, Any]
        The document of the endpoint.
    names : Iterable[str]
        The names of its deployments.
    serving : Iterable
        The document of each deployment that has a healthy container, with its host and port.
    tokens : Mapping[str, Callable]
        How tokens are checked: for each ``authMode`` other than ``"Key"``.
    faults : Faults
        The injected faults.
    """
    traffic, mirrored = shares(document, "traffic"), shares(document, "mirrorTraffic")
    targets = tuple(_target(each, place, traffic) for each, place in serving)
    copied = [each for each in targets if each.version in mirrored]
    percent = mirrored[copied[0].version] if copied else 0.0
    mode, keys = document["properties"].get("authMode") or _BY_KEY, document[OWN]["keys"]
    down = frozenset(names) - {each.version for each in targets}
    by_key = mode.casefold() == _BY_KEY.casefold()
    return Route(
        targets,
        keys=tuple(each.encode() for each in keys.values()) if by_key else (),
        takes_token=None if by_key else tokens[mode.casefold()],
        policy=ManagedFront(
            document["name"],
            faults,
            mirror=copied[0] if copied else None,
            percent=percent,
            down=down,
            has_traffic=bool(down & traffic.keys()),
        ),
    )


def _target(
    document: Mapping[str, Any], place: tuple[str, int], traffic: Mapping[str, float]
) -> Target:
    given = (document[ARM].get("properties") or {}).get("requestSettings") or {}
    settings = RequestSettings.from_arm(given).with_defaults()
    timeout_s = (settings.request_timeout_ms or 0) / 1000
    at_once = (settings.max_concurrent_requests_per_instance or 1) * document["numReplicas"]
    limits = Limits(at_once=at_once, wait_s=timeout_s, timeout_s=timeout_s)
    name = document["name"]
    return Target(place, version=name, share=traffic.get(name, 0.0), limits=limits)
