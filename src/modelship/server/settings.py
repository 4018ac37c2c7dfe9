"""Read settings from the command line, the environment and the configuration file, in this order.

Names and defaults are those of Azure ML's inference server 1.5; settings that it does not have are
named ``MODELSHIP_…``. The variables that a script may read are exported to the environment.
"""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from . import arguments
from .options import OPTIONS
from .worker_memory import memory_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Settings"]

_SCRIPT_FAILS = 3
# The fields of Settings that hold the value of one option, some under another name.
_WORDS = {
    **{each: each for each in ("host", "service", "service_name", "service_version")},
    **{each: each for each in ("sample_file", "keys_file")},
    "path_prefix": "service_path_prefix",
    "certificate": "tls_certificate",
    "private_key": "tls_key",
    "capture_folder": "capture",
}
_SWITCHES = ("fast_json", "x87_precision")
_COUNTS = (
    *("workers", "scoring_timeout_ms", "batch_rows", "queue", "connections"),
    *("keep_alive_s", "head_s", "body_s", "drain_s"),
)
_BYTES = {
    "body_bytes": ("body_mb", 2**20),
    "bodies_bytes": ("bodies_mb", 2**20),
    "capture_bytes": ("capture_mb", 2**20),
    "capture_body_bytes": ("capture_body_kb", 2**10),
}


