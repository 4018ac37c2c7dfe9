"""``modelship plan`` and ``apply``: what modelship.yaml would change, and why; and doing it."""

from __future__ import annotations

import functools
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.config import FILE_NAME, Config
from modelship.cli.opening import bundle_from, open_target
from modelship.cli.options import (
    check_option,
    config_option,
    json_option,
    quiet_option,
    timeout_option,
    trust_option,
)
from modelship.cli.output import as_json_is_asked, emit, error_document
from modelship.cli.serving import serving_from
from modelship.errors import ConfigError, InputError, ModelshipError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from modelship.bundle import ScoringBundle
    from modelship.targets import Deployment, Plan
    from modelship.targets.deploying import Check

__all__ = ["apply", "plan"]

_CHANGES = 2
_USAGE = 64  # EX_USAGE of sysexits.h
_MARKS = {"create": ("+", "green"), "replace": ("~", "yellow"), "nothing": ("=", "bright_black")}
_OF_BUNDLE = (
    *("models", "entry_script", "source_directory", "environment", "sample_input"),
    *("cpu_cores", "memory_gb", "tags", "description"),
)


class _Detailed(click.Command):
    """A command that exits with 2 for another reason than what was typed."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        with _apart():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with _apart():
            return super().invoke(ctx)


@contextmanager
def _apart() -> Iterator[None]:
    try:
        yield
    except (click.UsageError, InputError) as error:
        _set_apart(error)
        raise


def _set_apart(error: click.UsageError | InputError) -> None:
    error.exit_code = _USAGE  # type: ignore[misc]  # of this one error, and not of its class


_services = click.argument("services", nargs=-1)
_bundle = click.option(
    "--bundle",
    "bundle_folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A saved bundle, in place of what the file says a bundle is made of.",
)


@click.command(
    cls=_Detailed,
    short_help="Show what modelship.yaml would change, and why.",
    epilog="Example: modelship plan staging",
)
@_services
@_bundle
@trust_option
@config_option
@json_option
def plan(
    *,
    services: tuple[str, ...],
    bundle_folder: Path | None,
    trust_model: bool,
    config_file: Path | None,
) -> None:
    """Show what `modelship apply` would change, and why; nothing is changed.

    SERVICES are those to look at; without them, every service of modelship.yaml. Exit codes: 0 if
    there is nothing to do, 2 if there are changes, 64 what was typed; an error of any service has
    its own code, also if there are changes.
    """
    config = Config.find(config_file)
    with ExitStack() as stack:
        found = _found(config, services, bundle_folder, stack, trust_model=trust_model)
    for each in found:
        if isinstance(each.error, InputError):
            _set_apart(each.error)
    if as_json_is_asked():
        emit(_document(found))
    else:
        _say_plans(found)
    _end_if_failed(found)
    if any(each.has_changes for each in found):
        click.get_current_context().exit(_CHANGES)


@click.command(
    short_help="Let every service be what modelship.yaml says.",
    epilog="Example: modelship apply staging",
)
@_services
@_bundle
@check_option
@trust_option
@timeout_option("Seconds for each service [default: 600].")
@quiet_option
@config_option
@json_option
def apply(
    *,
    services: tuple[str, ...],
    bundle_folder: Path | None,
    check: Check | None,
    trust_model: bool,
    timeout_s: float | None,
    quiet: bool,
    config_file: Path | None,
) -> None:
    """Let every service of modelship.yaml, or each of SERVICES, be what the file says.

    First all of it is planned: if that fails for one, nothing is changed. Then each service that
    differs is deployed, in the order of the file. If one fails, the old release of it serves on,
    and those after it are left as they are.
    """
    config = Config.find(config_file)
    with ExitStack() as stack:
        found = _found(config, services, bundle_folder, stack, trust_model=trust_model)
        if not as_json_is_asked():
            _say_plans(found)
        if all(each.error is None for each in found):
            how = {"check": check, "trust_model": trust_model, "show_output": not quiet}
            _deploy(found, timeout_s=timeout_s, **how)
    if as_json_is_asked():
        emit(_document(found, applied=True))
    else:
        _say_outcomes(found)
    _end_if_failed(found)


@dataclass
class _Service:
    """One service of the file: what it is to be, and what has come of that."""

    label: str
    config: Config
    plan: Plan | None = None
    apply: Callable[..., Deployment] | None = None
    deployment: Deployment | None = None
    error: ModelshipError | None = None

    def look(self, bundles: _Bundles, *, trust_model: bool) -> None:
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

    def deploy(self, *, timeout_s: float | None, **how: Any) -> bool:
        """Do what the plan says, and return whether that succeeded."""
        try:
            if self.apply is not None:
                self.deployment = self.apply(timeout_s=timeout_s or self.config.timeout_s, **how)
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


class _Bundles:
    """The bundle of each service; those that are made of the same have one."""

    def __init__(self, folder: Path | None, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._made: dict[str, ScoringBundle] = {}

    def of(self, config: Config) -> ScoringBundle:
        made_of = repr([getattr(config, name) for name in _OF_BUNDLE if self._folder is None])
        if made_of not in self._made:
            self._made[made_of] = bundle_from(self._folder, config, self._stack)
        return self._made[made_of]


def _found(
    config: Config,
    labels: Sequence[str],
    folder: Path | None,
    stack: ExitStack,
    *,
    trust_model: bool,
) -> list[_Service]:
    """Return each service that was asked for with its plan, or why there is none."""
    bundles = _Bundles(folder, stack)
    services = [_Service(label, own) for label, own in _chosen(config, labels).items()]
    for each in services:
        each.look(bundles, trust_model=trust_model)
    return services


def _deploy(services: Sequence[_Service], *, timeout_s: float | None, **how: Any) -> None:
    """Deploy each service that differs, until one fails."""
    for each in services:
        if each.has_changes and not each.deploy(timeout_s=timeout_s, **how):
            return


def _chosen(config: Config, labels: Sequence[str]) -> Mapping[str, Config]:
    """Return the settings of the services that were named, or of all, in the file's order."""
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
    """Refuse two services of the file that are one and the same."""
    seen: dict[str, str] = {}
    for label, own in services.items():
        place = own.chosen_target
        first = seen.setdefault(repr((own.name, place, own.options.get(place))), label)
        if first != label:
            problem = f"services: {first} and {label} are both {own.name!r} on {place!r}; "
            raise ConfigError(path=FILE_NAME, problem=f"{problem}give one another name.")


