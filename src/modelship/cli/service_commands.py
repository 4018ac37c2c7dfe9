"""``modelship run``, ``logs``, ``keys`` and ``delete``: work with running services."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from modelship.cli.completing import service_names
from modelship.cli.opening import Place, place_options
from modelship.cli.output import answer, as_json_is_asked, say_facts
from modelship.cli.shared_options import command, name_argument, timeout_option
from modelship.documents import DocumentError
from modelship.errors import DeploymentNotFoundError, InvalidOptionError, InvalidPayloadError
from modelship.progress import showing
from modelship.texts import as_text

if TYPE_CHECKING:
    from modelship.targets import DeployTarget

__all__ = ["delete", "keys", "logs", "run"]

_REQUEST_TIMEOUT_S = 60.0
_AS_JSON = 'Write the request as JSON in UTF-8, such as {"data": [[0.5, 1.5]]}.'


@command(
    "Send one request to a service and print its answer.", example="run digits-svc -f request.json"
)
@name_argument
@place_options
@click.option("-f", "--file", metavar="FILE", help='The request; "-" reads it from stdin.')
@click.option("--data", metavar="JSON", help="The request itself.")
@timeout_option("Seconds to wait for the answer [default: 60].")
def run(
    *,
    name: str,
    at: Place,
    file: str | None,
    data: str | None,
    timeout_s: float | None,
) -> None:
    """Send one request to the service NAME and print the answer as JSON.

    The request is read from stdin if neither -f nor --data is given.
    """
    if file is not None and data is not None:
        raise click.UsageError("Give either -f FILE or --data JSON, not both.")
    payload = _payload(file=file, data=data)
    _require_json(payload)
    place, name = at.of_service(name)
    answered = place.get(name).run(payload, timeout_s=timeout_s or _REQUEST_TIMEOUT_S)
    if isinstance(answered, bytes):
        if not as_json_is_asked():
            click.echo(answered, nl=False)
            return
        answered = base64.b64encode(answered).decode()
    # On one line: a response is long and flat, and is piped into other programs.
    click.echo(json.dumps(answered))


def _payload(*, file: str | None, data: str | None) -> str:
    if data is not None:
        return data
    if file in (None, "-"):
        if sys.stdin.isatty():
            raise click.UsageError("Give the request with -f FILE or --data JSON, or on stdin.")
        content = sys.stdin.buffer.read()
    else:
        content = _content(str(file))
    try:
        return as_text(content)
    except DocumentError as error:
        problem = f"{file or 'stdin'} is not UTF-8 text: {error}"
        raise InvalidPayloadError(problem, _AS_JSON) from error


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InvalidOptionError(
            option="--file", found=file, expected="an existing file"
        ) from error


def _require_json(payload: str) -> None:
    from modelship.server import not_json

    # The text is sent unchanged; an error in it is better reported here than by a service.
    try:
        json.loads(payload)
    except json.JSONDecodeError as error:
        problem = f"it is not JSON; {not_json.explained(error) or error}"
        raise InvalidPayloadError(problem, _AS_JSON) from error


@command("Print the log of a service.", example="logs digits-svc --tail 20")
@name_argument
@place_options
@click.option("--tail", type=click.IntRange(min=1), metavar="N", help="Only the last N lines.")
def logs(
    *,
    name: str,
    at: Place,
    tail: int | None,
) -> None:
    """Print what the service NAME wrote to its log.

    If its deployment failed and nothing is left of it, that is the last of what it wrote then.
    """
    place, name = at.of_service(name)
    text = _log(place, name, tail=tail)
    document = {"name": name, "target": place.name, "logs": text}
    answer(document, lambda: click.echo(text, nl=not text.endswith("\n")))


def _log(place: DeployTarget, name: str, *, tail: int | None) -> str:
    try:
        return place.get(name).logs(tail=tail)
    except DeploymentNotFoundError:
        failure = place.failure(name)
        if failure is None:
            raise
        click.secho(f"note: {name} does not exist: {failure.problem}", fg="yellow", err=True)
        return "\n".join(failure.log.splitlines()[-(tail or 0) :])


@command("Print the keys of a service.", example="keys digits-svc -t aci --regenerate primary")
@name_argument
@place_options
@click.option(
    "--regenerate",
    type=click.Choice(["primary", "secondary"]),
    help="Regenerate this key first; the old one is refused from then on.",
)
def keys(*, name: str, at: Place, regenerate: Literal["primary", "secondary"] | None) -> None:
    """Print the keys that the service NAME asks for. They are secrets."""
    place, name = at.of_service(name)
    deployment = place.get(name)
    found = deployment.regenerate_key(regenerate) if regenerate else deployment.keys()
    document = {"primary": found.primary, "secondary": found.secondary}
    answer(document, lambda: say_facts(document))


@command("Stop services and delete what they leave.", example="delete digits-svc")
@click.argument("names", nargs=-1, required=True, shell_complete=service_names)
@place_options
@click.option("--missing-ok", is_flag=True, help="Do not fail if the service does not exist.")
def delete(
    *,
    names: tuple[str, ...],
    at: Place,
    missing_ok: bool,
) -> None:
    """End each service of NAMES and remove what belongs to it alone."""
    opened = [at.of_service(name) for name in names]
    there = [_was_deleted(place, name, missing_ok=missing_ok) for place, name in opened]
    deleted = [name for name, was_there in zip(names, there, strict=True) if was_there]
    missing = [name for name in names if name not in deleted]
    targets = ", ".join(sorted({place.name for place, _ in opened}))
    told = [f"{name} {'is deleted' if name in deleted else 'was not there'}" for name in names]
    document = {"target": targets, "deleted": deleted, "missing": missing}
    answer(document, lambda: click.echo("\n".join(told)))


def _was_deleted(place: DeployTarget, name: str, *, missing_ok: bool) -> bool:
    try:
        with showing(f"Delete {name}"):
            place.delete(name)
    except DeploymentNotFoundError as error:
        if not missing_ok:
            raise
        if error.removed:
            click.echo(f"note: {error.message}", err=True)
        return False
    return True
