"""``modelship completion``: print the setup code of tab completion for a shell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click
from click.shell_completion import get_completion_class

from modelship.cli.output import answer
from modelship.cli.shared_options import command

__all__ = ["completion"]

_SHELLS: Final = ("bash", "zsh", "fish")
_VARIABLE: Final = "_MODELSHIP_COMPLETE"


@command("Set up tab completion.", example="completion bash >> ~/.bashrc")
@click.argument("shell", required=False, type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, *, shell: str | None) -> None:
    """Print the script that completes commands, options, targets and services in SHELL.

    SHELL is that of the variable SHELL if it is left out. For bash, add what is printed to
    ~/.bashrc; for zsh, to ~/.zshrc; for fish, write it to
    ~/.config/fish/completions/modelship.fish.
    """
    shell = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(shell) if shell in _SHELLS else None
    if kind is None:
        raise click.UsageError(f"Name the shell: {', '.join(_SHELLS)}.")
    group = context.find_root().command
    script = kind(group, {}, "modelship", _VARIABLE).source()
    answer({"shell": shell, "script": script}, lambda: click.echo(script))
