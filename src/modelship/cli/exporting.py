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

    from modelship.bundle import ScoringBundle
    from modelship.cli.config import Config
    from modelship.targets import Serving
    from modelship.targets.online_endpoint.az_yaml.az_exporting import ExportedEndpoint

__all__ = ["export"]

_BATCH: Final = "batch-endpoint"
_KINDS: Final = ("online-endpoint", _BATCH)


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
    """Write the files that `az ml` deploys as an endpoint, and a script that does.

    They contain the model, the code and the exact packages, and need no modelship. The options of
    an online endpoint are those of the target online-endpoint, such as --option
    instance_type=Standard_F4s_v2. Those of a batch endpoint have the names of az ml, such as
    --option compute=my-cluster or --option mini_batch_size=20.
    """
    config = Place(kind, options, config_file).settings_of(name)
    if config.name is None:
        raise click.UsageError("Give the endpoint a name with -n NAME.")
    with ExitStack() as stack:
        bundle = bundle_from(bundle_folder, config, stack)
        stack.enter_context(showing("Write the files"))
        write = _write_batch if kind == _BATCH else _write_online
        made = write(bundle, output, config, serving_from(config, serving), dict(options))
    answer(_document(made), lambda: _say(made, kind))


def _write_online(
    bundle: ScoringBundle, output: Path, config: Config, serving: Serving, given: dict[str, Any]
) -> ExportedEndpoint:
    from modelship.targets.online_endpoint.az_yaml.az_exporting import export_endpoint

    options = _options(config, "online-endpoint", given)
    return export_endpoint(bundle, output, name=str(config.name), serving=serving, options=options)


def _write_batch(
    bundle: ScoringBundle, output: Path, config: Config, serving: Serving, given: dict[str, Any]
) -> ExportedEndpoint:
    from modelship.targets.online_endpoint.az_yaml.batch_exporting import export_batch_endpoint
    from modelship.targets.online_endpoint.az_yaml.batch_options import BatchEndpointOptions

    check_options("the files of a batch endpoint", BatchEndpointOptions, given)
    variables = dict(serving.variables)
    return export_batch_endpoint(
        bundle, output, name=str(config.name), variables=variables, options=given
    )


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


def _say(made: ExportedEndpoint, kind: str) -> None:
    click.echo(f"{made.folder}  {counted(len(made.files), 'file')}")
    tried = {"try it here": f"modelship deploy -f {made.folder}/deployment.yml"}
    say_facts(
        {
            "endpoint": made.endpoint,
            "deployment": made.deployment,
            **({} if kind == _BATCH else tried),
            "deploy it": f"{made.folder}/deploy.sh",
        }
    )