# --- what is printed --------------------------------------------------------------------


def _document(services: Sequence[_Service], *, applied: bool = False) -> dict[str, Any]:
    errors = [each.error for each in services if each.error is not None]
    return {
        "services": [_service_document(each, applied=applied) for each in services],
        "has_changes": any(each.has_changes for each in services),
        **({"error": error_document(errors[0])} if errors else {}),
    }


def _service_document(service: _Service, *, applied: bool) -> dict[str, Any]:
    config, error, deployment = service.config, service.error, service.deployment
    document: dict[str, Any] = {"service": service.label}
    if service.plan is not None:
        document |= service.plan.to_document()
    else:
        document |= {"name": config.name, "target": config.chosen_target}
    if applied:
        document["outcome"] = service.outcome
        document["scoring_uri"] = deployment.scoring_uri if deployment else None
    return document | {"error": error_document(error) if error else None}


def _say_plans(services: Sequence[_Service]) -> None:
    plans = [each.plan for each in services if each.plan is not None]
    for plan in plans:
        mark, color = _MARKS[plan.action]
        click.echo(f"{click.style(mark, fg=color, bold=True)} {plan}")
        for warning in plan.warnings:
            click.secho(f"    warning: {warning}", fg="yellow", err=True)
    actions = [plan.action for plan in plans]
    counted = [("create", "to create"), ("replace", "to replace"), ("nothing", "unchanged")]
    told = [f"{actions.count(action)} {words}" for action, words in counted if action in actions]
    click.echo(", ".join(told) or "no plan")


def _say_outcomes(services: Sequence[_Service]) -> None:
    for each in services:
        where = f"{each.config.name} on {each.config.chosen_target}"
        answers = f", and answers at {each.deployment.scoring_uri}" if each.deployment else ""
        click.echo(f"{where}: {each.outcome}{answers}")


def _end_if_failed(services: Sequence[_Service]) -> None:
    """Say each error on stderr, and exit with the code of the first."""
    failed = [(each.label, each.error) for each in services if each.error is not None]
    for label, error in failed:
        head = click.style("error: ", fg="red", bold=True)
        click.echo(f"{head}{label}: {error}", err=True)
    if failed:
        click.get_current_context().exit(failed[0][1].exit_code)
