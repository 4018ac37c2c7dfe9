"""``modelship serve``: run a scoring script with modelship's server, here and in the foreground."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.output import as_json_is_asked
from modelship.cli.shared_options import command, server_option
from modelship.errors import MissingExtraError
from modelship.server.command import missing_packages

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["serve"]


@command(
    "Run a scoring script with modelship's server.",
    example="serve score.py --model-dir outputs --workers 2",
    json_help="Write each line of the log as a JSON object.",
)
@click.argument("script", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--model-dir",
    "--model_dir",
    type=click.Path(path_type=Path, exists=True),
    help="The model's folder; the script finds it in AZUREML_MODEL_DIR.",
)
@click.option("--host", default="127.0.0.1", help="The address to listen on [default: 127.0.0.1].")
@click.option(
    "--port", default=5001, type=click.IntRange(1, 65535), help="The port [default: 5001]."
)
@click.option(
    "--workers",
    default=1,
    type=click.IntRange(1, 64),
    help="Processes that run the script [default: 1].",
)
@server_option
def serve(
    *,
    script: Path,
    model_dir: Path | None,
    host: str,
    port: int,
    workers: int,
    server_options: tuple[tuple[str, Any], ...],
) -> None:
    """Serve SCRIPT, which has init() and run(raw_data), until Ctrl+C.

    It runs in the Python that modelship runs in, with what is installed there. Modules next to the
    script can be imported. Exit codes: 0 ended by Ctrl+C or SIGTERM, 1 a setting or the port, 3
    the script; the log says why.
    """
    from modelship.runtime.server_options import checked_options, option_variables
    from modelship.runtime.servers import Server

    options = checked_options(Server.named("modelship"), dict(server_options))
    if missing_packages():
        raise MissingExtraError(purpose="serving a script", extra="server")
    command = [sys.executable, "-m", "modelship.server", "--entry_script", str(script.resolve())]
    command += ["--port", str(port), "--worker_count", str(workers)]
    if model_dir is not None:
        command += ["--model_dir", str(model_dir.resolve())]
    os.execve(command[0], command, _environment(script, host, option_variables(options)))  # noqa: S606 - the server takes this process over


def _environment(script: Path, host: str, variables: Mapping[str, str]) -> dict[str, str]:
    folder = {"AML_APP_ROOT": str(script.resolve().parent)}
    json_log = {"MODELSHIP_LOG_FORMAT": "json"} if as_json_is_asked() else {}
    return {**folder, **os.environ, "MODELSHIP_HOST": host, **variables, **json_log}
