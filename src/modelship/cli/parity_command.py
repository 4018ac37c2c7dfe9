"""``modelship parity``: compare the answers of several targets to the same requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelship.cli.completing import target_names
from modelship.cli.config import Config
from modelship.cli.kinds import OF_SERVING
from modelship.cli.opening import open_target
from modelship.cli.output import as_json_is_asked, emit
from modelship.cli.serving import environment_options, environment_under
from modelship.cli.shared_options import (
    PATH,
    command,
    config_option,
    option_option,
    quiet_option,
    request_timeout_option,
    scalar,
    timeout_option,
    trust_option,
)
from modelship.errors import InvalidOptionError, ParityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modelship.bundle import ScoringBundle
    from modelship.parity import ParityReport, ScoringRequest
    from modelship.targets import DeployTarget

__all__ = ["parity", "say_report"]

_MOST_RANDOM = 10_000
_MAPPINGS = {"variables", "secrets", "server_options"}


@command(
    "Compare the answers of several targets.",
    example="parity bundle --on process process:server=modelship",
)
@click.argument("bundle_folder", metavar="BUNDLE", type=PATH)
@click.argument("more", metavar="", nargs=-1, shell_complete=target_names)
@click.option(
    "--on",
    "places",
    multiple=True,
    shell_complete=target_names,
    required=True,
    metavar="TARGET[:KEY=VALUE,...]...",
    help="The targets to deploy to, each with its own options, as in process:server=modelship.",
)
@click.option(
    "--requests",
    "requests_file",
    type=PATH,
    help="What to send: a JSON file, or one of JSON lines [default: made from the sample].",
)
@click.option(
    "--generate",
    "count",
    default=0,
    type=click.IntRange(0, _MOST_RANDOM),
    help="Also make this many random requests from the sample.",
)
@click.option("--seed", default=0, help="For the random requests [default: 0].")
@click.option(
    "--tolerance",
    default=0.0,
    type=click.FloatRange(min=0),
    help="By how much two floats may differ [default: 0, not at all].",
)
@request_timeout_option
@option_option
@environment_options
@trust_option
@timeout_option("Seconds for each deployment [default: 600].")
@quiet_option
@config_option
def parity(
    *,
    bundle_folder: Path,
    more: tuple[str, ...],
    places: tuple[str, ...],
    requests_file: Path | None,
    count: int,
    seed: int,
    tolerance: float,
    request_timeout_s: float,
    options: tuple[tuple[str, Any], ...],
    variables: tuple[tuple[str, str], ...],
    secrets: tuple[tuple[str, str], ...],
    trust_model: bool,
    timeout_s: float | None,
    quiet: bool,
    config_file: Path | None,
) -> None:
    """Send the same requests to the bundle BUNDLE on several targets, and to its script in process.

    What is written behind a target is how the bundle is served there, or an option of that target:
    --on process --on process:server=modelship,workers=2 compares the two servers.
    What differs in status, type, body or the contract's headers is shown side by side, and the exit
    code is then 8. What is deployed for it is deleted again.
    """
    from modelship.bundle import ScoringBundle
    from modelship.parity import compare
    from modelship.targets import Serving

    config = Config.find(config_file).overridden_by(timeout_s=timeout_s)
    bundle = ScoringBundle.load(bundle_folder)
    report = compare(
        bundle,
        on=[_open(name, config, dict(options)) for name in (*places, *more)],
        requests=_requests(bundle, requests_file, count=count, seed=seed),
        tolerance=tolerance,
        serving=Serving(**environment_under(config, variables, secrets)),
        trust_model=trust_model,
        timeout_s=config.timeout_s,
        request_timeout_s=request_timeout_s,
        show_output=not quiet,
    )
    say_report(report)


def say_report(report: ParityReport) -> None:
    """Print a report; exit with 8 if there are differences."""
    if as_json_is_asked():
        emit(_document(report))
        if not report.equal:
            click.get_current_context().exit(ParityError.exit_code)
    else:
        click.echo(str(report))
        report.require()


def _open(place: str, config: Config, options: Mapping[str, Any]) -> DeployTarget:
    """Open a target with its own options, and those with its name as a prefix or without one."""
    from modelship.targets import Serving

    name, _, told = place.partition(":")
    given, serving = _told(told, place=place)
    own = {
        key.removeprefix(f"{name}."): value
        for key, value in options.items()
        if "." not in key or key.startswith(f"{name}.")
    }
    target = open_target(config.overridden_by(target=name), options={**own, **given})
    return target.with_serving(Serving(**serving)) if serving else target


def _told(text: str, *, place: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parse the text after a target: its own options, and how the bundle is served."""
    from modelship.server.options import OPTIONS

    options: dict[str, Any] = {}
    serving: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise InvalidOptionError("--on", place, "TARGET or TARGET:KEY=VALUE,KEY=VALUE")
        if key in OPTIONS:
            serving.setdefault("server_options", {})[key] = scalar(value)
        elif key in OF_SERVING and OF_SERVING[key] not in _MAPPINGS:
            serving[OF_SERVING[key]] = scalar(value)
        else:
            options[key] = scalar(value)
    return options, serving


def _requests(
    bundle: ScoringBundle, path: Path | None, *, count: int, seed: int
) -> Sequence[ScoringRequest] | None:
    from modelship.parity import generate_requests, read_requests

    given = read_requests(path) if path else ()
    if bundle.sample_json is None:
        if count:
            raise InvalidOptionError("--generate", count, "0, as the bundle has no sample request")
        return given or None
    if given and not count:
        return given
    return (*given, *generate_requests(bundle.sample_json, count=count, seed=seed))


def _document(report: ParityReport) -> dict[str, object]:
    return {
        "equal": report.equal,
        "places": list(report.places),
        "requests": len(report.requests),
        "differences": [
            {
                "request": each.request.label,
                "sent": each.request.summary,
                "what": each.what,
                "where": each.where,
                "values": dict(each.values),
            }
            for each in report.differences
        ],
    }
