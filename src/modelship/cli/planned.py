"""Plan and apply the requested services of modelship.yaml."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.config import FILE_NAME
from modelship.cli.opening import bundle_from, open_target
from modelship.cli.serving import serving_from
from modelship.errors import ConfigError, ModelshipError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from modelship.bundle import ScoringBundle
    from modelship.cli.config import Config
    from modelship.targets import Deployment, Plan

__all__ = ["PlannedService", "deploy", "find"]

_OF_BUNDLE = (
    *("models", "entry_script", "source_directory", "environment", "packages"),
    *("sample_input", "schema", "output", "validate"),
    *("cpu_cores", "memory_gb", "tags", "description"),
)


@dataclass
class PlannedService:
    """One service of the file, with its plan and the result."""

    label: str
    config: Config
    plan: Plan | None = None
    apply: Callable[..., Deployment] | None = None
    deployment: Deployment | None = None
    error: ModelshipError | None = None

    def look(self, bundles: Bundles, *, trust_model: bool) -> None:
        """Plan it."""
        config, name = self.config, str(self.config.name)
        try:
            serving, place = serving_from(config, {}), open_target(config, options={})
            bundle = bundles.of(config)
            self.plan = place.plan(bundle, name=name, serving=serving, trust_model=trust_model)
        except ModelshipError as error:
            self.error = error
            return
        self.apply = functools.partial(
            place.deploy, bundle, name=name, serving=serving, overwrite=True
        )

    def deploy(self, timeout_s: float, options: Mapping[str, Any]) -> bool:
        """Carry out the plan, and return whether that succeeded."""
        try:
            if self.apply is not None:
                self.deployment = self.apply(**{**options, "timeout_s": timeout_s})
        except ModelshipError as error:
            self.error = error
        return self.error is None

    @property
    def has_changes(self) -> bool:
        return self.plan is not None and self.plan.has_changes

    @property
    def outcome(self) -> str:
        if self.deployment is not None:
            return "applied"
        if self.error is not None:
            return "failed"
        return "not reached" if self.has_changes else "unchanged"


class Bundles:
    """The bundle of each service; services with the same parts share one."""

    def __init__(self, folder: Path | None, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._made: dict[str, ScoringBundle] = {}

    def of(self, config: Config) -> ScoringBundle:
        made_of = repr([getattr(config, name) for name in _OF_BUNDLE if self._folder is None])
        if made_of not in self._made:
            self._made[made_of] = bundle_from(self._folder, config, self._stack)
        return self._made[made_of]


def find(
    config: Config,
    labels: Sequence[str],
    folder: Path | None,
    stack: ExitStack,
    *,
    trust_model: bool,
) -> list[PlannedService]:
    """Return each requested service with its plan, or why there is none."""
    bundles = Bundles(folder, stack)
    services = [PlannedService(label, own) for label, own in _chosen(config, labels).items()]
    for each in services:
        each.look(bundles, trust_model=trust_model)
    return services


def deploy(
    services: Sequence[PlannedService], *, timeout_s: float | None, options: Mapping[str, Any]
) -> None:
    """Deploy each service that differs, until one fails; its own timeout holds unless typed."""
    for each in services:
        if each.has_changes and not each.deploy(timeout_s or each.config.timeout_s, options):
            return


def _chosen(config: Config, labels: Sequence[str]) -> Mapping[str, Config]:
    """Return the settings of the named services, or of all, in the file's order."""
    services = config.services or ({config.name: config} if config.name else {})
    if not services:
        raise click.UsageError(f"{FILE_NAME} names no service: give it name: or services:.")
    for label in labels:
        if label not in services:
            known = f"{nearest(label, services)}; known: {', '.join(services)}"
            raise click.UsageError(f"There is no service {label!r} in {FILE_NAME}{known}.")
    _require_apart(services)
    return {label: own for label, own in services.items() if not labels or label in labels}


def _require_apart(services: Mapping[str, Config]) -> None:
    """Refuse two services of the file that are the same service."""
    seen: dict[str, str] = {}
    for label, own in services.items():
        place = own.chosen_target
        first = seen.setdefault(repr((own.name, place, own.options.get(place))), label)
        if first != label:
            problem = f"services: {first} and {label} are both {own.name!r} on {place!r}; "
            raise ConfigError(path=FILE_NAME, problem=f"{problem}give one another name.")
