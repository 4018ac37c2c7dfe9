"""Run uv; no other module does."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelship.bundle._package_index import index_arguments, index_variables, redact
from modelship.bundle.programs import run
from modelship.errors import EnvironmentSpecError
from modelship.process_variables import process_variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Outcome", "run_uv"]

# These would change the resolution or the installation folder; or they would keep bytecode from
# being written where the service looks for it.
_NOT_PASSED_ON = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONPYCACHEPREFIX",
    "UV_BREAK_SYSTEM_PACKAGES",
    "UV_NO_VERIFY_HASHES",
    "UV_PROJECT",
    "UV_PYTHON",
    "UV_REQUIRE_HASHES",
    "UV_SYSTEM_PYTHON",
    "UV_WORKING_DIR",
)

# uv runs in another folder, see run_uv: relative paths have to be made absolute.
_PATHS = (
    "SSL_CERT_FILE",
    "SSL_CLIENT_CERT",
    "UV_CACHE_DIR",
    "UV_CONFIG_FILE",
    "UV_CONSTRAINT",
    "UV_FIND_LINKS",
    "UV_OVERRIDE",
    "UV_PYTHON_INSTALL_DIR",
)

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True)
class Outcome:
    """The result of one run of uv.

    Parameters
    ----------
    ok : bool
        Whether uv succeeded.
    stdout : str
        Its standard output.
    words : str
        Its standard error, without colors and secrets.
    timed_out : bool
        Whether it was killed because of the timeout.
    """

    ok: bool
    stdout: str
    words: str
    timed_out: bool = False


def run_uv(
    arguments: Sequence[str],
    *,
    timeout_s: float,
    stdin: str = "",
    asks_index: bool = False,
    folder: str = os.sep,
    path: str | None = None,
) -> Outcome:
    """Run uv, and kill it with all its children on timeout or if the caller is stopped.

    It does not run in the current folder: a project or ``uv.toml`` there has no effect, while the
    configuration of the user and of the machine applies.

    Parameters
    ----------
    arguments : sequence of str
        The arguments after ``uv``. None of them may be secret: all users can see them.
    timeout_s : float
        The timeout in seconds.
    stdin : str
        Its standard input.
    asks_index : bool
        Whether this command queries the package index; pip's configuration is then passed on.
    folder : str
        The working folder: the root folder, which only its owner can write to, or one with a
        ``pyproject.toml`` created for it.
    path : str, optional
        The search path of programs. Default: that of this process.
    """
    from modelship.workspace.way_out import WayOut

    environ = WayOut(process_variables()).for_packages()
    variables = _variables(environ) | ({} if path is None else {"PATH": path})
    command = [_uv_path(), *arguments]
    if asks_index:
        variables |= index_variables(environ, default_index=_default_index)
        command += index_arguments(environ)
    return _run(
        command,
        stdin=stdin,
        variables=variables,
        timeout_s=timeout_s,
        folder=folder,
    )


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    variables = {name: value for name, value in environ.items() if name not in _NOT_PASSED_ON}
    for name in _PATHS:
        if variables.get(name) and "://" not in variables[name]:
            variables[name] = os.path.abspath(variables[name])  # noqa: PTH100 - keeps links
    # Each run of uv would retry the download, for half a minute if it cannot work.
    variables.setdefault("UV_PYTHON_DOWNLOADS", "never")
    # Bytecode that is validated by the source's time would be stale after a copy.
    always = {"UV_NO_PROGRESS": "1", "NO_COLOR": "1", "PYC_INVALIDATION_MODE": "CHECKED_HASH"}
    return variables | always


def _run(
    command: Sequence[str],
    *,
    stdin: str,
    variables: Mapping[str, str],
    timeout_s: float,
    folder: str = os.sep,
) -> Outcome:
    try:
        done = run(command, stdin=stdin, timeout_s=timeout_s, env=variables, cwd=folder)
    except subprocess.TimeoutExpired as late:
        return Outcome(ok=False, stdout=late.output, words=_clean(str(late.stderr)), timed_out=True)
    return Outcome(ok=done.returncode == 0, stdout=done.stdout, words=_clean(done.stderr))


def _clean(words: str) -> str:
    return redact(_ANSI.sub("", words).strip())


@functools.cache
def _uv_path() -> str:
    try:
        import uv

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError):
        if found := shutil.which("uv"):
            return found
    raise EnvironmentSpecError("uv", "its program is not installed.", "pip install uv")


@functools.cache
def _default_index() -> str:
    """Query uv's default index; offline, and no slower than starting uv."""
    asking = ["pip", "compile", "-", "--emit-index-url", "--no-header", "--offline", "--quiet"]
    command = [_uv_path(), *asking, "--python", sys.executable]
    outcome = _run(command, stdin="\n", variables=_variables(process_variables()), timeout_s=60)
    found = re.search(r"^--(?:default-)?index(?:-url)? (\S+)", outcome.stdout, re.MULTILINE)
    if not found:
        raise EnvironmentSpecError("uv", f"it does not report its default index: {outcome.words}")
    return found.group(1)
