"""List all settings: names, variables, units, ranges, defaults, and the servers that have each.

The server reads its settings with this table, targets check ``server_options=`` against it, and a
test compares the page docs/reference/scoring-server.md with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .setting_values import Option

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OPTIONS", "Option"]

BOTH = ("azmlinfsrv", "modelship")

_ALL = (
    Option(
        "workers", "WORKER_COUNT", "processes that run the script; `workers=` of a Serving",
        "int", 1, least=1, servers=BOTH, on_target=False,
    ),
    Option(
        "worker_timeout_s", "WORKER_TIMEOUT",
        "seconds after which an unresponsive worker is ended; 0 disables this",
        "int", 300, servers=BOTH,
    ),
    Option(
        "scoring_timeout_ms", "SCORING_TIMEOUT_MS",
        "the time limit of one `run()` in milliseconds; beyond that, 500",
        "int", 3_600_000, servers=BOTH,
    ),
    Option(
        "worker_preload", "WORKER_PRELOAD",
        "load the script once, before the workers are forked; modelship's server always does",
        "switch", False, servers=("azmlinfsrv",),
    ),
    Option(
        "cors_origins", "AML_CORS_ORIGINS",
        "the origins that may read the answers (CORS), separated by commas; `*` allows all",
        servers=BOTH, shown_default="none",
    ),
    Option(
        "show_version", "SERVER_VERSION_LOG_RESPONSE_ENABLED",
        "answers carry `x-ms-server-version`",
        "switch", True, servers=BOTH,
    ),
    Option(
        "service", "MODELSHIP_SERVICE",
        "the title of `/swagger.json` and `/docs` instead of the model's name; targets set it to "
        "the service's name",
        shown_default="none", on_target=False,
    ),
    Option(
        "service_name", "SERVICE_NAME",
        "the title of `/swagger.json`; targets set it to the model's",
        default="ML service", servers=BOTH, on_target=False,
    ),
    Option(
        "service_version", "SERVICE_VERSION", "its version; targets set it to the model's",
        default="1.0", servers=BOTH, on_target=False,
    ),
    Option(
        "service_path_prefix", "SERVICE_PATH_PREFIX",
        "the prefix of the paths in `/swagger.json`, if a proxy adds one",
        servers=BOTH, shown_default="none",
    ),
    Option(
        "strict", "MODELSHIP_STRICT",
        "behave like Azure ML's server even where it is clearly wrong, as with `--strict`",
        "switch", False,
    ),
    Option(
        "fast_json", "MODELSHIP_FAST_JSON",
        "`json.loads` uses orjson, if it is installed, wherever the results are equal",
        "switch", True,
    ),
    Option(
        "x87_precision", "MODELSHIP_X87_PRECISION",
        "without orjson: `json.loads` sets the precision of the x87 unit once per text, "
        "which is faster on [some machines](../explanation/serving-speed.md)",
        "switch", False,
    ),
    Option(
        "batch_rows", "MODELSHIP_BATCH_ROWS", "the maximum number of rows in one call",
        "int", 1024, least=1,
    ),
    Option(
        "queue", "MODELSHIP_QUEUE",
        "waiting requests per worker; beyond that, 503 with `Retry-After`",
        "int", 512, least=1,
    ),
    Option(
        "body_mb", "MODELSHIP_BODY_MB", "the largest body in MiB; beyond that, 413",
        "int", None, least=1, shown_default="an eighth of the remaining memory, at most 256",
    ),
    Option(
        "bodies_mb", "MODELSHIP_BODIES_MB",
        "the total size of all bodies in a worker in MiB; a body that exceeds it gets 503 with "
        "`Retry-After`",
        "int", None, least=1, shown_default="a quarter of the remaining memory, at most 512",
    ),
    Option(
        "connections", "MODELSHIP_CONNECTIONS",
        "connections per worker; beyond that, idle ones are closed, first those that sent no key",
        "int", 2048, least=1,
    ),
    Option(
        "head_s", "MODELSHIP_HEAD_S",
        "the time limit of a request's head in seconds; beyond that, 408",
        "int", 10, least=1,
    ),
    Option(
        "body_s", "MODELSHIP_BODY_S",
        "the interval in seconds over which a body must average 1 kB per second; otherwise 408",
        "int", 10, least=1,
    ),
    Option(
        "keep_alive_s", "MODELSHIP_KEEP_ALIVE_S",
        "seconds that a connection may be idle, or not read its answers",
        "int", 60, least=1,
    ),
    Option(
        "drain_s", "MODELSHIP_DRAIN_S",
        "the time limit of accepted requests after `SIGTERM`, in seconds",
        "int", 30,
    ),
    Option(
        "cpu_cores", "MODELSHIP_CPU_CORES",
        "cores for all workers; each worker's share limits its BLAS and OpenMP threads",
        "float", None, shown_default="all cores; on a target, the bundle's",
    ),
    Option(
        "memory_mb", "MODELSHIP_MEMORY_MB",
        "the service's memory in MiB, at most that of its control group; a worker that uses nine "
        "tenths of its share is replaced; 0 means no limit",
        "int", None, shown_default="the control group's limit; on a target, the bundle's",
    ),
    Option(
        "log_format", "MODELSHIP_LOG_FORMAT",
        "`json` writes each line as an object, with the request id",
        default="text", choices=("text", "json"),
    ),
    Option(
        "log_file", "MODELSHIP_LOG_FILE",
        "the file for standard output; when it is full, it is renamed to `….1` and a new one is "
        "started; the target `process` sets it, for either server",
        on_target=False, shown_default="none",
    ),
    Option(
        "log_mb", "MODELSHIP_LOG_MB", "the maximum size of that file in MiB",
        "int", 16, least=1, on_target=False,
    ),
    Option(
        "capture", "MODELSHIP_CAPTURE",
        "a folder where [failed requests](../how-to/capture-and-replay.md) are stored for "
        "`modelship replay`; `capture=` of a Serving",
        on_target=False, shown_default="none",
    ),
    Option(
        "capture_mb", "MODELSHIP_CAPTURE_MB",
        "the maximum size of that folder in MiB; the oldest requests are removed",
        "int", 64, least=1,
    ),
    Option(
        "capture_body_kb", "MODELSHIP_CAPTURE_BODY_KB",
        "the stored part of a body in KiB; a request with a larger body cannot be replayed",
        "int", 1024, least=1,
    ),
    Option(
        "keys_file", "MODELSHIP_KEYS_FILE",
        "a JSON file with `primary` and `secondary`: requests need one of them as `Authorization: "
        "Bearer`; reloaded when it changes; `auth=` of a Serving",
        on_target=False, shown_default="none",
    ),
    Option(
        "tls_certificate", "MODELSHIP_TLS_CERTIFICATE",
        "a PEM file; enables TLS, and disables plain HTTP",
        on_target=False, shown_default="none",
    ),
    Option(
        "tls_key", "MODELSHIP_TLS_KEY", "the private key of the certificate, a PEM file",
        on_target=False, shown_default="none",
    ),
    Option(
        "sample_file", "MODELSHIP_SAMPLE_FILE",
        "a sample request for `/docs`; targets set it to the bundle's",
        on_target=False, shown_default="none",
    ),
    Option(
        "host", "MODELSHIP_HOST",
        "the address to listen on, if no socket is passed in",
        default="0.0.0.0",  # noqa: S104 - as the reference; targets say 127.0.0.1
        on_target=False,
    ),
)  # fmt: skip

OPTIONS: Mapping[str, Option] = {each.name: each for each in _ALL}
"""All settings, by name."""
