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
        "seconds after which a worker that says nothing is ended; 0 is never",
        "int", 300, servers=BOTH,
    ),
    Option(
        "scoring_timeout_ms", "SCORING_TIMEOUT_MS",
        "milliseconds that one `run()` may take; then 500",
        "int", 3_600_000, servers=BOTH,
    ),
    Option(
        "worker_preload", "WORKER_PRELOAD",
        "load the script once, before the workers are forked; modelship's server always does",
        "switch", False, servers=("azmlinfsrv",),
    ),
    Option(
        "cors_origins", "AML_CORS_ORIGINS",
        "the origins that may read the answers (CORS), with commas between; `*` is all",
        servers=BOTH, shown_default="none",
    ),
    Option(
        "show_version", "SERVER_VERSION_LOG_RESPONSE_ENABLED",
        "answers carry `x-ms-server-version`",
        "switch", True, servers=BOTH,
    ),
    Option(
        "service", "MODELSHIP_SERVICE",
        "the title of `/swagger.json` and `/docs` in place of the model's name; a target gives the "
        "name of the service",
        shown_default="none", on_target=False,
    ),
    Option(
        "service_name", "SERVICE_NAME", "the title of `/swagger.json`; a target says the model's",
        default="ML service", servers=BOTH, on_target=False,
    ),
    Option(
        "service_version", "SERVICE_VERSION", "its version; a target says the model's",
        default="1.0", servers=BOTH, on_target=False,
    ),
    Option(
        "service_path_prefix", "SERVICE_PATH_PREFIX",
        "what stands before the paths in `/swagger.json`, where a proxy adds it",
        servers=BOTH, shown_default="none",
    ),
    Option(
        "strict", "MODELSHIP_STRICT",
        "do as Azure ML's server also where that is plainly wrong, as `--strict`",
        "switch", False,
    ),
    Option(
        "fast_json", "MODELSHIP_FAST_JSON",
        "`json.loads` uses orjson, where it is installed and both read the same",
        "switch", True,
    ),
    Option(
        "x87_precision", "MODELSHIP_X87_PRECISION",
        "without orjson: `json.loads` sets the precision of the x87 unit once for each text, "
        "which is faster on [some machines](../explanation/serving-speed.md)",
        "switch", False,
    ),
    Option(
        "batch_rows", "MODELSHIP_BATCH_ROWS", "the most rows that are scored in one call",
        "int", 1024, least=1,
    ),
    Option(
        "queue", "MODELSHIP_QUEUE",
        "requests that wait in one worker; beyond that, 503 with `Retry-After`",
        "int", 512, least=1,
    ),
    Option(
        "body_mb", "MODELSHIP_BODY_MB", "the largest body in MiB; beyond that, 413",
        "int", None, least=1, shown_default="an eighth of the memory that is left, at most 256",
    ),
    Option(
        "bodies_mb", "MODELSHIP_BODIES_MB",
        "what all bodies that a worker holds may take together in MiB; a larger one beside them "
        "gets 503 with `Retry-After`",
        "int", None, least=1, shown_default="a quarter of the memory that is left, at most 512",
    ),
    Option(
        "connections", "MODELSHIP_CONNECTIONS",
        "connections of one worker; beyond that idle ones end, those first that showed no key",
        "int", 2048, least=1,
    ),
    Option(
        "head_s", "MODELSHIP_HEAD_S", "seconds that the head of a request may take; then 408",
        "int", 10, least=1,
    ),
    Option(
        "body_s", "MODELSHIP_BODY_S",
        "in each span of so many seconds a body has to bring 1 kB for each second; else 408",
        "int", 10, least=1,
    ),
    Option(
        "keep_alive_s", "MODELSHIP_KEEP_ALIVE_S",
        "seconds that a connection may be idle, or leave its answers unread",
        "int", 60, least=1,
    ),
    Option(
        "drain_s", "MODELSHIP_DRAIN_S", "seconds that accepted requests have after `SIGTERM`",
        "int", 30,
    ),
    Option(
        "cpu_cores", "MODELSHIP_CPU_CORES",
        "divided among the workers, they bound the threads of BLAS and OpenMP",
        "float", None, shown_default="those that there are; on a target, the bundle's",
    ),
    Option(
        "memory_mb", "MODELSHIP_MEMORY_MB",
        "the service's memory in MiB, never more than its control group's: a worker that uses nine "
        "tenths of its share is replaced; "
        "0 is without a limit",
        "int", None, shown_default="the control group's limit; on a target, the bundle's",
    ),
    Option(
        "log_format", "MODELSHIP_LOG_FORMAT",
        "`json` writes each line as an object, with the request's id",
        default="text", choices=("text", "json"),
    ),
    Option(
        "log_file", "MODELSHIP_LOG_FILE",
        "the file that standard output goes to; once it is full it is moved to `….1` and begun "
        "anew; the target `process` sets it, for either server",
        on_target=False, shown_default="none",
    ),
    Option(
        "log_mb", "MODELSHIP_LOG_MB", "how large that file may become, in MiB",
        "int", 16, least=1, on_target=False,
    ),
    Option(
        "capture", "MODELSHIP_CAPTURE",
        "a folder, in which [requests that failed](../how-to/capture-and-replay.md) are kept for "
        "`modelship replay`; `capture=` of a Serving",
        on_target=False, shown_default="none",
    ),
    Option(
        "capture_mb", "MODELSHIP_CAPTURE_MB",
        "how much of it in MiB; the oldest make room",
        "int", 64, least=1,
    ),
    Option(
        "capture_body_kb", "MODELSHIP_CAPTURE_BODY_KB",
        "how much of one body in KiB; a request with a larger one cannot be replayed",
        "int", 1024, least=1,
    ),
    Option(
        "keys_file", "MODELSHIP_KEYS_FILE",
        "JSON with `primary` and `secondary`: requests need one of them as `Authorization: "
        "Bearer`; read again when it changes; `auth=` of a Serving",
        on_target=False, shown_default="none",
    ),
    Option(
        "tls_certificate", "MODELSHIP_TLS_CERTIFICATE",
        "a PEM file; with it the server speaks TLS alone",
        on_target=False, shown_default="none",
    ),
    Option(
        "tls_key", "MODELSHIP_TLS_KEY", "the private key of the certificate, a PEM file",
        on_target=False, shown_default="none",
    ),
    Option(
        "sample_file", "MODELSHIP_SAMPLE_FILE",
        "a sample request for `/docs`; a target gives the bundle's",
        on_target=False, shown_default="none",
    ),
    Option(
        "host", "MODELSHIP_HOST",
        "the address to listen on, where no socket is handed over",
        default="0.0.0.0",  # noqa: S104 - as the reference; targets say 127.0.0.1
        on_target=False,
    ),
)  # fmt: skip

OPTIONS: Mapping[str, Option] = {each.name: each for each in _ALL}
"""Every setting, by its name."""