@dataclass(frozen=True)
class Settings:
    """The settings of a server.

    Parameters
    ----------
    entry_script : str
        The path of the scoring script, absolute or below `app_root`.
    app_root : Path
        The folder of the bundle; it is on the script's import path.
    source_directory : str
        Another folder for the script's import path, below `app_root`; empty if there is none.
    host : str
        The address to listen on.
    port : int
        The port to listen on, 1 to 65535.
    health_port : int, optional
        A second port with the same routes.
    workers : int
        The number of processes that run the script.
    scoring_timeout_ms : int
        The timeout of run().
    worker_timeout_s : float
        The time after which an unresponsive worker is killed.
    strict : bool
        Behave like Azure ML's server even where that is clearly wrong.
    fast_json : bool
        Parse JSON with orjson wherever the result equals the standard library's.
    x87_precision : bool
        Set the precision of the x87 unit once per JSON text.
    batch_rows : int
        The maximum number of rows that are scored together.
    queue : int
        The maximum number of requests queued in one worker.
    body_bytes : int
        The maximum size of a body; 0 to derive it from the memory.
    bodies_bytes : int
        The maximum size of all bodies in one worker together; 0 to derive it from the memory.
    connections : int
        The maximum number of connections of one worker.
    keep_alive_s, head_s : float
        The timeouts of an idle connection, and of a request's head.
    body_s : float
        The interval in which a body must receive at least 1 kB per second on average.
    drain_s : float
        The time for accepted requests to finish, once the server is shutting down.
    cores : float
        The cores that the service may use; limits the threads of each worker.
    memory_bytes : int
        The memory that the service may use; 0 if unknown.
    server_version : str
        The value of the response's version header; empty for none.
    origins : tuple[str, ...]
        The origins that CORS allows.
    service : str
        The name that the service was deployed under; empty if there is none.
    service_name, service_version, path_prefix : str
        The fields of the service's description.
    sample_file : str
        The file with the bundle's sample request, for the page.
    keys_file : str
        The file with the keys that requests need; empty if they need none.
    certificate, private_key : str
        PEM files; with them the server uses TLS.
    json_logs : bool
        Write each log line as JSON.
    capture_folder : str
        The folder for failed requests; empty if they are not saved.
    capture_bytes, capture_body_bytes : int
        The maximum size of all saved requests, and of one body.
    notices : tuple[str, ...]
        The lines about the settings to log at start.
    """

    entry_script: str
    app_root: Path
    source_directory: str
    host: str
    port: int
    health_port: int | None
    workers: int
    scoring_timeout_ms: int
    worker_timeout_s: float
    strict: bool
    fast_json: bool
    x87_precision: bool
    batch_rows: int
    queue: int
    body_bytes: int
    bodies_bytes: int
    connections: int
    keep_alive_s: float
    head_s: float
    body_s: float
    drain_s: float
    cores: float
    memory_bytes: int
    server_version: str
    origins: tuple[str, ...]
    service: str
    service_name: str
    service_version: str
    path_prefix: str
    sample_file: str
    keys_file: str
    certificate: str
    private_key: str
    json_logs: bool
    capture_folder: str
    capture_bytes: int
    capture_body_bytes: int
    notices: tuple[str, ...] = ()

    @staticmethod
    def read(command_line: Sequence[str], *, program: str) -> Settings:
        """Read the settings, and export the variables that a script may read.

        An invalid setting ends the process with exit code 1 and an error message.

        Parameters
        ----------
        command_line : sequence of str
            The arguments.
        program : str
            The command before the arguments, as typed by the user.
        """
        told = arguments.parse(command_line, program=program)
        notices = arguments.publish(told)
        look = _Lookup(os.environ, _config_file())
        return Settings(
            entry_script=_entry_script(look),
            app_root=Path(os.environ["AML_APP_ROOT"]),
            source_directory=look.text("AZUREML_SOURCE_DIRECTORY"),
            port=int(os.environ["SERVER_PORT"]),
            health_port=_health_port(),
            worker_timeout_s=look.count("worker_timeout_s") or math.inf,
            strict=told.strict or look.switch("strict"),
            cores=float(look.value("cpu_cores", unless=_cores())),
            memory_bytes=_memory(look),
            server_version=os.environ.get(arguments.VERSION_HEADER, ""),
            origins=_origins(),
            json_logs=look.words("log_format") == "json",
            notices=notices,
            **look.as_given(),
        )

    @property
    def threads(self) -> int:
        """The number of threads for the numeric libraries of one worker."""
        return max(1, int(self.cores) // self.workers)


@dataclass(frozen=True)
class _Lookup:
    """Looks up a setting: the environment takes precedence over the configuration file."""

    environ: Mapping[str, str]
    config: Mapping[str, object]

    @overload
    def text(self, name: str) -> str: ...
    @overload
    def text(self, name: str, default: None) -> str | None: ...
    def text(self, name: str, default: str | None = "") -> str | None:
        found = self.environ.get(name, self.config.get(name))
        return default if found is None else str(found)

    def value(self, name: str, *, unless: float = 0) -> float | bool | str:
        """Return the value of an option; `unless` is the default if it has none."""
        option = OPTIONS[name]
        found = self.text(option.variable, None)
        is_empty = found == "" and option.variable.startswith("MODELSHIP_")
        if found is None or is_empty:
            return unless if option.default is None else option.default
        try:
            return option.parse(found)
        except ValueError:
            # The reference detects this when it loads the script, and exits with that code.
            code = _SCRIPT_FAILS if name == "scoring_timeout_ms" else 1
            expected = "1 or 0" if option.kind == "switch" else option.expected
            problem = f"{option.variable} is {found!r}; it must be {expected}."
            arguments.refuse(problem, code=code)

    def as_given(self) -> dict[str, Any]:
        """Return the settings with the value of one option each, in the unit of the field."""
        return {
            **{field: self.words(option) for field, option in _WORDS.items()},
            **{field: self.switch(field) for field in _SWITCHES},
            **{field: self.count(field) for field in _COUNTS},
            **{field: self.count(option) * unit for field, (option, unit) in _BYTES.items()},
        }

    def words(self, name: str) -> str:
        return str(self.value(name))

    def switch(self, name: str) -> bool:
        return bool(self.value(name))

    def count(self, name: str) -> int:
        return int(self.value(name))


def _entry_script(look: _Lookup) -> str:
    """Return the scoring script; without one, the process exits."""
    script = look.text("AZUREML_ENTRY_SCRIPT")
    if not script:
        file = os.environ["AZUREML_CONFIG_FILE"]
        has = "has no AZUREML_ENTRY_SCRIPT" if Path(file).is_file() else "is not there"
        arguments.refuse(f"The configuration file {file} {has}.")
    return script


def _origins() -> tuple[str, ...]:
    """Return the origins that CORS allows; the reference does not read them from its file."""
    given = os.environ.get("AML_CORS_ORIGINS", "").split(",")
    return tuple(each.strip() for each in given if each.strip())


def _health_port() -> int | None:
    if os.environ.get("SEPERATE_HEALTH_ENDPOINT") != "true":  # the reference's spelling
        return None
    return int(os.environ["HEALTH_PORT"])


def _config_file() -> Mapping[str, object]:
    """Return the content of the configuration file, which may be missing."""
    environ = os.environ
    folders = [environ["AML_APP_ROOT"]]
    if "AZUREML_ENTRY_SCRIPT" in environ:
        folders.append(os.path.dirname(os.path.abspath(environ["AZUREML_ENTRY_SCRIPT"])))  # noqa: PTH100, PTH120 - as the reference reads it
    files = [environ.get("AZUREML_CONFIG_FILE", "")]
    for file in map(Path, [*files, *(f"{folder}/config.json" for folder in folders)]):
        if file.is_file() and file.stat().st_size:
            try:
                found = json.loads(file.read_bytes())
            except ValueError as error:
                sys.stderr.write(f"Invalid config file!: {file}: {error}\n")
                raise SystemExit(3) from error
            return found if isinstance(found, dict) else {}
    return {}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory(look: _Lookup) -> int:
    """Return the bytes that the service may use: the setting, or its control group's limit."""
    limit = memory_limit()
    told = int(look.value("memory_mb", unless=limit // 2**20)) * 2**20
    return min(told, limit) if limit else told
