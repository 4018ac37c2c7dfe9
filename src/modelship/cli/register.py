"""``modelship register``: register a model in an Azure ML workspace or registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelship.cli.completing import files
from modelship.cli.opening import open_model
from modelship.cli.output import answer, say_facts
from modelship.cli.shared_options import PATH, command, pairs_option
from modelship.progress import showing

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["register"]


@command(
    "Register a model in an Azure ML workspace.",
    example="register model.pkl --name digits --tag data=MNIST",
)
@click.argument("model", shell_complete=files)
@click.option("--name", metavar="NAME", help="Its name there [default: the file's].")
@click.option(
    "--workspace",
    type=PATH,
    help="A config.json, or a folder to look for it in and above [default: here].",
)
@click.option(
    "--registry",
    metavar="NAME",
    help="A registry to register it in, instead of the workspace, which then is what to sign in as "
    "[default: what azure-identity finds].",
)
@pairs_option("--tag", "tags", form="KEY=VALUE", about="A label")
@pairs_option(
    "--property",
    "properties",
    form="KEY=VALUE",
    about="A property, which cannot be changed later",
)
@click.option("--description", default="", help="One sentence for people.")
@click.option(
    "--framework", help="The framework, as Azure ML names it [default: read from the file]."
)
@click.option(
    "--framework-version", help="Its version, such as 1.5.2 [default: read from the file]."
)
def register(
    *,
    model: str,
    name: str | None,
    workspace: Path | None,
    registry: str | None,
    tags: tuple[tuple[str, str], ...],
    properties: tuple[tuple[str, str], ...],
    description: str,
    framework: str | None,
    framework_version: str | None,
) -> None:
    """Register the model at the path or URI MODEL; the same content is not registered twice."""
    from modelship.sources.registered import register_model

    with showing(f"Register {model}"), open_model(model) as fetched:
        registered = register_model(
            fetched,
            workspace=workspace,
            registry=registry,
            name=name,
            tags=dict(tags),
            properties=dict(properties),
            description=description,
            framework=framework,
            framework_version=framework_version,
        )
    facts = {
        "model": registered.model_id,
        "uri": registered.uri,
        "framework": f"{registered.framework} {registered.framework_version}".strip(),
        "fetch it": registered.uri if registry else f"azureml:{registered.model_id}",
    }
    told = {"tags": dict(registered.tags), "properties": dict(registered.properties)}

    def say() -> None:
        click.echo(f"{registered.model_id} is registered")
        say_facts(facts)

    answer({**facts, **told}, say)
