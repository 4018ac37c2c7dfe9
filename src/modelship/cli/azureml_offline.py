"""``modelship azureml-offline``: an Azure ML workspace on this machine, for other terminals."""

from __future__ import annotations

import logging
import shlex
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from modelship.cli.output import answer
from modelship.cli.shared_options import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.testing.offline.offline_workspace import OfflineWorkspace

__all__ = ["azureml_offline"]

_LOOK_EVERY_S = 0.5


@command(
    "Run an Azure ML workspace on this machine.",
    example="azureml-offline --folder my-workspace",
    name="azureml-offline",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of its state, which is reused next time [default: a temporary folder].",
)
@click.option(
    "--compute",
    type=click.Choice(["process", "docker"]),
    default="process",
    show_default=True,
    help="How its Container Instances run: as processes of this machine, or as containers.",
)
@click.option(
    "--base-image",
    metavar="IMAGE",
    help="What containers are built upon [default: python:X.Y-slim]: services with "
    "--compute docker, packages, and local services.",
)
@click.option(
    "--system-datastores-auth-mode",
    type=click.Choice(["accesskey", "identity"]),
    default="accesskey",
    show_default=True,
    help="How its datastores are used: with the key of the storage account, or with the token of "
    "the caller; the account then refuses its key.",
)
@click.option(
    "--sealed",
    is_flag=True,
    help="Block hosts other than Azure's for code that runs with its variables.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME",
    help="A failure of online endpoints to simulate until the end, by Azure's name, such as "
    "OutOfQuota; can be given several times.",
)
def azureml_offline(
    *,
    folder: Path | None,
    compute: Literal["process", "docker"],
    base_image: str | None,
    system_datastores_auth_mode: Literal["accesskey", "identity"],
    sealed: bool,
    faults: tuple[str, ...],
) -> None:
    """Run an Azure ML workspace that needs no Azure, until Ctrl-C.

    It prints what to type in another terminal, so that code there finds it: code that was written
    for azureml-core then runs against it unchanged. Models, services and all else end with it, or
    stay in its folder.
    """
    from modelship.testing.offline.offline_workspace import OfflineWorkspace
    from modelship.testing.offline.v2.named_faults import named_fault

    planted = [named_fault(each, times=None) for each in faults]
    workspace = OfflineWorkspace(
        folder,
        compute=compute,
        base_image=base_image,
        system_datastores_auth_mode=system_datastores_auth_mode,
        sealed=sealed,
    )
    for fault in planted:  # before it opens: a fault of clients is in its variables
        workspace.faults.plant(fault)
    with workspace, _failures_shown(), _until_interrupted():
        answer(_document(workspace), lambda: _say(workspace, compute))
        while True:  # a signal that comes just before a wait begins does not end it
            time.sleep(_LOOK_EVERY_S)


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """End the body quietly on Ctrl-C; another Ctrl-C does not interrupt the cleanup."""
    try:
        yield
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        click.echo("stopping the workspace and its services", err=True)


class _Terminal(logging.Handler):
    """Writes to stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


@contextmanager
def _failures_shown() -> Iterator[None]:
    """Show failed deployments, with the time, while the body runs."""
    handler, logger = _Terminal(), logging.getLogger("modelship.testing.offline")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _document(workspace: OfflineWorkspace) -> dict[str, object]:
    return {
        "endpoint": workspace.endpoint,
        "folder": str(workspace.folder),
        "config": str(workspace.config_path),
        "environment_file": str(workspace.environment_path),
    }


def _say(workspace: OfflineWorkspace, compute: str) -> None:
    click.echo(f"An Azure ML workspace is open at {workspace.endpoint}, in {workspace.folder}.")
    click.echo("\nIn another terminal, in the folder of your code, type:\n")
    # The variables contain a password: it is in a file of the user, and in no terminal or log.
    click.echo(f". {shlex.quote(str(workspace.environment_path))}")
    # It asks before it replaces one that names a workspace in Azure.
    click.echo(f"cp -i {shlex.quote(str(workspace.config_path))} config.json")
    click.echo(
        "\nWorkspace.from_config() then finds it in place of Azure. Its services are "
        f"{'containers' if compute == 'docker' else 'processes'} of this machine.\n"
        "Ctrl-C ends it, and them."
    )
