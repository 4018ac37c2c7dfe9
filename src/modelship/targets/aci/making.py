"""Create or update a service from a release, and restore the previous one after a failure."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.layout import APART
from modelship.bundle.store import stage_source
from modelship.errors import WorkspaceError
from modelship.targets.aci.aci_environment import conda_specification
from modelship.targets.aci.following import follow
from modelship.targets.aci.service_records import Image, record_tags
from modelship.targets.aci.updates import (
    can_update,
    changes_of,
    configuration_of,
    is_fixed_alike,
)
from modelship.targets.backend import Prepared
from modelship.targets.keys import ServiceKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modelship.progress import Steps
    from modelship.targets.aci.aci_options import AciOptions
    from modelship.targets.aci.azure_services import Services
    from modelship.targets.aci.service_records import Operation
    from modelship.targets.instance import Instance

__all__ = ["AciPrepared", "Earlier", "Maker"]

_TRANSITIONING: Final = "Transitioning"
_HEALTHY: Final = "Healthy"
# The fields of a service that change with an operation.
_TOUCHED: Final = (
    *("state", "kvTags", "environmentImageRequest", "containerResourceRequirements"),
    *("authEnabled", "appInsightsEnabled"),
)
_PAUSE_S: Final = 1.0


@dataclass(frozen=True)
class AciPrepared(Prepared):
    """A release that is ready to be sent.

    Parameters
    ----------
    model_ids : tuple[str, ...]
        The registered model of each model of the bundle.
    """

    model_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Earlier:
    """The state of a service before a change.

    Parameters
    ----------
    payload : Mapping[str, Any]
        The workspace's record of it.
    keys : ServiceKeys or None
        The keys that it required; None if it required none.
    """

    payload: Mapping[str, Any]
    keys: ServiceKeys | None = field(default=None, repr=False)

    @property
    def has_served(self) -> bool:
        """Whether it was healthy."""
        return bool(self.payload.get("state") == _HEALTHY)


class Maker:
    """Changes one service, and waits for the end of each change.

    Parameters
    ----------
    services : Services
        The services of the workspace.
    name : str
        The service's name.
    steps : Steps
        Shows the progress, and holds the deadline of the whole change.
    """

    def __init__(self, services: Services, *, name: str, steps: Steps) -> None:
        self._services = services.within(steps.deadline)
        self._name = name
        self._steps = steps

    def settled(self) -> Mapping[str, Any] | None:
        """Return the workspace's record of the service, once no deployment of it is in progress.

        Waits for a deployment of another process, since Azure ML refuses an update meanwhile;
        but for no more than half of the time, after which the service can only be recreated.
        """
        found = self._services.payload(self._name)
        if found is None or found.get("state") != _TRANSITIONING:
            return found
        until_s = self._steps.deadline.remaining_s / 2
        with self._steps.step("Wait for the current deployment to finish"):
            while found and found["state"] == _TRANSITIONING:
                if self._steps.deadline.remaining_s <= until_s:
                    break
                time.sleep(_PAUSE_S)
                found = self._services.payload(self._name)
        return found

    def earlier(self, payload: Mapping[str, Any]) -> Earlier:
        """Return the current state of a service, with its keys."""
        if not payload.get("authEnabled"):
            return Earlier(payload)
        return Earlier(payload, ServiceKeys(*self._services.keys(self._name)))

    def make(
        self,
        draft: Instance,
        prepared: AciPrepared,
        options: AciOptions,
        *,
        earlier: Earlier | None = None,
    ) -> Instance:
        """Create the service that `draft` describes, or update an earlier one in place."""
        with _image(prepared, name=self._name) as image:
            try:
                poll = self._submit(draft, prepared, image, options, earlier)
            except WorkspaceError:
                if not self._services.of(draft):
                    raise
                self._await_end(draft)  # it was accepted, and the response was lost
            else:
                self._follow(poll)
        if earlier is not None:
            self._set_keys(options.keys)
        service = self._services.get(self._name)
        return draft.at(service.scoring_uri) if service else draft

    def make_again(self, earlier: Earlier) -> None:
        """Restore the service to its earlier state, unless it is still in that state."""
        payload, now = earlier.payload, self.settled() or {}
        if any(now.get(key) != payload.get(key) for key in _TOUCHED):
            keys = earlier.keys or (self.earlier(now).keys if now else None)
            self._follow(self._submit_again(payload, now=now, keys=keys))
        if earlier.keys is not None:
            self._set_keys(vars(earlier.keys))

    def _submit(
        self,
        draft: Instance,
        prepared: AciPrepared,
        image: Image,
        options: AciOptions,
        earlier: Earlier | None,
    ) -> Callable[[], Operation]:
        bundle = prepared.release.bundle
        told: dict[str, Any] = {"tags": dict(record_tags(draft))}
        common: dict[str, Any] = {"model_ids": prepared.model_ids, "image": image}
        if earlier is not None and can_update(options, earlier.payload, bundle.resources):
            # An update treats an empty description as none, and keeps the old one.
            told |= {**options.changes(), "description": bundle.description or " "}
            return self._services.update(self._name, changes=told, **common)
        configuration = {
            **_left_as_it_is(earlier),
            **options.configuration(),
            **told,
            "cpu_cores": bundle.resources.cpu_cores,
            "memory_gb": bundle.resources.memory_gb,
            "description": bundle.description,
        }
        return self._services.deploy(
            self._name, configuration=configuration, overwrite=earlier is not None, **common
        )

    def _submit_again(
        self, payload: Mapping[str, Any], *, now: Mapping[str, Any], keys: ServiceKeys | None
    ) -> Callable[[], Operation]:
        common: dict[str, Any] = {
            "model_ids": payload["environmentImageRequest"]["modelIds"],
            "image": payload,
        }
        if now and now.get("state") != _TRANSITIONING and is_fixed_alike(now, payload):
            return self._services.update(self._name, changes=changes_of(payload), **common)
        configuration = configuration_of(payload)
        if configuration["auth_enabled"]:
            configuration |= _as_options(keys)
        return self._services.deploy(
            self._name, configuration=configuration, overwrite=True, **common
        )

    def _set_keys(self, keys: Mapping[str, str]) -> None:
        """Set these keys of the service; a key that is not among them stays unchanged."""
        now = vars(ServiceKeys(*self._services.keys(self._name))) if keys else {}
        for which, value in keys.items():
            if now[which] != value:
                self._services.regenerate_key(self._name, which, value=value)

    def _follow(self, poll: Callable[[], Operation]) -> None:
        follow(poll, name=self._name, services=self._services, steps=self._steps)

    def _await_end(self, draft: Instance) -> None:
        """Wait for the end of a deployment of which only the service's state is known."""
        with self._steps.step("Wait for Azure ML"):
            while (service := self._services.of(draft)) and service.state == _TRANSITIONING:
                self._steps.deadline.check()
                time.sleep(min(_PAUSE_S, self._steps.deadline.remaining_s))


