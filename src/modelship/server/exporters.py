"""Configure the trace exporters that the environment selects and has installed.

A missing or invalid setting is one line in the log, and the service continues. No line quotes the
settings or messages of an exporter: they may contain a key.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .logs import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Destination", "be_brief", "destinations", "refused"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_OTLP_PACKAGE = "opentelemetry-exporter-otlp-proto-http"
_AZURE_PACKAGE = "azure-monitor-opentelemetry-exporter"
_LOGGERS = ("opentelemetry", "azure.monitor")
"""The loggers of the exporters."""
_MISSING = "No traces are sent: there is no %s. Add %s to the bundle's environment."
_UNFIT = "No traces are sent: %s is incompatible with the other packages: %s."
_REFUSED = "No traces are sent: %s does not take its settings (%s); look at the variables %s."
_LOST = "Traces may be lost: %s complains%s."
_TELL_EVERY_S = 60.0
_STATUSES = range(100, 600)
_LEFT_OUT = (
    # It would send telemetry to Microsoft before it is created: if the connection is dropped
    # silently, as in many virtual networks, no worker would be ready for minutes.
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
    # It would look for the global provider, which is the script's, and log warnings forever.
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED",
)


@dataclass(frozen=True)
class Destination:
    """A place that spans are sent to.

    Parameters
    ----------
    package : str
        The distribution that contains its exporter.
    variables : str
        The setting that selects it.
    find : callable
        Imports and returns the exporter's class.
    options : mapping
        The arguments of the class; may contain a secret.
    """

    package: str
    variables: str
    find: Callable[[], Any]
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def exporter(self) -> Any:
        """Create the exporter; None, with a line in the log, if that is not possible."""
        try:
            return self.find()(**self.options)
        except ModuleNotFoundError as error:
            logger.warning(_MISSING, error.name, self.package)
        except ImportError as error:
            logger.warning(_UNFIT, self.package, error.msg)
        except Exception as error:  # noqa: BLE001 - its message may hold what it was given
            refused(self.package, error, variables=self.variables)
        return None


def destinations(environ: Mapping[str, str]) -> Iterator[Destination]:
    """Return the destinations that the environment selects: none, one or two."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    if environ.get("OTEL_TRACES_EXPORTER") == "none":
        return
    if any(environ.get(name) for name in _ENDPOINTS):
        # It reads its own variables: endpoint, headers, certificates, timeout.
        yield Destination(_OTLP_PACKAGE, "OTEL_...", _otlp_exporter)
    connection = environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING", "")
    key = environ.get("AML_APP_INSIGHTS_KEY", "")
    if key and not connection and environ.get("AML_APP_INSIGHTS_ENABLED") == "true":
        connection = f"InstrumentationKey={key}"
    if connection:
        # Otherwise it keeps unsent spans in files, and never removes their folder.
        options = {"connection_string": connection, "disable_offline_storage": True}
        variables = "APPLICATIONINSIGHTS_..."
        yield Destination(_AZURE_PACKAGE, variables, _azure_exporter, options)


def _otlp_exporter() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter


def _azure_exporter() -> Any:
    for name in _LEFT_OUT:
        os.environ.setdefault(name, "true")
    from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter

    return AzureMonitorTraceExporter


class _Brief(logging.Handler):
    """Logs now and then that spans do not arrive; exporters log it for each attempt, at length."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told_s = -_TELL_EVERY_S

    def emit(self, record: logging.LogRecord) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            logger.warning(_LOST, record.name, _reason(record))


def _reason(record: logging.LogRecord) -> str:
    """Return the part of a log record without secrets: an exception's type, or an HTTP status."""
    if record.exc_info and record.exc_info[0]:
        return f" ({record.exc_info[0].__name__})"
    for each in record.args if isinstance(record.args, tuple) else ():
        if isinstance(each, Exception):
            return f" ({type(each).__name__})"
        if isinstance(each, int) and each in _STATUSES:
            return f" ({each})"
    return ""


def be_brief() -> None:
    """Limit the log output of exporters; call before creating them, since they log headers."""
    handler = _Brief()
    for name in _LOGGERS:
        own = logging.getLogger(name)
        own.handlers = [handler]
        own.propagate = False


def refused(package: str, error: Exception, *, variables: str) -> None:
    """Log that a package rejects the environment's settings, without quoting them."""
    logger.warning(_REFUSED, package, type(error).__name__, variables)
