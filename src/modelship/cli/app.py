"""Load commands lazily, and report errors in one place."""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Any, NoReturn

import click

from modelship.cli.closed_output import ending_with_reader
from modelship.cli.output import ask_for_json, fail
from modelship.cli.wording import MistypedError, worded
from modelship.errors import ModelshipError, nearest
from modelship.progress import worded_by

__all__ = ["cli"]

# In the order of the steps from a model to a service; --help shows them in it.
_COMMANDS = {
    "evaluate": "modelship.cli.evaluate:evaluate",
    "register": "modelship.cli.register:register",
    "inspect": "modelship.cli.inspect:inspect",
    "bundle": "modelship.cli.bundle_command:bundle",
    "check": "modelship.cli.check:check",
    "parity": "modelship.cli.parity_command:parity",
    "serve": "modelship.cli.serve:serve",
    "deploy": "modelship.cli.changes:deploy",
    "update": "modelship.cli.changes:update",
    "rollback": "modelship.cli.changes:rollback",
    "history": "modelship.cli.changes:history",
    "plan": "modelship.cli.plan_command:plan",
    "apply": "modelship.cli.plan_command:apply",
    "run": "modelship.cli.service_commands:run",
    "logs": "modelship.cli.service_commands:logs",
    "doctor": "modelship.cli.doctor:doctor",
    "migrate": "modelship.cli.migrate_command:migrate",
    "batch": "modelship.cli.batch_command:batch",
    "replay": "modelship.cli.replay_command:replay",
    "list": "modelship.cli.inventory:list_services",
    "keys": "modelship.cli.service_commands:keys",
    "client": "modelship.cli.client_command:client",
    "export": "modelship.cli.exporting:export",
    "delete": "modelship.cli.service_commands:delete",
    "prune": "modelship.cli.prune:prune",
    "targets": "modelship.cli.inventory:targets",
    "azureml-offline": "modelship.cli.azureml_offline:azureml_offline",
    "completion": "modelship.cli.completion:completion",
    "demo": "modelship.cli.demo:demo",
}

_INTERRUPTED = 130  # 128 + SIGINT, as in shells


class _Commands(click.Group):
    """Commands that are imported on first use, inside one error boundary."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            if ctx.resilient_parsing:  # called by a shell for completion
                return None
            ctx.fail(f"There is no command {cmd_name!r}{nearest(cmd_name, _COMMANDS)}.")
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--json" in args:  # also if the other arguments are invalid
            ask_for_json(ctx)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if type(error).__name__ == "NoArgsIsHelpError":  # click shows the help
                raise
            fail(MistypedError.from_click(error))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            with ending_with_reader():  # of the help
                return super().make_context(*args, **extra)
        except KeyboardInterrupt:  # click would exit with 1
            sys.exit(_INTERRUPTED)

    def invoke(self, ctx: click.Context) -> Any:
        with ending_with_reader():  # of the error
            return self._invoke(ctx)

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            with worded_by(worded), ending_with_reader():
                return super().invoke(ctx)
        except ModelshipError as error:
            fail(error)
        except click.UsageError as error:
            fail(MistypedError.from_click(error))
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(_INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise  # click reports these itself
        except Exception:  # noqa: BLE001 - the boundary: any other exception is a bug
            _report_bug(ctx)


@click.group(
    "modelship",
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 success, 2 usage, 3 the model, 4 the test or its gate, "
    "5 the bundle, 6 the environment, 7 the target, 8 a request, 9 the workspace, "
    "10 the disk, 11 a batch job, 1 a bug, "
    "130 interrupted, 141 nobody reads the output. "
    "A plan exits with 2 if there are changes, and with 64 for a usage error.",
)
@click.version_option(package_name="modelship-ml", prog_name="modelship")
def cli() -> None:
    """Turn a trained model into a running scoring service.

    What runs there is what was tested here. Start with: modelship demo
    """


def _report_bug(ctx: click.Context) -> NoReturn:
    traceback.print_exc()
    click.echo(
        "error: this is a bug in modelship. Please report it with the lines above.", err=True
    )
    ctx.exit(1)
