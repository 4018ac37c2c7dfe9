"""Start the server from the command line: read settings, check prerequisites, log a header.

The lines have the wording that tools look for in the log of Azure ML's server.
"""

from __future__ import annotations

import difflib
import os
import ssl
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .arguments import refuse
from .key_check import Keys
from .logs import say
from .options import OPTIONS
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["check_files", "main", "missing_packages", "opening_lines"]

_PREFIX = "MODELSHIP_"
_LIKE = 0.8


def opening_lines(settings: Settings, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Return the lines; none contains a secret.

    Parameters
    ----------
    settings : Settings
        The settings of the server.
    environ : mapping of str to str
        The environment, after the settings were read.
    """
    if "AZUREML_MODEL_DIR" not in environ:
        yield "AZUREML_MODEL_DIR is not set. Use the --model_dir command line argument to set it."
    yield from settings.notices
    yield from _misspelled(environ)
    yield f"Entry Script Name: {settings.entry_script}"
    yield f"Model Directory: {environ.get('AZUREML_MODEL_DIR')}"
    yield f"Config File: {environ.get('AZUREML_CONFIG_FILE')}"
    yield f"Worker Count: {settings.workers}"
    yield f"Worker Timeout (seconds): {environ.get('WORKER_TIMEOUT', '300')}"
    yield f"Server Port: {settings.port}"
    yield f"Health Port: {environ['HEALTH_PORT']}"
    yield f"Application Insights Enabled: {environ['AML_APP_INSIGHTS_ENABLED']}"
    key = "AppInsights key provided" if "AML_APP_INSIGHTS_KEY" in environ else None
    yield f"Application Insights Key: {key}"
    yield f"Inferencing HTTP server version: {settings.server_version or None}"
    origins = environ.get("AML_CORS_ORIGINS")
    allowed = None if origins is None else f"Enabling CORS for {origins}"
    yield f"CORS for the specified origins: {allowed}"
    changed = list(_changed(environ))
    if changed:
        yield f"Settings of modelship's server: {', '.join(changed)}"


def _changed(environ: Mapping[str, str]) -> Iterator[str]:
    """Return modelship's own settings that are given, with their values: none is a secret."""
    for option in OPTIONS.values():
        if option.variable.startswith(_PREFIX) and option.variable in environ:
            yield f"{option.variable}={environ[option.variable]}"


def _misspelled(environ: Iterable[str]) -> Iterator[str]:
    """Return a line for each variable that is not a setting, but similar to the name of one."""
    known = {option.variable.removeprefix(_PREFIX): option.variable for option in OPTIONS.values()}
    for name in environ:
        if name.startswith(_PREFIX) and name not in known.values():
            near = difflib.get_close_matches(name.removeprefix(_PREFIX), known, 1, _LIKE)
            if near:
                meant = known[near[0]]
                yield f"The unknown setting {name} is ignored; did you mean {meant}?"


def check_files(settings: Settings) -> None:
    """End the process with exit code 1 if the keys or the certificate are not usable."""
    _check_keys(settings.keys_file)
    if settings.certificate:
        _check_certificate(settings.certificate, settings.private_key)
    elif settings.private_key:
        refuse("MODELSHIP_TLS_KEY is given without MODELSHIP_TLS_CERTIFICATE; give both.")


def _check_keys(file: str) -> None:
    try:
        Keys(file)
    except OSError as error:
        refuse(f"MODELSHIP_KEYS_FILE is {file!r}, which cannot be read: {error.strerror}.")
    except ValueError:
        refuse(
            f"MODELSHIP_KEYS_FILE is {file!r}, which does not hold keys; it must be JSON such as "
            '{"primary": "...", "secondary": "..."}.'
        )


def _check_certificate(certificate: str, key: str) -> None:
    files = {"MODELSHIP_TLS_CERTIFICATE": certificate, "MODELSHIP_TLS_KEY": key or certificate}
    for variable, file in files.items():
        if not os.access(file, os.R_OK):
            refuse(f"{variable} is {file!r}, which cannot be read; it must be a PEM file.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key or None, password="")
    except (OSError, ValueError) as error:
        refuse(
            f"The certificate {certificate!r} and the key {key or certificate!r} do not work "
            f"together ({getattr(error, 'reason', None) or error}); they must be PEM, and the "
            "key without a passphrase."
        )


_NEEDED = ("httptools", "uvloop")


def missing_packages() -> tuple[str, ...]:
    """Return the names of the packages that the server needs and this Python lacks."""
    return tuple(name for name in _NEEDED if find_spec(name) is None)


def main(arguments: Sequence[str]) -> int:
    """Serve the script named by the arguments, until SIGTERM or SIGINT.

    Parameters
    ----------
    arguments : sequence of str
        The command line.

    Returns
    -------
    int
        The exit code: 0 after a signal to end, 1 for an invalid setting, and 3 for a script that
        cannot be served.
    """
    settings = Settings.read(arguments, program=f"python -m {__package__}")
    check_files(settings)
    missing = missing_packages()
    if missing:
        sys.stderr.write(
            f"{sys.executable} has no {' and no '.join(missing)}, which the server needs. "
            "Install modelship's extra 'server' there.\n"
        )
        return 1
    say(opening_lines(settings), as_json=settings.json_logs)
    from .supervisor import supervise

    code = supervise(settings)
    _give_up_unwritten()
    return code


def _give_up_unwritten() -> None:
    """Discard output that cannot be written: Python would exit with 120 otherwise."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except OSError:  # noqa: PERF203 - the disk is full, or the terminal is gone
            setattr(sys, name, None)
