"""Parse the command line, and export it as environment variables for scripts.

The flags are those of Azure ML's inference server, which has no short forms.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import VERSION
from .options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["VERSION_HEADER", "insights_notices", "parse", "publish", "refuse"]

VERSION_HEADER = "HTTP_X_MS_SERVER_VERSION"
_MOST_PORTS = 65535
_PORT, _HEALTH_PORT = 5001, 5000
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DESCRIPTION = """\
Serve a scoring script: a Python file with init() and run(raw_data).

  %(prog)s --entry_script score.py --model_dir outputs

POST /score calls run() and returns its answer as JSON. GET / says that the
server lives, /ready that it takes requests, /docs is a page for people.
"""
_END = """\
Settings beyond these flags are environment variables, such as
SCORING_TIMEOUT_MS=60000 or MODELSHIP_LOG_FORMAT=json:
  {names}

Exit codes: 0 ended by SIGTERM or Ctrl+C, 1 a wrong flag, setting or port,
3 the script cannot be loaded or its init() fails; the log says why.
130 Ctrl+C twice.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        refuse(f"{message}\nSee {self.prog} --help.")


def refuse(problem: str, *, code: int = 1) -> NoReturn:
    """Report an invalid setting, and exit."""
    sys.stderr.write(f"{problem}\n")
    raise SystemExit(code)


def parse(arguments: Sequence[str], *, program: str) -> argparse.Namespace:
    """Parse the command line; an invalid one ends the process with exit code 1."""
    parser = _parser(program)
    told = parser.parse_args([_with_underscores(each, parser) for each in arguments])
    if not (told.entry_script or told.config_file):
        refuse(
            "There is no scoring script: give it with --entry_script score.py, or with "
            "AZUREML_ENTRY_SCRIPT in the file of --config_file."
        )
    return told


def _with_underscores(argument: str, parser: argparse.ArgumentParser) -> str:
    """Return the canonical spelling of a flag typed with dashes, such as --entry-script."""
    name, equals, value = argument.partition("=")
    flag = f"--{name[2:].replace('-', '_')}"
    is_flag = name.startswith("--") and flag in parser._option_string_actions  # noqa: SLF001 - argparse has no public table
    return f"{flag}{equals}{value}" if is_flag else argument


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= _MOST_PORTS:
        raise argparse.ArgumentTypeError(f"{port} is not between 1 and {_MOST_PORTS}")
    return port


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is not 1 or more")
    return count


_port.__name__, _count.__name__ = "port", "number"  # argparse names them in its errors


_FLAGS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--entry_script",), {"metavar": "FILE", "help": "the scoring script"}),
    (
        ("--model_dir",),
        {
            "metavar": "FOLDER",
            "help": "the model's folder; the script finds it in the variable AZUREML_MODEL_DIR",
        },
    ),
    (("--port",), {"type": _port, "help": f"the port to listen on [{_PORT}]"}),
    (
        ("--health_port",),
        {
            "type": _port,
            "metavar": "PORT",
            "help": "a second port with the same routes, where the variable "
            f"SEPERATE_HEALTH_ENDPOINT (spelled so) is true [{_HEALTH_PORT}]",
        },
    ),
    (
        ("--worker_count", "--workers"),
        {"type": _count, "metavar": "N", "help": "processes that run the script [1]"},
    ),
    (
        ("--appinsights_instrumentation_key",),
        {
            "metavar": "KEY",
            "help": "send a span of each request to this Application Insights",
        },
    ),
    (
        ("--access_control_allow_origins",),
        {
            "metavar": "ORIGINS",
            "help": "origins whose pages may call the service (CORS), with commas between; "
            "* is all",
        },
    ),
    (
        ("--config_file",),
        {
            "metavar": "FILE",
            "help": "a JSON file with settings, by the names of their variables",
        },
    ),
    (
        ("--strict",),
        {
            "action": "store_true",
            "help": "do as Azure ML's server also where that is plainly wrong",
        },
    ),
    (("--rest",), {"action": "store_true", "help": argparse.SUPPRESS}),
    (("--version",), {"action": "version", "version": f"modelship's scoring server {VERSION}"}),
)
"""The arguments of the command line, for argparse."""


def _parser(program: str) -> argparse.ArgumentParser:
    ours = [option.variable for option in OPTIONS.values() if "modelship" in option.servers]
    parser = _Parser(
        prog=program,
        description=_DESCRIPTION,
        epilog=_END.format(names=_wrapped(", ".join(ours))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for flags, options in _FLAGS:
        parser.add_argument(*flags, **options)
    return parser


def _wrapped(names: str) -> str:
    import textwrap

    return "\n  ".join(textwrap.wrap(names, 74))


def publish(told: argparse.Namespace) -> tuple[str, ...]:
    """Export the variables that Azure ML's server exports; return the notices to log."""
    environ = os.environ
    environ.setdefault("AML_APP_ROOT", str(Path.cwd()))
    if told.entry_script:
        environ["AZUREML_ENTRY_SCRIPT"] = os.path.realpath(told.entry_script)
    if told.config_file:
        environ["AZUREML_CONFIG_FILE"] = os.path.realpath(told.config_file)
    if told.model_dir is not None:
        environ["AZUREML_MODEL_DIR"] = told.model_dir
    if told.worker_count is not None:
        environ["WORKER_COUNT"] = str(told.worker_count)
    environ.setdefault("WORKER_COUNT", "1")
    environ["TRANSPORT_PROTOCOL"] = "rest" if told.rest else "grpc"
    environ["SERVER_SOFTWARE"] = f"modelship/{VERSION}"
    _publish_ports(told)
    if told.access_control_allow_origins is not None:
        environ["AML_CORS_ORIGINS"] = told.access_control_allow_origins
    if told.appinsights_instrumentation_key is not None:
        environ["AML_APP_INSIGHTS_ENABLED"] = "true"
        environ["AML_APP_INSIGHTS_KEY"] = told.appinsights_instrumentation_key
    if environ.get("SERVER_VERSION_LOG_RESPONSE_ENABLED", "true").lower() == "true":
        environ[VERSION_HEADER] = f"modelship/{VERSION}"
    notices = insights_notices(environ)
    if not notices or notices == _INVALID:
        environ["AML_APP_INSIGHTS_ENABLED"] = "false"
    return notices


def _publish_ports(told: argparse.Namespace) -> None:
    environ = os.environ
    environ["SERVER_PORT"] = str(told.port or _PORT)
    if environ.get("SEPERATE_HEALTH_ENDPOINT") == "true":  # the reference's spelling
        environ["HEALTH_PORT"] = str(told.health_port or _HEALTH_PORT)
    elif told.port is not None:
        environ["HEALTH_PORT"] = str(told.port)
    else:
        environ.setdefault("HEALTH_PORT", str(_PORT))


_VALID = ("Valid Application Insights instrumentation key provided.",)
_INVALID = (
    "Invalid Application Insights instrumentation key provided.",
    "Application Insights has been disabled.",
)


def insights_notices(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the notices about the key of Application Insights; none if it is disabled."""
    key = environ.get("AML_APP_INSIGHTS_KEY")
    if environ.get("AML_APP_INSIGHTS_ENABLED") != "true" or key is None:
        return ()
    return _VALID if _UUID.fullmatch(key) else _INVALID
