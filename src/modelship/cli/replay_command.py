"""``modelship replay``: send captured requests again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from modelship.cli.opening import Place, place_options
from modelship.cli.output import as_json_is_asked, emit
from modelship.cli.serving import environment_options, environment_under
from modelship.cli.shared_options import (
    PATH,
    command,
    name_option,
    request_timeout_option,
    timeout_option,
)
from modelship.errors import InvalidOptionError, ReplayError

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.parity import Address, Replayed, ReplayReport
    from modelship.targets import Deployment

__all__ = ["replay"]


@command("Send captured requests again.", example="replay captured --bundle bundle")
@click.argument("captures", metavar="CAPTURE...", nargs=-1, required=True, type=PATH)
@click.option("--to", "uri", metavar="URI", help="The service at this address, ending in /score.")
@click.option(
    "--key-env",
    "key_variable",
    metavar="VARIABLE",
    help="With --to: the environment variable that holds the service's key.",
)
@place_options
@name_option
@click.option("--bundle", "bundle_folder", type=PATH, help="The script of this bundle, in process.")
@environment_options
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Only the last N captured requests."
)
@request_timeout_option
@timeout_option("Seconds for the bundle's script to start [default: 600].")
def replay(
    *,
    captures: tuple[Path, ...],
    uri: str | None,
    key_variable: str | None,
    at: Place,
    name: str | None,
    bundle_folder: Path | None,
    variables: tuple[tuple[str, str], ...],
    secrets: tuple[tuple[str, str], ...],
    limit: int | None,
    request_timeout_s: float,
    timeout_s: float | None,
) -> None:
    """Send what is captured in CAPTURE, folders or files, and show the answers of then and now.

    It goes to one place: a service by its name (-n, on the target -t), one by its address (--to),
    or a bundle's script (--bundle). If a request fails again, the exit code is 8.
    """
    from modelship.bundle import ScoringBundle
    from modelship.parity import read_captured
    from modelship.parity import replay as send_again

    if sum(each is not None for each in (uri, name, bundle_folder)) != 1:
        raise click.UsageError("Give one of --to, -n and --bundle: where to send them.")
    if key_variable is not None and uri is None:
        raise click.UsageError("--key-env goes with --to; the targets know their services' keys.")
    if (variables or secrets) and bundle_folder is None:
        raise click.UsageError("--variable and --secret go with --bundle; a service has its own.")
    config = at.settings(timeout_s=timeout_s)
    captured = read_captured(captures)
    there: Deployment | Address | ScoringBundle
    if uri is not None:
        there = _address(uri, key_variable)
    elif bundle_folder is not None:
        there = ScoringBundle.load(bundle_folder)
    else:
        there = at.open(config).get(name or "")
    report = send_again(
        captured[-limit:] if limit else captured,
        to=there,
        **environment_under(config, variables, secrets),
        timeout_s=config.timeout_s,
        request_timeout_s=request_timeout_s,
    )
    if as_json_is_asked():
        emit(_document(report))
        if report.failing:
            click.get_current_context().exit(ReplayError.exit_code)
    else:
        click.echo(str(report))
        report.require()


def _address(uri: str, key_variable: str | None) -> Address:
    from modelship.parity import Address

    if key_variable is not None and not os.environ.get(key_variable):
        raise InvalidOptionError("--key-env", key_variable, "a variable that is set")
    return Address(uri, os.environ[key_variable] if key_variable else "")


def _document(report: ReplayReport) -> dict[str, object]:
    return {
        "place": report.place,
        "sent": len(report.replayed),
        "failing": len(report.failing),
        "not_sent": [each.request_id for each in report.not_sent],
        "requests": [_entry(each) for each in report.replayed],
    }


def _entry(replayed: Replayed) -> dict[str, object]:
    captured, answer = replayed.captured, replayed.answer
    return {
        "time": captured.time,
        "request_id": captured.request_id,
        "sent": captured.request.summary,
        "left_out": list(captured.left_out),
        "fails": replayed.fails,
        "then": {
            "status": captured.status,
            "answer": captured.answer,
            "cause": captured.cause,
        },
        "now": {
            "status": answer.status,
            "answer": answer.body.decode(errors="replace"),
            "failure": answer.failure,
        },
    }
