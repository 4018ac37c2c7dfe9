"""The option ``-f``: files of ``az ml`` in place of a bundle and of ``modelship.yaml``."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from modelship.cli.completing import files
from modelship.cli.shared_options import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelship.cli.config import Config
    from modelship.targets.online_endpoint.az_yaml.az_settings import AzFiles
    from modelship.workspace.ml_workspace import MlWorkspace

__all__ = ["WORKSPACE_OPTIONS", "az_files_option", "described_by", "read_az_files"]

WORKSPACE_OPTIONS: Final = ("workspace", "subscription_id", "resource_group", "workspace_name")
"""The options of the target ``online-endpoint`` that say where the workspace is."""

az_files_option = click.option(
    "-f",
    "--file",
    "az_files",
    multiple=True,
    type=PATH,
    metavar="FILE",
    shell_complete=files,
    help="A deployment file of az ml, and its endpoint file; may be repeated.",
)


def read_az_files(paths: Sequence[Path]) -> AzFiles | None:
    """Read the given files; None if there are none."""
    if not paths:
        return None
    from modelship.targets.online_endpoint.az_yaml.az_settings import read_files

    return read_files(paths)


@contextmanager
def described_by(
    found: AzFiles | None, config: Config, *, options: Mapping[str, Any] | None = None
) -> Iterator[Config]:
    """Return the settings with those of the files, for the duration of the body.

    The given options of the target count for the workspace of a registered environment.
    """
    if found is None:
        yield config
        return
    from modelship.targets.online_endpoint.az_yaml.az_settings import missing_server, settings_of

    with tempfile.TemporaryDirectory(prefix="modelship-") as folder:
        settings: dict[str, Any] = settings_of(
            found,
            target=config.chosen_target,
            scratch=Path(folder),
            open_workspace=lambda: _workspace(config, options),
        )
        if problem := missing_server(found):
            click.secho(f"warning: {problem}", fg="yellow", err=True)
        name = config.name or settings.pop("name")
        yield config.overridden_by(**{**settings, "name": name})


def _workspace(config: Config, options: Mapping[str, Any] | None) -> MlWorkspace:
    """Open the workspace that the options name, or else that of the current folder."""
    from modelship.workspace.ml_workspace import open_ml

    given = {**config.options.get("online-endpoint", {}), **(options or {})}
    return open_ml(**{key: given[key] for key in WORKSPACE_OPTIONS if key in given})
