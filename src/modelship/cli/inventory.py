"""``modelship list`` and ``targets``: list services and available targets."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.config import Config
from modelship.cli.opening import Place, open_target, place_options
from modelship.cli.output import answer, deployment_document, note_on_address, say_table
from modelship.cli.shared_options import command, config_option
from modelship.cli.wording import hint_of, message_of
from modelship.errors import (
    DeploymentNotFoundError,
    MissingExtraError,
    ModelshipError,
    WorkspaceNotFoundError,
)
from modelship.shown import counted, local_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from modelship.targets import Deployment

__all__ = ["list_services", "targets"]


# A user who has not installed a place, or has no workspace, has no services there.
_NOT_SET_UP = (MissingExtraError, WorkspaceNotFoundError)


@dataclass(frozen=True)
class _Look:
    """The result for one target: its services, or why they could not be listed."""

    target: str
    services: Sequence[dict[str, Any]] = ()
    reason: str = ""
    hint: str = ""
    is_used: bool = True
    """Whether the target is used here: it is installed and configured."""


@command("List the services.", example="list -t docker", name="list")
@place_options
def list_services(*, at: Place) -> None:
    """List the services of every target, or of one.

    A target that is not available here is named in a note.
    """
    config = at.settings()
    if config.target is not None:
        looks = [_look(config, options=at.options)]
    elif at.options:
        raise click.UsageError("--option applies to one target: name it with -t TARGET.")
    else:
        looks = _look_everywhere(config)
    services = [each for look in looks for each in look.services]
    closed = [look for look in looks if look.reason]
    notes = [{"target": look.target, "reason": look.reason} for look in closed]
    document = {"deployments": services, "unavailable": notes}
    answer(document, lambda: _say(services, closed))


@command("List the places where services can run.", example="targets")
@config_option
def targets(*, config_file: Path | None) -> None:
    """List the targets that are installed, and whether each is available here."""
    looks = _look_everywhere(Config.find(config_file))
    rows = [
        (
            look.target,
            "no" if look.reason else "yes",
            look.reason or counted(len(look.services), "service"),
        )
        for look in looks
    ]
    document = {"targets": [_target_document(look) for look in looks]}
    answer(document, lambda: say_table(("target", "available", ""), rows))


def _look_everywhere(config: Config) -> list[_Look]:
    from modelship.targets import DeployTarget

    return [_try_to_look(config.overridden_by(target=name)) for name in DeployTarget.available()]


def _try_to_look(config: Config) -> _Look:
    try:
        return _look(config, options={})
    except ModelshipError as error:
        is_used = not isinstance(error, _NOT_SET_UP) or _is_configured(config)
        return _Look(config.chosen_target, (), message_of(error), hint_of(error), is_used)
    except ImportError as error:
        reason = f"The target {config.chosen_target!r} cannot be imported: {error}."
        return _Look(config.chosen_target, reason=reason)


def _is_configured(config: Config) -> bool:
    """Return whether the file configures the target."""
    name = config.chosen_target
    return name in config.options or name in {each.target for each in config.services.values()}


def _look(config: Config, *, options: dict[str, Any]) -> _Look:
    place = open_target(config, options=options)
    return _Look(place.name, services=[*_documents(place.list())])


def _documents(deployments: Iterable[Deployment]) -> Iterator[dict[str, Any]]:
    for deployment in deployments:
        with suppress(DeploymentNotFoundError):  # deleted meanwhile
            yield deployment_document(deployment)


def _target_document(look: _Look) -> dict[str, object]:
    return {
        "name": look.target,
        "available": not look.reason,
        "reason": look.reason,
        "hint": look.hint,
        "deployments": len(look.services),
    }


def _say(services: Sequence[dict[str, Any]], closed: Sequence[_Look]) -> None:
    columns = ("name", "target", "state", "model", "scoring_uri", "created_at")
    if services:
        local = [{**each, "created_at": local_time(each["created_at"])} for each in services]
        rows = [[str(each[column]) for column in columns] for each in local]
        say_table([column.replace("_", " ") for column in columns], rows)
    else:
        click.echo("Nothing is deployed.")
    for each in services:
        if each["problem"]:
            remedy = f"modelship delete {each['name']} -t {each['target']}"
            click.echo(f"note: {each['problem']}; remove it with: {remedy}", err=True)
        if each["lost_uri"]:
            click.echo(f"note: {each['name']}: {note_on_address(each['lost_uri'])}", err=True)
    for look in closed:
        if look.is_used:
            click.echo(f"note: {look.reason}", err=True)
