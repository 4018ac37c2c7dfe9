"""Send payloads to an instance, with its key if it requires one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from modelship.errors import InvalidOptionError, ScoringRequestError, UnsupportedError
from modelship.progress import Deadline
from modelship.targets.backend import SupportsDirect
from modelship.targets.endpoint_answers import name_timeout
from modelship.targets.http_scoring import score
from modelship.targets.keys import ServiceKeys, SupportsKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.targets.backend import TargetBackend
    from modelship.targets.describing import ServiceDescription
    from modelship.targets.instance import Instance

__all__ = ["Caller"]

_UNAUTHORIZED = 401


class Caller:
    """Calls the instances of one place.

    Parameters
    ----------
    backend : TargetBackend
        The place, which holds their keys.
    """

    def __init__(self, backend: TargetBackend) -> None:
        self._backend = backend
        self._known: dict[str, ServiceKeys] = {}

    def send(
        self, instance: Instance, payload: object, *, timeout_s: float, directly: bool = False
    ) -> Any:
        """Score one payload, and return the decoded answer.

        Parameters
        ----------
        instance : Instance
            The instance to call.
        payload : JSON value, array, str or bytes
            A str or bytes is sent unchanged; anything else is serialized as JSON.
        timeout_s : float
            The deadline of the whole answer, in seconds.
        directly : bool
            Call this instance, whether or not requests to its name are routed to it.
        """
        uri = instance.direct_uri if directly else instance.scoring_uri
        ask = partial(score, uri, payload, headers=self._headers(instance, directly=directly))
        try:
            return self._with_key(instance, ask, timeout_s=timeout_s)
        except ScoringRequestError as error:
            name_timeout(error, instance, self._backend)
            raise

    def description(
        self, instance: Instance, *, timeout_s: float, directly: bool = False
    ) -> ServiceDescription:
        """Return a service's description of itself; empty if it has none."""
        from modelship.targets.describing import ServiceDescription

        uri = instance.direct_uri if directly else instance.scoring_uri
        headers = self._headers(instance, directly=directly)
        read = partial(ServiceDescription.read, uri, headers=headers)
        found: ServiceDescription = self._with_key(instance, read, timeout_s=timeout_s)
        return found

    def _headers(self, instance: Instance, *, directly: bool) -> Mapping[str, str]:
        if directly and isinstance(self._backend, SupportsDirect):
            return self._backend.direct_headers(instance)
        return {}

    def _with_key(self, instance: Instance, ask: Callable[..., Any], *, timeout_s: float) -> Any:
        """Send a request with the cached key, or else with the key from the place."""
        deadline = Deadline(timeout_s)
        known = self._known.get(instance.instance_id)
        try:
            return ask(timeout_s=timeout_s, key=known.primary if known else None)
        except ScoringRequestError as error:
            if error.status != _UNAUTHORIZED or not isinstance(self._backend, SupportsKeys):
                raise
        # The key was not cached yet, or was regenerated.
        keys = self._known[instance.instance_id] = self.keys(instance)
        return ask(timeout_s=deadline.remaining_s, key=keys.primary)

    def keys(self, instance: Instance) -> ServiceKeys:
        """Return the keys of an instance; raise UnsupportedError if the place has none."""
        return self._keyed().keys(instance)

    def regenerate_key(
        self, instance: Instance, which: Literal["primary", "secondary"], *, value: str | None
    ) -> None:
        """Regenerate one of the keys, at random or as `value`."""
        if which not in {"primary", "secondary"}:
            raise InvalidOptionError("which", which, "'primary' or 'secondary'")
        self._keyed().regenerate_key(instance, which, value=value)
        self._known.pop(instance.instance_id, None)

    def _keyed(self) -> SupportsKeys:
        if not isinstance(self._backend, SupportsKeys):
            raise UnsupportedError(target=self._backend.name, ability="keys")
        return self._backend
