"""The option ``-f``: files of ``az ml`` in place of a bundle and of ``modelship.yaml``."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.completing import files
from modelship.cli.shared_options import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.cli.config import Config
    from modelship.targets.online_endpoint.az_yaml.az_settings import AzFiles

__all__ = ["az_files_option", "described_by", "read_az_files"]

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
def described_by(found: AzFiles | None, config: Config) -> Iterator[Config]:
    """Return the settings with those of the files, for the duration of the body."""
    if found is None:
        yield config
        return
    from modelship.targets.online_endpoint.az_yaml.az_settings import missing_server, settings_of

    with tempfile.TemporaryDirectory(prefix="modelship-") as folder:
        settings: dict[str, Any] = settings_of(
            found, target=config.chosen_target, scratch=Path(folder)
        )
        if problem := missing_server(found):
            click.secho(f"warning: {problem}", fg="yellow", err=True)
        name = config.name or settings.pop("name")
        yield config.overridden_by(**{**settings, "name": name})
