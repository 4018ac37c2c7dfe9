"""Translate Python options in errors and findings to command-line flags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from modelship.errors import InputError, InvalidOptionError, ModelshipError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COMMAND", "MistypedError", "hint_of", "message_of", "text_of", "worded"]

COMMAND: Final = "modelship.command"
"""The key of the running command's context in the metadata of a click context."""

_FLAGS: Final[Mapping[str, str]] = {
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            *("environment", "source_directory", "entry_script", "sample_input", "cpu_cores"),
            *("memory_gb", "overwrite", "trust_model", "server", "workers", "port", "auth"),
            *("capture", "to", "check", "task", "label", "encode", "decode", "schema"),
        )
    },
    "timeout_s": "--timeout",
    "limits": "--as",
    "secrets": "--secret",
    "variables": "--variable",
    "server_options": "--server-option",
    # of targets
    "base_image": "--option base_image=IMAGE",
    "dns_name_label": "--option dns_name_label=LABEL",
}
_CALLED: Final = {  # whose name differs in Python
    "profile": ("target", "limits"),
    "piece_bytes": ("piece_mb",),
}
_MIB: Final = 2**20
_TYPED: Final = {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT}
_CALL: Final = r"[\w.]+\((?:[^()]|\([^()]*\))*\)"
_VALUE: Final = r"(?:'[^']*'|\['[^']*'\]|True|False|\.\.\.|\d+(?:\.\d+)?)?"
# Both are shown, Python's first: "overwrite=True (--overwrite)", "save() (modelship bundle)".
_TWO_WAYS: Final = re.compile(
    rf"(?<![\w-])(?:(?:\w+=)?{_CALL}|\w+={_VALUE}) \((?P<typed>(?:--|modelship )[^()]+)\)"
)
_OR: Final = re.compile(r"Serving\([^()]*\) or (?=--)")
_BESIDE: Final = re.compile(r" \(Serving\([^()]*\)\)")
_AS_ONE: Final = re.compile(r"\bas (entry_script|source_directory|sample_input|environment)\b")
_SERVER_OPTION: Final = re.compile(r"server_options=\{'(?P<name>\w+)': \.\.\.\}")
_SERVING: Final = re.compile(r"Serving\((?P<option>\w+=[^(),]*)\)")
_OPTION: Final = re.compile(
    r"(?<![\w.'-])(?<!--option )(?<!--server-option )"
    rf"(?P<name>{'|'.join(_FLAGS)})=(?P<value>{_VALUE})"
)


_OF_TEST_SETS: Final = re.compile(
    r"(?<![\w-])--(?P<name>label|task|separator|decimal|encode|decode)(?![\w-])"
)


class MistypedError(InputError):
    """What was typed is no command, or lacks a part."""

    def __init__(self, problem: str, *, command: str, exit_code: int) -> None:
        self.problem = problem
        self.command = command
        self.exit_code = exit_code  # type: ignore[misc]  # a plan has its own

    @classmethod
    def from_click(cls, error: click.UsageError) -> MistypedError:
        """Convert an error of click to one of ours."""
        command = error.ctx.command_path if error.ctx else "modelship"
        return cls(error.format_message(), command=command, exit_code=error.exit_code)

    @property
    def message(self) -> str:
        return self.problem

    @property
    def hint(self) -> str:
        return f"{self.command} --help shows what can be typed."


def worded(text: str) -> str:
    """Return advice with command-line flags: ``timeout_s=60`` becomes ``--timeout 60``."""
    text = _TWO_WAYS.sub(r"\g<typed>", text)
    text = _BESIDE.sub("", _OR.sub("", text))
    text = _SERVER_OPTION.sub(r"--server-option \g<name>=...", text)
    text = _AS_ONE.sub(lambda found: f"with {_FLAGS[found[1]]}", text)
    text = text.replace("image_shape=(h, w)", "--image-shape H W")
    return _OPTION.sub(_flag, _SERVING.sub(r"\g<option>", text))


def message_of(error: ModelshipError) -> str:
    """Return the message; quoted output of a program is left unchanged."""
    if isinstance(error, InvalidOptionError):
        option, found = _typed(error.option), error.found
        if option == "--piece-mb" and isinstance(found, int):
            found = found / _MIB
        error = InvalidOptionError(option, found, worded(error.expected))
    is_ours = isinstance(error, (InputError, UnsupportedError))
    return worded(error.message) if is_ours else error.message


def hint_of(error: ModelshipError) -> str:
    """Return the advice, with the flags of the running command."""
    return _OF_TEST_SETS.sub(_beside_gate, worded(error.hint))


def text_of(error: ModelshipError) -> str:
    """Return the full text of an error, as ``str(error)`` does for Python."""
    parts = [message_of(error)]
    parts += [f"  | {line}" for line in error.evidence.splitlines()]
    parts += [error.aftermath] if error.aftermath else []
    parts += [f"  may be the cause: {worded(each)}" for each in error.doubts]
    hint = hint_of(error)
    return "\n".join([*parts, f"  -> {hint}"] if hint else parts)


def _flag(found: re.Match[str]) -> str:
    flag, value = _FLAGS[found["name"]], found["value"].strip("'")
    if value == "False":
        return flag.replace("--", "--no-", 1)
    if value in {"", "True", "..."} or "=" in flag:
        return flag
    return f"{flag} {value}"


def _command() -> click.Context | None:
    """Return the context of the command that runs."""
    running = click.get_current_context(silent=True)
    return running.meta.get(COMMAND) if running else None


def _beside_gate(found: re.Match[str]) -> str:
    """Return a test-set option by its name for ``--gate``, if that is meant."""
    command = _command()
    flags = {flag for each in command.command.params for flag in each.opts} if command else set()
    own, of_gate = found[0], f"--gate-{found['name']}"
    return of_gate if of_gate in flags and own not in flags else own


def _typed(option: str) -> str:
    """Return the flag that gave an option its value; settings from a file keep their names."""
    command = _command()
    if command is None:
        return option
    names = {option, *_CALLED.get(option, ())}
    for each in command.command.params:
        if each.name in names and command.get_parameter_source(each.name) in _TYPED:
            return "--as" if "--as" in each.opts else max(each.opts, key=len)
    return option
