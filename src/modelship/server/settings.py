"""Settings: from the command line, the environment, and the configuration file, in this order.

Names and defaults are those of Azure ML's inference server 1.5; what it does not know is named
``MODELSHIP_…``. What a script may look up in its environment is put there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from . import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Settings"]

_MOST_PORTS = 65535
_TRUE = frozenset({"1", "true", "yes", "on"})
_VERSION_HEADER = "HTTP_X_MS_SERVER_VERSION"


@dataclass(frozen=True)
class Settings:
    """What a server was told.

    Parameters
    ----------
    entry_script : str
        The path of the scoring script, absolute or below `app_root`.
    app_root : Path
        The folder of the bundle; it is on the script's path.
    source_directory : str
        Another folder for the script's path, below `app_root`; empty if there is none.
    host : str
        The address to listen on.
    port : int
        The port to listen on, 1 to 65535.
    health_port : int, optional
        A second port with the same routes.
    workers : int
        How many processes run the script.
    scoring_timeout_ms : int
        How long run() may take.
    worker_timeout_s : float
        How long a worker that says nothing is left alive.
    strict : bool
        Do as Azure ML's server does even where that is plainly wrong.
    fast_json : bool
        Let orjson serve the script's json.loads.
    batch_rows : int
        The most rows that are scored together.
    queue : int
        The most requests that wait in one worker.
    body_bytes : int
        The largest body.
    bodies_bytes : int
        How much all bodies that one worker holds may take together.
    keep_alive_s, head_s : float
        How long a connection may be idle, and a request's head may take.
    drain_s : float
        How long the requests that were accepted have, once the server is told to end.
    cores : float
        The cores that the service may use; bounds the threads of each worker.
    memory_bytes : int
        The memory that the service may use; 0 if that is not known.
    server_version : str
        What the answer's header tells; empty if it tells nothing.
    origins : tuple[str, ...]
        The origins that CORS lets in.
    service_name, service_version, path_prefix : str
        What the service's description says.
    sample_file : str
        The bundle's sample request, for the page.
    keys_file : str
        The keys that requests need; empty if they need none.
    certificate, private_key : str
        PEM files; with them the server speaks TLS.
    json_logs : bool
        Write each line of the log as JSON.
    capture_folder : str
        Where requests that failed are kept; empty if they are not.
    capture_bytes, capture_body_bytes : int
        The most that is kept of all of them, and of one body.
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
    batch_rows: int
    queue: int
    body_bytes: int
    bodies_bytes: int
    keep_alive_s: float
    head_s: float
    drain_s: float
    cores: float
    memory_bytes: int
    server_version: str
    origins: tuple[str, ...]
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

    @staticmethod
    def read(arguments: Sequence[str]) -> Settings:
        """Read the settings, and put into the environment what a script may look up there.

        A setting that cannot be ends the process with exit code 1, and says what is wrong.
        """
        told = _parser().parse_args(arguments)
        if not (told.entry_script or told.config_file):
            _refuse("Give the scoring script with --entry_script, or --config_file.")
        _publish(told)
        look = _Lookup(os.environ, _config_file())
        script = look.text("AZUREML_ENTRY_SCRIPT")
        if not script:
            _refuse("The configuration file has no AZUREML_ENTRY_SCRIPT.")
        return Settings(
            entry_script=script,
            app_root=Path(os.environ["AML_APP_ROOT"]),
            source_directory=look.text("AZUREML_SOURCE_DIRECTORY"),
            host=look.text("MODELSHIP_HOST", "0.0.0.0"),  # noqa: S104 - as the reference; targets say 127.0.0.1
            port=int(os.environ["SERVER_PORT"]),
            health_port=_health_port(told),
            workers=look.number("WORKER_COUNT", 1, least=1),
            scoring_timeout_ms=look.number("SCORING_TIMEOUT_MS", 3_600_000, code=3),
            worker_timeout_s=look.number("WORKER_TIMEOUT", 300),
            strict=told.strict or look.switch("MODELSHIP_STRICT"),
            fast_json=look.switch("MODELSHIP_FAST_JSON"),
            batch_rows=look.number("MODELSHIP_BATCH_ROWS", 1024, least=1),
            queue=look.number("MODELSHIP_QUEUE", 512, least=1),
            body_bytes=look.number("MODELSHIP_BODY_MB", 256, least=1) * 2**20,
            bodies_bytes=look.number("MODELSHIP_BODIES_MB", 512, least=1) * 2**20,
            keep_alive_s=look.number("MODELSHIP_KEEP_ALIVE_S", 60, least=1),
            head_s=look.number("MODELSHIP_HEAD_S", 10, least=1),
            drain_s=look.number("MODELSHIP_DRAIN_S", 30, least=0),
            cores=look.real("MODELSHIP_CPU_CORES", _cores()),
            memory_bytes=look.number("MODELSHIP_MEMORY_MB", _memory_limit() // 2**20) * 2**20,
            server_version=os.environ.get(_VERSION_HEADER, ""),
            origins=_origins(),
            service_name=look.text("SERVICE_NAME", "ML service"),
            service_version=look.text("SERVICE_VERSION", "1.0"),
            path_prefix=look.text("SERVICE_PATH_PREFIX"),
            sample_file=look.text("MODELSHIP_SAMPLE_FILE"),
            keys_file=look.text("MODELSHIP_KEYS_FILE"),
            certificate=look.text("MODELSHIP_TLS_CERTIFICATE"),
            private_key=look.text("MODELSHIP_TLS_KEY"),
            json_logs=look.text("MODELSHIP_LOG_FORMAT", "text") == "json",
            capture_folder=look.text("MODELSHIP_CAPTURE"),
            capture_bytes=look.number("MODELSHIP_CAPTURE_MB", 64, least=1) * 2**20,
            capture_body_bytes=look.number("MODELSHIP_CAPTURE_BODY_KB", 1024, least=1) * 1024,
        )

    @property
    def threads(self) -> int:
        """The threads that the numeric libraries of one worker may use."""
        return max(1, int(self.cores) // self.workers)


@dataclass(frozen=True)
class _Lookup:
    """Looks a setting up: the environment comes before the configuration file."""

    environ: Mapping[str, str]
    config: Mapping[str, object]

    def text(self, name: str, default: str = "") -> str:
        found = self.environ.get(name)
        return str(self.config.get(name, default)) if found is None else found

    def switch(self, name: str) -> bool:
        return self.text(name).lower() in _TRUE

    def number(self, name: str, default: int, *, least: int = 0, code: int = 1) -> int:
        return int(self._checked(name, default, int, least=least, code=code))

    def real(self, name: str, default: float) -> float:
        return float(self._checked(name, default, float, least=0))

    def _checked(
        self,
        name: str,
        default: float,
        kind: Callable[[str], float],
        *,
        least: float,
        code: int = 1,
    ) -> float:
        found = self.text(name, str(default))
        try:
            value = kind(found)
        except ValueError:
            value = least - 1
        if value < least:
            _refuse(f"{name} is {found!r}; it has to be a number of {least} or more.", code=code)
        return value


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_help()
        _refuse(message)


def _refuse(problem: str, *, code: int = 1) -> NoReturn:
    sys.stderr.write(f"{problem}\n")
    raise SystemExit(code)


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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="modelship_server", description="Serves a scoring script.")
    parser.add_argument("--entry_script", help="the path of the scoring script")
    parser.add_argument("--model_dir", help="the model's folder, as AZUREML_MODEL_DIR")
    parser.add_argument("--port", type=_port, help="the port to listen on (5001)")
    parser.add_argument("--health_port", type=_port, help="a second port")
    parser.add_argument("--worker_count", type=_count, help="processes that run the script (1)")
    parser.add_argument("--appinsights_instrumentation_key", help="where traces go")
    parser.add_argument("--access_control_allow_origins", help="origins for CORS, with commas")
    parser.add_argument("--config_file", help="a JSON file with settings by their variables' names")
    parser.add_argument("--strict", action="store_true", help="do just as Azure ML's server")
    return parser


def _publish(told: argparse.Namespace) -> None:
    """Put into the environment what Azure ML's server puts there."""
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
    environ["SERVER_SOFTWARE"] = f"modelship/{VERSION}"
    environ["SERVER_PORT"] = str(told.port or 5001)
    environ.setdefault("HEALTH_PORT", environ["SERVER_PORT"])
    if told.access_control_allow_origins is not None:
        environ["AML_CORS_ORIGINS"] = told.access_control_allow_origins
    if told.appinsights_instrumentation_key is not None:
        environ["AML_APP_INSIGHTS_ENABLED"] = "true"
        environ["AML_APP_INSIGHTS_KEY"] = told.appinsights_instrumentation_key
    if environ.get("AML_APP_INSIGHTS_ENABLED") != "true" or "AML_APP_INSIGHTS_KEY" not in environ:
        environ["AML_APP_INSIGHTS_ENABLED"] = "false"
    if environ.get("SERVER_VERSION_LOG_RESPONSE_ENABLED", "true").lower() == "true":
        environ[_VERSION_HEADER] = f"modelship/{VERSION}"


def _origins() -> tuple[str, ...]:
    """Return the origins that CORS lets in; the reference does not ask its file for them."""
    given = os.environ.get("AML_CORS_ORIGINS", "").split(",")
    return tuple(each.strip() for each in given if each.strip())


def _health_port(told: argparse.Namespace) -> int | None:
    if os.environ.get("SEPERATE_HEALTH_ENDPOINT") != "true":  # spelled so by the reference
        return None
    return told.health_port or 5000


def _config_file() -> Mapping[str, object]:
    """Return what the configuration file says; it need not be there."""
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


def _memory_limit() -> int:
    """Return the bytes of memory that this control group may use; 0 if it has no limit."""
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = int(Path(file).read_text())
        except (OSError, ValueError):  # "max", or another kind of control group
            continue
        return limit if limit < 2**60 else 0
    return 0
