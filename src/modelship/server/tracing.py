"""Record one OpenTelemetry span per scoring request, if the environment has OpenTelemetry.

Tracing is enabled if the environment names a destination for spans: ``OTEL_EXPORTER_OTLP_ENDPOINT``
(or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``), or Application Insights by a connection string or Azure
ML's variables. A span is created after its request has been answered, with the original times;
names follow OpenTelemetry's semantic conventions for HTTP. It contains no body, header, query or
message.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from . import VERSION
from .exporters import be_brief, destinations, refused
from .logs import logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .http_contract import HttpAnswer, Request
    from .settings import Settings

__all__ = ["Tracing", "load"]

_CLOSING_S = 3.0
_SERVER_ERROR = 500
_RUN_MS = re.compile(rb"x-ms-run-fn-exec-ms: ([\d.]+)")
_RUN_FAILED = b"x-ms-run-function-failed: True"
# The cause's line is the end of a multi-line message, which may be confidential.
_TYPE = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt|Iteration|Warning)(?=:|$)")


def load(environ: Mapping[str, str]) -> None:
    """Import the modules that the workers need; before the fork, so that they share them."""
    logger.info("Starting up app insights client")  # tools look for this line of the reference
    for each in destinations(environ):
        with suppress(Exception):  # each worker will log it
            each.find()


class Tracing:
    """An observer of the service that creates spans of its requests.

    Parameters
    ----------
    exporters : sequence of opentelemetry.sdk.trace.export.SpanExporter
        The destinations of the spans.
    resource : mapping of str to str
        The resource attributes of the spans.
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

        # Not the global one, which belongs to the script.
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
        """Return the tracing that the environment configures; None without a usable one."""
        found = [*destinations(environ)]
        if not found:
            return None
        be_brief()
        made = [each.exporter() for each in found]
        exporters = [each for each in made if each is not None]
        if not exporters:
            return None
        resource = _resource(environ, settings)
        try:
            return Tracing(
                exporters, resource=resource, scheme="https" if settings.certificate else "http"
            )
        except Exception as error:  # noqa: BLE001 - a service that cannot trace can still answer
            refused("opentelemetry-sdk", error, variables="OTEL_...")
            return None

    def note(self, request: Request, answer: HttpAnswer, duration_s: float) -> None:
        """Create the span of a request."""
        end_ns = time.time_ns()
        span = self._tracer.start_span(
            f"{request.method} {request.path}",
            context=self._parent(request.fields, getter=self._fields),
            kind=self._server,
            start_time=end_ns - int(duration_s * 1e9),
        )
        if span.is_recording():
            span.set_attributes(self._attributes(request, answer))
            found = _TYPE.match(answer.cause)
            kind = found[0] if found else ""
            if kind:
                span.add_event("exception", {"exception.type": kind}, timestamp=end_ns)
            if answer.status >= _SERVER_ERROR:
                span.set_attribute("error.type", kind or str(answer.status))
                span.set_status(self._error)
        span.end(end_time=end_ns)

    def close(self) -> None:
        """Send pending spans, within a few seconds: an unresponsive destination blocks nothing."""
        thread = threading.Thread(target=self._provider.shutdown, daemon=True)
        thread.start()
        thread.join(_CLOSING_S)

    def _attributes(
        self, request: Request, answer: HttpAnswer
    ) -> dict[str, str | int | float | bool]:
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


def _resource(environ: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """Return the resource attributes, except those that the environment sets."""
    told = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    found = {"service.version": settings.service_version, "service.name": settings.service_name}
    if environ.get("OTEL_SERVICE_NAME"):
        del found["service.name"]
    return {name: value for name, value in found.items() if f"{name}=" not in told}
