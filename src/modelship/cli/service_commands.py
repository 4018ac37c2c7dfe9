"""``modelship run``, ``logs`` and ``delete``: work with running services."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.completing import service_names
from modelship.cli.opening import open_service
from modelship.cli.output import as_json_is_asked, emit
from modelship.cli.shared_options import (
    config_option,
    json_option,
    name_argument,
    option_option,
    target_option,
    timeout_option,
)
from modelship.documents import DocumentError
from modelship.errors import DeploymentNotFoundError, InvalidOptionError, InvalidPayloadError
from modelship.texts import as_text

if TYPE_CHECKING:
    from modelship.targets import DeployTarget

__all__ = ["delete", "logs", "run"]

_REQUEST_TIMEOUT_S = 60.0
_AS_JSON = 'Write the request as JSON in UTF-8, such as {"data": [[0.5, 1.5]]}.'


@click.command(
    short_help="Send one request to a service and print its answer.",
    epilog="Example: modelship run digits-svc -f request.json",
)
@name_argument
@target_option
@option_option
@click.option("-f", "--file", metavar="FILE", help='The request; "-" reads it from stdin.')
@click.option("--data", metavar="JSON", help="The request itself.")
@timeout_option("Seconds to wait for the answer [default: 60].")
@config_option
@json_option
def run(
    *,
    name: str,
    target: str | None,
    options: tuple[tuple[str, Any], ...],
    file: str | None,
    data: str | None,
    timeout_s: float | None,
    config_file: Path | None,
) -> None:
    """Send one request to the service NAME and print the answer as JSON.

    The request is read from stdin if neither -f nor --data is given.
    """
    if file is not None and data is not None:
        raise click.UsageError("Give either -f FILE or --data JSON, not both.")
    payload = _payload(file=file, data=data)
    _require_json(payload)
    place, name = open_service(name, config_file, target=target, options=dict(options))
    deployment = place.get(name)
    answer = deployment.run(payload, timeout_s=timeout_s or _REQUEST_TIMEOUT_S)
    if isinstance(answer, bytes) and not as_json_is_asked():
        click.echo(answer, nl=False)
    else:
        # On one line: a response is long and flat, and is piped into other programs.
        click.echo(json.dumps(_jsonable(answer)))


def _jsonable(answer: Any) -> Any:
    return base64.b64encode(answer).decode() if isinstance(answer, bytes) else answer


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


@click.command(
    short_help="Print the log of a service.", epilog="Example: modelship logs digits-svc --tail 20"
)
@name_argument
@target_option
@option_option
@click.option("--tail", type=click.IntRange(min=1), metavar="N", help="Only the last N lines.")
@config_option
@json_option
def logs(
    *,
    name: str,
    target: str | None,
    options: tuple[tuple[str, Any], ...],
    tail: int | None,
    config_file: Path | None,
) -> None:
    """Print what the service NAME wrote to its log.

    If its deployment failed and nothing is left of it, that is the last of what it wrote then.
    """
    place, name = open_service(name, config_file, target=target, options=dict(options))
    text = _log(place, name, tail=tail)
    if as_json_is_asked():
        emit({"name": name, "target": place.name, "logs": text})
    else:
        click.echo(text, nl=not text.endswith("\n"))


def _log(place: DeployTarget, name: str, *, tail: int | None) -> str:
    try:
        return place.get(name).logs(tail=tail)
    except DeploymentNotFoundError:
        failure = place.failure(name)
        if failure is None:
            raise
        click.secho(f"note: {name} does not exist: {failure.problem}", fg="yellow", err=True)
        return "\n".join(failure.log.splitlines()[-(tail or 0) :])


@click.command(
    short_help="Stop services and delete what they leave.",
    epilog="Example: modelship delete digits-svc",
)
@click.argument("names", nargs=-1, required=True, shell_complete=service_names)
@target_option
@option_option
@click.option("--missing-ok", is_flag=True, help="Do not fail if the service does not exist.")
@config_option
@json_option
def delete(
    *,
    names: tuple[str, ...],
    target: str | None,
    options: tuple[tuple[str, Any], ...],
    missing_ok: bool,
    config_file: Path | None,
) -> None:
    """End each service of NAMES and remove what belongs to it alone."""
    opened = [
        open_service(name, config_file, target=target, options=dict(options)) for name in names
    ]
    there = [_was_deleted(place, name, missing_ok=missing_ok) for place, name in opened]
    deleted = [name for name, was_there in zip(names, there, strict=True) if was_there]
    missing = [name for name in names if name not in deleted]
    if as_json_is_asked():
        targets = sorted({place.name for place, _ in opened})
        emit({"target": ", ".join(targets), "deleted": deleted, "missing": missing})
    else:
        for name in names:
            click.echo(f"{name} {'is deleted' if name in deleted else 'was not there'}")


def _was_deleted(place: DeployTarget, name: str, *, missing_ok: bool) -> bool:
    try:
        place.delete(name)
    except DeploymentNotFoundError:
        if not missing_ok:
            raise
        return False
    return True
