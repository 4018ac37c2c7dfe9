"""Application Insights of a workspace: the telemetry of services, in a file of its folder.

A service with ``enable_app_insights`` gets an instrumentation key and an address to send to: the
workspace itself. The server's own exporter sends the same to it as to Azure: output, requests and
exceptions.

Telemetry of the SDK itself, sent if ``azureml-telemetry`` is installed too, is accepted and
discarded: a refused sender stores it on disk, retries, and fills the log.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
import zlib
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import LARGEST_BODY_BYTES
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.request_guard import Door
from modelship.testing.offline.service_documents import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from werkzeug.wrappers import Request

    from modelship.testing.offline.offline_context import Context

__all__ = ["Insights", "InsightsRecord"]

_open: Final = partial(answers, door=Door.OPEN)  # a sender has no token, but a key in each record
_FILE: Final = "app-insights.jsonl"
_GZIP: Final = 31  # the zlib parameter: a window of 2**15 bytes, with a gzip header
_MOST_BYTES: Final = 16 << 20
# By their table names in Application Insights: the field with the message.
_TABLES: Final = {
    "MessageData": ("traces", "message"),
    "RequestData": ("requests", "name"),
    "ExceptionData": ("exceptions", ""),
    "RemoteDependencyData": ("dependencies", "name"),
    "EventData": ("customEvents", "name"),
}
_NOT_REACHED: Final = (
    "Not simulated: enable_app_insights: a container cannot reach the workspace on 127.0.0.1, so "
    "nothing is sent. With compute='process' it is stored."
)


@dataclass(frozen=True)
class InsightsRecord:
    """One record that a service has sent to Application Insights.

    Parameters
    ----------
    table : str
        The table in Azure: ``"traces"`` (printed output), ``"requests"``, ``"exceptions"``,
        ``"dependencies"`` or ``"customEvents"``.
    time : str
        When it was created, in ISO 8601.
    service : str
        The name of the service.
    text : str
        The printed line, the path of the request, or the message of the exception.
    fields : Mapping[str, Any]
        Further fields that Application Insights keeps, such as ``responseCode``, ``duration`` and
        ``properties``.
    """

    table: str
    time: str
    service: str
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class Insights(Part):
    """Receives and stores the telemetry of services.

    The protocol is that of the ``/v2/track`` and ``/v2.1/track`` endpoints of its collector:
    https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        # Containers cannot reach the workspace, which is on loopback.
        self._is_reached = context.compute == "process"
        self.path = context.store.folder / _FILE
        self._key = str(uuid.UUID(hex=self._identity.key_for("application insights")[:32]))
        self._endpoint = f"http://127.0.0.1:{self._identity.ports['http']}/insights"
        self._writing = threading.Lock()

    def remarks(self, document: Mapping[str, Any]) -> list[str]:
        """Return lines for the log of a service about where its telemetry goes."""
        if not document["appInsightsEnabled"]:
            return []
        if self._is_reached:
            return [f"enable_app_insights: the telemetry is stored in {self.path}"]
        return [_NOT_REACHED]

    def variables(self, document: Mapping[str, Any]) -> dict[str, str]:
        """Return the environment variables for the server of a service."""
        if not (self._is_reached and document["appInsightsEnabled"]):
            return {}
        service = key_of(document)
        return {
            "AML_APP_INSIGHTS_ENABLED": "true",
            "AML_APP_INSIGHTS_KEY": self._key,
            "APPLICATIONINSIGHTS_CONNECTION_STRING": (
                f"InstrumentationKey={self._key};IngestionEndpoint={self._endpoint}/{service}"
            ),
            # Otherwise it sends usage statistics to Microsoft.
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "SERVICE_NAME": service,
            "WORKSPACE_NAME": self._identity.workspace_name,
        }

    def take(self, service: str, envelopes: Iterable[Any]) -> None:
        """Store the records with the key of this workspace."""
        ours = (
            each for each in envelopes if isinstance(each, dict) and each.get("iKey") == self._key
        )
        found = [record for each in ours for record in _records(service, each)]
        lines = "".join(f"{json.dumps(asdict(record))}\n" for record in found)
        with self._writing:
            if self.path.exists() and self.path.stat().st_size > _MOST_BYTES:
                self.path.replace(self.path.with_name(f"{_FILE}.1"))
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(file, "a", encoding="utf-8") as stream:
                stream.write(lines)

    @_open("telemetry.track", "POST", "/v2/track")
    @_open("telemetry.track-2.1", "POST", "/v2.1/track")
    @_open("insights.track", "POST", "/insights/<service>/v2/track")
    @_open("insights.track-2.1", "POST", "/insights/<service>/v2.1/track")
    def _track(self, request: Request, service: str = "") -> dict[str, Any]:
        """Store the telemetry of a service; accept, and forget, that of the SDK itself."""
        found = _envelopes(request)
        if service:
            self.take(service, found)
        count = len(found)
        return {"itemsReceived": count, "itemsAccepted": count, "errors": []}

    def records(self) -> tuple[InsightsRecord, ...]:
        """Return the records, oldest first; about the newest 16 MiB."""
        with self._writing:
            files = [
                path for path in (self.path.with_name(f"{_FILE}.1"), self.path) if path.exists()
            ]
            lines = [line for path in files for line in path.read_text("utf-8").splitlines()]
        return tuple(InsightsRecord(**json.loads(line)) for line in lines)


def _records(service: str, envelope: Mapping[str, Any]) -> Iterator[InsightsRecord]:
    """Yield the record of one envelope; nothing if its kind has no table."""
    data = envelope.get("data")
    kind = data.get("baseType") if isinstance(data, dict) else None
    content = data.get("baseData") if isinstance(data, dict) else None
    if kind not in _TABLES or not isinstance(content, dict):
        return
    table, name = _TABLES[kind]
    fields = {key: value for key, value in content.items() if key not in {name, "ver"}}
    properties = content.get("properties")
    given = properties.get(name) if isinstance(properties, dict) else None
    text = str(content.get(name) or given or "") if name else _message(content)
    yield InsightsRecord(table, str(envelope.get("time") or moment()), service, text, fields)


def _message(content: Mapping[str, Any]) -> str:
    listed = content.get("exceptions")
    first = listed[0] if isinstance(listed, list) and listed else {}
    return str(first.get("message", "")) if isinstance(first, dict) else ""


def _envelopes(request: Request) -> list[Any]:
    """Return the records of a request: a list, or one per line; any other content is one."""
    try:
        content = request.get_data()
        if request.headers.get("Content-Encoding") == "gzip":
            content = zlib.decompressobj(wbits=_GZIP).decompress(content, LARGEST_BODY_BYTES)
        text = content.decode()
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError, OSError, EOFError, zlib.error):
        return [None]
    return found[0] if len(found) == 1 and isinstance(found[0], list) else found
