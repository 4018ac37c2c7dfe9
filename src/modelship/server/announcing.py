"""What the server says when it starts, in the words that tools look for in Azure ML's server."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING

from .options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .settings import Settings

__all__ = ["opening_lines"]

_PREFIX = "MODELSHIP_"
_LIKE = 0.8


def opening_lines(settings: Settings, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Return the lines; none holds a secret.

    Parameters
    ----------
    settings : Settings
        What the server was told.
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
    """Return the settings of our own that are given, with their values: none is a secret."""
    for option in OPTIONS.values():
        if option.variable.startswith(_PREFIX) and option.variable in environ:
            yield f"{option.variable}={environ[option.variable]}"


def _misspelled(environ: Iterable[str]) -> Iterator[str]:
    """Return a line for each variable that is no setting, and is written nearly as one."""
    known = {option.variable.removeprefix(_PREFIX): option.variable for option in OPTIONS.values()}
    for name in environ:
        if name.startswith(_PREFIX) and name not in known.values():
            near = difflib.get_close_matches(name.removeprefix(_PREFIX), known, 1, _LIKE)
            if near:
                meant = known[near[0]]
                yield f"There is no setting {name}, and it is ignored; did you mean {meant}?"
