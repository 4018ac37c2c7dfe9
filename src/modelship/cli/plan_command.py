"""``modelship plan`` and ``apply``: show or make the changes that modelship.yaml describes."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.completing import services_of_file
from modelship.cli.config import Config
from modelship.cli.output import answer, as_json_is_asked, error_document
from modelship.cli.planned import deploy, find
from modelship.cli.rollouts import Deploying, deploying_options
from modelship.cli.shared_options import (
    PATH,
    command,
    config_option,
    trust_option,
)
from modelship.cli.wording import text_of, worded
from modelship.errors import InputError
from modelship.progress import showing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modelship.cli.planned import PlannedService

__all__ = ["apply", "plan"]

_CHANGES = 2
_USAGE = 64  # EX_USAGE of sysexits.h
_MARKS = {"create": ("+", "green"), "replace": ("~", "yellow"), "nothing": ("=", "bright_black")}


class _Detailed(click.Command):
    """A command whose exit code 2 does not mean a usage error."""

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


_services = click.argument("services", nargs=-1, shell_complete=services_of_file)
_bundle = click.option(
    "--bundle",
    "bundle_folder",
    type=PATH,
    metavar="FOLDER",
    help="A saved bundle, in place of the bundle that the file describes.",
)


@command("Show what modelship.yaml would change, and why.", example="plan staging", cls=_Detailed)
@_services
@_bundle
@trust_option
@config_option
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
    with ExitStack() as stack, showing("Plan"):
        found = find(config, services, bundle_folder, stack, trust_model=trust_model)
    for each in found:
        if isinstance(each.error, InputError):
            _set_apart(each.error)
    answer(_document(found), lambda: _say_plans(found))
    _end_if_failed(found)
    if any(each.has_changes for each in found):
        click.get_current_context().exit(_CHANGES)


@command("Make every service match modelship.yaml.", example="apply staging")
@_services
@_bundle
@deploying_options("Seconds for each service [default: 600].")
@config_option
def apply(
    *,
    services: tuple[str, ...],
    bundle_folder: Path | None,
    how: Deploying,
    config_file: Path | None,
) -> None:
    """Make every service of modelship.yaml, or each of SERVICES, match the file.

    First all of it is planned: if that fails for one, nothing is changed. Then each service that
    differs is deployed, in the order of the file. If one fails, its old release keeps serving,
    and the services after it are not changed.
    """
    config = Config.find(config_file)
    options = how.options(config)
    with ExitStack() as stack:
        with showing("Plan", shown=not how.quiet):
            found = find(config, services, bundle_folder, stack, trust_model=how.trust_model)
        if not as_json_is_asked():
            _say_plans(found)
        if all(each.error is None for each in found):
            deploy(found, timeout_s=how.timeout_s, options=options)
    answer(_document(found, applied=True), lambda: _say_outcomes(found))
    _end_if_failed(found)


# --- what is printed --------------------------------------------------------------------


def _document(services: Sequence[PlannedService], *, applied: bool = False) -> dict[str, Any]:
    errors = [each.error for each in services if each.error is not None]
    return {
        "services": [_service_document(each, applied=applied) for each in services],
        "has_changes": any(each.has_changes for each in services),
        **({"error": error_document(errors[0])} if errors else {}),
    }


def _service_document(service: PlannedService, *, applied: bool) -> dict[str, Any]:
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


def _say_plans(services: Sequence[PlannedService]) -> None:
    plans = [each.plan for each in services if each.plan is not None]
    for plan in plans:
        mark, color = _MARKS[plan.action]
        click.echo(f"{click.style(mark, fg=color, bold=True)} {plan}")
        for warning in plan.warnings:
            click.secho(f"    warning: {worded(str(warning))}", fg="yellow", err=True)
    actions = [plan.action for plan in plans]
    counted = [("create", "to create"), ("replace", "to replace"), ("nothing", "unchanged")]
    told = [f"{actions.count(action)} {words}" for action, words in counted if action in actions]
    if told:
        click.echo(", ".join(told))


def _say_outcomes(services: Sequence[PlannedService]) -> None:
    for each in services:
        where = f"{each.config.name} on {each.config.chosen_target}"
        answers = f", and answers at {each.deployment.scoring_uri}" if each.deployment else ""
        click.echo(f"{where}: {each.outcome}{answers}")


def _end_if_failed(services: Sequence[PlannedService]) -> None:
    """Print each error on stderr, and exit with the code of the first."""
    failed = [(each.label, each.error) for each in services if each.error is not None]
    for label, error in failed:
        head = click.style("error: ", fg="red", bold=True)
        click.echo(f"{head}{label}: {text_of(error)}", err=True)
    if failed:
        click.get_current_context().exit(failed[0][1].exit_code)
