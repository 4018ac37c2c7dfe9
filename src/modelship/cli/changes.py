"""``modelship deploy``, ``update``, ``rollback`` and ``history``: deploy and change a service."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.az_files import az_files_option, described_by, read_az_files
from modelship.cli.lost_history import why_no_history
from modelship.cli.opening import Place, bundle_from, open_target, place_options
from modelship.cli.output import answer, deployment_document, say_facts, say_table
from modelship.cli.rollouts import Deploying, deploying_options
from modelship.cli.serving import secret_option, serving_from, serving_options, stated_options
from modelship.cli.shared_options import (
    bundle_argument,
    command,
    file_option,
    name_argument,
    name_option,
    quiet_option,
    timeout_option,
)
from modelship.errors import ModelshipError, StorageError
from modelship.shown import local_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modelship.cli.config import Config
    from modelship.targets import Change, Deployment, Serving

__all__ = ["deploy", "history", "rollback", "update"]

_SHOWN_DIGITS = 12
_SHORT = 100  # characters; a longer sample request is no useful example to copy


@command("Run a bundle as a service.", example="deploy bundle -n digits-svc -t docker")
@bundle_argument
@name_option
@place_options
@serving_options
@deploying_options("Seconds for everything [default: 600].")
@az_files_option
@file_option("--sample-input", "A sample request of what -f or modelship.yaml describes.")
@click.option("--overwrite", is_flag=True, help="Replace a different service of this name.")
def deploy(
    *,
    bundle_folder: Path | None,
    name: str | None,
    at: Place,
    serving: dict[str, Any],
    how: Deploying,
    az_files: tuple[Path, ...],
    sample_input: Path | None,
    overwrite: bool,
) -> None:
    """Run the bundle in BUNDLE_FOLDER, or what modelship.yaml describes, as a service.

    Or what a deployment file of az ml describes, given with -f: its name is then that of its
    endpoint, unless -n is given. It is done when the service answers. If anything fails, nothing
    new is left behind.
    """
    if bundle_folder is not None and az_files:
        raise click.UsageError("Give BUNDLE_FOLDER or -f FILE, not both.")
    if bundle_folder is not None and sample_input is not None:
        raise click.UsageError(
            "--sample-input is part of a bundle: make the one in BUNDLE_FOLDER again, with "
            "modelship bundle --sample-input FILE."
        )
    if bundle_folder is not None:
        from modelship.bundle.mistaken import require_bundle

        require_bundle(bundle_folder)
    files = read_az_files(az_files)
    with ExitStack() as stack:
        config = stack.enter_context(described_by(files, at.settings_of(name), options=at.options))
        if sample_input is not None:
            config = config.overridden_by(sample_input=sample_input)
        if config.name is None:
            raise click.UsageError("Give the service a name with -n NAME.")
        place = at.open(config)
        bundle = bundle_from(bundle_folder, config, stack)
        deployment = place.deploy(
            bundle,
            name=config.name,
            serving=serving_from(config, serving),
            overwrite=overwrite,
            **how.options(config),
        )
        sample = bundle.sample_json
    _say(deployment, at, sample=sample)


def _sample_of(deployment: Deployment) -> str | None:
    """Return the sample request of a changed service, as JSON; None if it has none."""
    with suppress(ModelshipError):  # an example to copy is not worth a failure
        return deployment.bundle().sample_json
    return None


def _say(deployment: Deployment, at: Place, *, sample: str | None) -> None:
    answer(deployment_document(deployment), lambda: _say_in_words(deployment, at, sample))


def _say_in_words(deployment: Deployment, at: Place, sample: str | None) -> None:
    """Print the address of a service, and what to type next."""
    name = deployment.name
    if deployment.target != "process":
        name += f" -t {deployment.target}"
    name += at.as_typed
    short = sample is not None and len(sample) <= _SHORT and "'" not in sample
    request = f"--data '{sample}'" if short else "-f request.json"
    click.echo(f"{deployment.name} is {deployment.state} on {deployment.target}")
    say_facts(
        {
            "scoring URI": deployment.scoring_uri,
            "bundle": f"sha256:{deployment.digest}",
            "call it": f"modelship run {name} {request}",
            "see its log": f"modelship logs {name}",
            "delete it": f"modelship delete {name}",
        }
    )


@command(
    "Change the bundle of a service, or how it is served.", example="update digits-svc --workers 4"
)
@name_argument
@bundle_argument
@place_options
@serving_options
@deploying_options("Seconds for everything [default: 600].")
def update(
    *,
    name: str,
    bundle_folder: Path | None,
    at: Place,
    serving: dict[str, Any],
    how: Deploying,
) -> None:
    """Change what is given of the service NAME: its bundle, an option, or both.

    All that is not given stays what it is, whatever modelship.yaml says: of the file, only where
    services run counts here. It is done when the new release answers; if it does not, the old
    release keeps serving.
    """
    stated = stated_options(serving)
    if bundle_folder is None and not stated:
        raise click.UsageError("Give a bundle or an option to change, such as --workers 2.")
    config = at.settings_of(name)
    deployment = _opened_alike(config, at)
    changed = _changed(deployment, stated) if stated else None
    options = how.options(config)
    if bundle_folder is not None:
        from modelship.bundle import ScoringBundle

        deployment.update(ScoringBundle.load(bundle_folder), serving=changed, **options)
    elif changed is not None:
        deployment.update(changed, **options)
    _say(deployment, at, sample=_sample_of(deployment))


@command("Serve an earlier release again.", example="rollback digits-svc")
@name_argument
@click.option(
    "--to",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="A change that `modelship history` lists [default: the release before this one].",
)
@secret_option
@place_options
@timeout_option("Seconds for everything [default: 600].")
@quiet_option
def rollback(
    *,
    name: str,
    to: int | None,
    secrets: tuple[tuple[str, str], ...],
    at: Place,
    timeout_s: float | None,
    quiet: bool,
) -> None:
    """Let the service NAME serve the release before this one, in the way that it was served.

    Doing it again goes further back. A secret is read again from where it was, or as --secret says.
    """
    config = at.settings_of(name, timeout_s=timeout_s)
    deployment = _opened_alike(config, at)
    deployment.rollback(
        to=to, secrets=dict(secrets), timeout_s=config.timeout_s, show_output=not quiet
    )
    _say(deployment, at, sample=_sample_of(deployment))


@command("List what a service has served.", example="history digits-svc --last 5")
@name_argument
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the last N changes.")
@place_options
def history(
    *,
    name: str,
    last: int | None,
    at: Place,
) -> None:
    """List each change of what NAME serves, the oldest first, also once it is deleted.

    Who made it, when, which release it was to serve, what came of that, and in what it differed
    from the release before, or why it failed or ended.
    """
    place, name = at.of_service(name)
    changes = place.history(name)[-(last or 0) :]
    # Without changes, it raises if there is nothing of this name.
    why = "" if changes else why_no_history(place.get(name))
    documents = [_change_document(each) for each in changes]
    document = {"name": name, "target": place.name, "changes": documents}
    answer(document, lambda: _say_changes(changes) if changes else click.echo(why))


def _say_changes(changes: Sequence[Change]) -> None:
    header = ("#", "began at", "by", "what", "release", "outcome", "")
    say_table(header, [_row(each) for each in changes])


def _opened_alike(config: Config, at: Place) -> Deployment:
    """Return a service of a target with its deployed options, overridden by the given ones."""
    name = str(config.name)
    deployment = at.open(config).get(name)
    try:
        before = {**deployment.place_options}
    except StorageError:  # deployed from another machine; commands that need more report it
        return deployment
    file = config.options.get(config.chosen_target, {})
    return open_target(config, options={**before, **file, **at.options}).get(name)


def _changed(deployment: Deployment, given: Mapping[str, Any]) -> Serving:
    """Return the serving of a service, overridden by what was given."""
    before = deployment.serving(secrets=given.get("secrets"))
    if (server := given.get("server", before.server)) != before.server:
        before = replace(before, server_options=_known_to(server, before.server_options))
    merged: dict[str, Any] = {
        option: {**getattr(before, option), **value} if isinstance(value, dict) else value
        for option, value in given.items()
        if option != "secrets"
    }
    return replace(before, **merged)


def _known_to(server: str, server_options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that another server also supports: the others are dropped."""
    from modelship.server.options import OPTIONS

    return {name: v for name, v in server_options.items() if server in OPTIONS[name].servers}


def _row(change: Change) -> Sequence[str]:
    why = change.reason if change.outcome != "serving" else ""
    return (
        str(change.number),
        local_time(change.began_at),
        change.by,
        change.kind,
        change.release.digest[:_SHOWN_DIGITS],
        change.outcome,
        "; ".join(part for part in (", ".join(change.differed), why) if part),
    )


def _change_document(change: Change) -> dict[str, Any]:
    """Return a change as JSON values, without the hashes of secrets."""
    document = change.to_document()
    record = document.pop("release")
    return {
        **document,
        "release": record["digest"],
        "digest": record["bundle"],
        "model": record["model"],
    }