def _left_as_it_is(earlier: Earlier | None) -> dict[str, Any]:
    """Return the options that a recreated service inherits, unless they are set."""
    if earlier is None:
        return {}
    before = changes_of(earlier.payload)
    kept = {option: before[option] for option in ("auth_enabled", "enable_app_insights")}
    return {
        **{option: value for option, value in kept.items() if value is not None},
        **_as_options(earlier.keys),
    }


def _as_options(keys: ServiceKeys | None) -> dict[str, str]:
    return {} if keys is None else {f"{which}_key": value for which, value in vars(keys).items()}


@contextmanager
def _image(prepared: AciPrepared, *, name: str) -> Iterator[Image]:
    """Write the script's files into a folder for as long as the body runs."""
    bundle = prepared.release.bundle
    serving = prepared.release.serving
    workers = {"WORKER_COUNT": str(serving.workers)} if serving.workers > 1 else {}
    with tempfile.TemporaryDirectory(prefix="modelship-") as scratch:
        folder = Path(scratch) / APART
        stage_source(bundle, folder)
        alone = len(bundle.source) == 1
        yield Image(
            name=f"{name}-env",
            conda=conda_specification(bundle),
            entry_script=str(folder / bundle.entry_script) if alone else bundle.entry_script,
            source_directory=None if alone else str(folder),
            variables={**workers, **serving.variables},
        )
