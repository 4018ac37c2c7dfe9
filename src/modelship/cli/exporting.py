"""``modelship export``: write a bundle as the files of another tool."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import click

from modelship.cli.az_files import WORKSPACE_OPTIONS
from modelship.cli.opening import Place, bundle_from
from modelship.cli.output import answer, say_facts
from modelship.cli.serving import serving_from, serving_options
from modelship.cli.shared_options import (
    PATH,
    bundle_argument,
    command,
    config_option,
    name_option,
    option_option,
)
from modelship.progress import showing
from modelship.registry import check_options
from modelship.shown import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelship.cli.config import Config
    from modelship.targets.online_endpoint.az_yaml.az_exporting import ExportedEndpoint

__all__ = ["export"]

_KINDS: Final = ("online-endpoint",)


@command(
    "Write a bundle as files of another tool.",
    example="export online-endpoint bundle -n digits -o azure",
)
@click.argument("kind", type=click.Choice(_KINDS))
@bundle_argument
@name_option
@click.option("-o", "--output", type=PATH, required=True, help="A new folder.")
@option_option
@config_option
@serving_options
def export(
    *,
    kind: str,
    bundle_folder: Path | None,
    name: str | None,
    output: Path,
    options: tuple[tuple[str, Any], ...],
    config_file: Path | None,
    serving: dict[str, Any],
) -> None:
    """Write the files that `az ml` deploys as a managed online endpoint, and a script that does.

    They contain the model, the code and the exact packages, and need no modelship. The options are
    those of the target online-endpoint, such as --option instance_type=Standard_F4s_v2.
    """
    from modelship.targets.online_endpoint.az_yaml.az_exporting import export_endpoint

    config = Place(kind, options, config_file).settings_of(name)
    if config.name is None:
        raise click.UsageError("Give the endpoint a name with -n NAME.")
    with ExitStack() as stack:
        bundle = bundle_from(bundle_folder, config, stack)
        stack.enter_context(showing("Write the files"))
        made = export_endpoint(
            bundle,
            output,
            name=config.name,
            serving=serving_from(config, serving),
            options=_options(config, kind, dict(options)),
        )
    answer(_document(made), lambda: _say(made))


def _options(config: Config, kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the file and the given ones, without those that name a workspace."""
    from modelship.targets.online_endpoint.target_options import TargetOptions

    of_file = config.options.get(kind, {})
    options = {key: value for key, value in of_file.items() if key not in WORKSPACE_OPTIONS}
    options |= given
    check_options(f"the target {kind!r}", TargetOptions, options)
    return options


def _document(made: ExportedEndpoint) -> dict[str, Any]:
    return {
        "folder": str(made.folder),
        "endpoint": made.endpoint,
        "deployment": made.deployment,
        "files": list(made.files),
    }


def _say(made: ExportedEndpoint) -> None:
    click.echo(f"{made.folder}  {counted(len(made.files), 'file')}")
    say_facts(
        {
            "endpoint": made.endpoint,
            "deployment": made.deployment,
            "try it here": f"modelship deploy -f {made.folder}/deployment.yml",
            "deploy it": f"{made.folder}/deploy.sh",
        }
    )
