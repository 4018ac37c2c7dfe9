"""``modelship deploy``: run a bundle as a service."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.opening import Place, bundle_from, place_options
from modelship.cli.output import answer, deployment_document, say_facts
from modelship.cli.rollouts import Deploying, deploying_options
from modelship.cli.serving import serving_from, serving_options
from modelship.cli.shared_options import (
    bundle_argument,
    command,
    name_option,
)

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.targets import Deployment

__all__ = ["deploy", "say_deployment"]

_SHORT = 100  # characters; a longer sample request is no useful example to copy


@command("Run a bundle as a service.", example="deploy bundle -n digits-svc -t docker")
@bundle_argument
@name_option
@place_options
@serving_options
@deploying_options("Seconds for everything [default: 600].")
@click.option("--overwrite", is_flag=True, help="Replace a different service of this name.")
def deploy(
    *,
    bundle_folder: Path | None,
    name: str | None,
    at: Place,
    serving: dict[str, Any],
    how: Deploying,
    overwrite: bool,
) -> None:
    """Run the bundle in BUNDLE_FOLDER, or what modelship.yaml describes, as a service.

    It is done when the service answers. If anything fails, nothing new is left behind.
    """
    config = at.settings_of(name)
    if bundle_folder is not None:
        from modelship.bundle.mistaken import require_bundle

        require_bundle(bundle_folder)
    if config.name is None:
        raise click.UsageError("Give the service a name with -n NAME.")
    with ExitStack() as stack:
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
    answer(deployment_document(deployment), lambda: say_deployment(deployment, sample=sample))


def say_deployment(deployment: Deployment, *, sample: str | None) -> None:
    """Print the address of a service, and what to type next."""
    name = deployment.name
    if deployment.target != "process":
        name += f" -t {deployment.target}"
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
