"""Traces: one span for each scoring request, by OpenTelemetry, where an environment has it.

It is on where the environment says where spans go: ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or
``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``), or Application Insights by a connection string or Azure
ML's variables. A span is made when its request has been answered, with the times that it had; names
follow OpenTelemetry's semantic conventions for HTTP. No body, header, query or message is in it.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import VERSION
from .logs import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .contract import Answer, Request
    from .settings import Settings

__all__ = ["Tracing", "load"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_OTLP_PACKAGE = "opentelemetry-exporter-otlp-proto-http"
_AZURE_PACKAGE = "azure-monitor-opentelemetry-exporter"
_EXPORTERS = ("opentelemetry", "azure.monitor")
"""The loggers of those that send spans."""
_MISSING = "No traces are sent: there is no %s. Add %s to the bundle's environment."
_REFUSED = "No traces are sent: %s does not take its settings (%s)."
_TELL_EVERY_S = 60.0
_CLOSING_S = 3.0
_SERVER_ERROR = 500
_RUN_MS = re.compile(rb"x-ms-run-fn-exec-ms: ([\d.]+)")
_RUN_FAILED = b"x-ms-run-function-failed: True"


def load(environ: Mapping[str, str]) -> None:
    """Import what the workers will need; before they are forked, so that they share it."""
    for each in _destinations(environ):
        with suppress(Exception):  # each worker will say it
            each.find()


class Tracing:
    """An observer of the service, which makes spans of its requests.

    Parameters
    ----------
    exporters : sequence of opentelemetry.sdk.trace.export.SpanExporter
        Where the spans go.
    resource : mapping of str to str
        What the spans say of the service.
    scheme : str
        ``"http"`` or ``"https"``.
    """

    def __init__(
        self, exporters: Sequence[Any], *, resource: Mapping[str, str], scheme: str
    ) -> None:
        from opentelemetry import propagate
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode

        # Not the global one: that is the script's to set.
        self._provider = TracerProvider(
            resource=Resource.create({**resource}), shutdown_on_exit=False
        )
        for each in exporters:
            self._provider.add_span_processor(BatchSpanProcessor(each))
        self._tracer = self._provider.get_tracer("modelship", VERSION)
        self._parent = propagate.extract
        self._fields: Any = _Fields()
        self._server = SpanKind.SERVER
        self._error = Status(StatusCode.ERROR)
        self._scheme = scheme

    @staticmethod
    def from_environment(environ: Mapping[str, str], settings: Settings) -> Tracing | None:
        """Return what traces as the environment says; None if it says nothing, or it cannot be."""
        made = [each.exporter() for each in _destinations(environ)]
        exporters = [each for each in made if each is not None]
        if not exporters:
            return None
        _be_brief()
        return Tracing(
            exporters,
            resource=_resource(environ, settings),
            scheme="https" if settings.certificate else "http",
        )

    def note(self, request: Request, answer: Answer, duration_s: float) -> None:
        """Make the span of a request."""
        end_ns = time.time_ns()
        span = self._tracer.start_span(
            f"{request.method} {request.path}",
            context=self._parent(request.fields, getter=self._fields),
            kind=self._server,
            start_time=end_ns - int(duration_s * 1e9),
        )
        if span.is_recording():
            span.set_attributes(self._attributes(request, answer))
            kind = answer.cause.partition(":")[0]
            if kind:
                span.add_event("exception", {"exception.type": kind}, timestamp=end_ns)
            if answer.status >= _SERVER_ERROR:
                span.set_attribute("error.type", kind or str(answer.status))
                span.set_status(self._error)
        span.end(end_time=end_ns)

    def close(self) -> None:
        """Send what waits, within a few seconds: one that does not answer holds nothing up."""
        thread = threading.Thread(target=self._provider.shutdown, daemon=True)
        thread.start()
        thread.join(_CLOSING_S)

    def _attributes(self, request: Request, answer: Answer) -> dict[str, str | int | float | bool]:
        found: dict[str, str | int | float | bool] = {
            "http.request.method": request.method,
            "http.response.status_code": answer.status,
            "http.route": request.path,
            "url.path": request.path,
            "url.scheme": self._scheme,
            "network.protocol.version": request.version,
            "modelship.request_id": request.identities.request_id.decode("latin-1"),
            "modelship.run_failed": _RUN_FAILED in answer.head,
        }
        if request.client:
            found["client.address"] = request.client[0]
        if run_ms := _RUN_MS.search(answer.head):
            found["modelship.run_ms"] = float(run_ms[1])
        if agent := request.fields.get(b"user-agent"):
            found["user_agent.original"] = agent.decode("latin-1")
        return found


class _Fields:
    """How OpenTelemetry's propagators read the headers of a request."""

    def get(self, carrier: dict[bytes, bytes], key: str) -> list[str] | None:
        value = carrier.get(key.lower().encode())
        return None if value is None else [value.decode("latin-1")]

    def keys(self, carrier: dict[bytes, bytes]) -> list[str]:
        return [each.decode("latin-1") for each in carrier]


@dataclass(frozen=True)
class _Destination:
    """Where spans go.

    Parameters
    ----------
    package : str
        The distribution that its exporter is in.
    find : callable
        Imports the exporter's class, and returns it.
    options : mapping
        What that is made with; may hold a secret.
    """

    package: str
    find: Callable[[], Any]
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def exporter(self) -> Any:
        """Return the exporter; None, with a line in the log, if there can be none."""
        try:
            return self.find()(**self.options)
        except ImportError as error:
            logger.warning(_MISSING, error.name, self.package)
        except Exception as error:  # noqa: BLE001 - its message may hold what it was given
            logger.warning(_REFUSED, self.package, type(error).__name__)
        return None


def _destinations(environ: Mapping[str, str]) -> Iterator[_Destination]:
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    if any(environ.get(name) for name in _ENDPOINTS):
        # It reads its own variables: endpoint, headers, certificates, timeout.
        yield _Destination(_OTLP_PACKAGE, _otlp_exporter)
    connection = environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING", "")
    key = environ.get("AML_APP_INSIGHTS_KEY", "")
    if key and not connection and environ.get("AML_APP_INSIGHTS_ENABLED") == "true":
        connection = f"InstrumentationKey={key}"
    if connection:
        # Else it keeps what it cannot send in files, and never removes their folder.
        options = {"connection_string": connection, "disable_offline_storage": True}
        yield _Destination(_AZURE_PACKAGE, _azure_exporter, options)


def _otlp_exporter() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter


def _azure_exporter() -> Any:
    from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter

    return AzureMonitorTraceExporter


def _resource(environ: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """Return what the spans say of the service, where the environment does not say it itself."""
    told = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    found = {"service.version": settings.service_version, "service.name": settings.service_name}
    if environ.get("OTEL_SERVICE_NAME"):
        del found["service.name"]
    return {name: value for name, value in found.items() if f"{name}=" not in told}


class _Brief(logging.Handler):
    """Says now and then that spans do not arrive; exporters say it for each attempt, at length."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told_s = -_TELL_EVERY_S

    def emit(self, record: logging.LogRecord) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            logger.warning("Traces may be lost: %s complains.", record.name)


def _be_brief() -> None:
    handler = _Brief()
    for name in _EXPORTERS:
        own = logging.getLogger(name)
        own.handlers = [handler]
        own.propagate = False
