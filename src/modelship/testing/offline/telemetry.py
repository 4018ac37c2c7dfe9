"""Where telemetry ends: that of services in Application Insights, and the SDK's own nowhere.

What the SDK sends, if ``azureml-telemetry`` is installed beside it, is taken in and forgotten. What
somebody does offline is nobody's to know; and a sender that is refused keeps it on disk, tries
again, and fills the log.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from modelship.testing.offline.json_exchange import LARGEST_BODY_BYTES, json_response
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.request_guard import Door

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.insights import Insights

__all__ = ["Telemetry"]

_GZIP = 31  # as zlib takes it: a window of 2**15 bytes, with gzip's header


class Telemetry:
    """Answers what Application Insights' collector would.

    The protocol is that of the ``/v2/track`` and ``/v2.1/track`` endpoints:
    https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete

    Parameters
    ----------
    insights : Insights
        Keeps what services send.
    """

    def __init__(self, insights: Insights) -> None:
        self._insights = insights

    def calls(self) -> list[Call]:
        """Return what it answers; a sender has no token, but a key in each of its records."""
        service = "/insights/<service>"
        return [
            Call("telemetry.track", "POST", "/v2/track", self._forget, Door.OPEN),
            Call("telemetry.track-2.1", "POST", "/v2.1/track", self._forget, Door.OPEN),
            Call("insights.track", "POST", f"{service}/v2/track", self._keep, Door.OPEN),
            Call("insights.track-2.1", "POST", f"{service}/v2.1/track", self._keep, Door.OPEN),
        ]

    @staticmethod
    def _forget(request: Request) -> Response:
        return _received(_envelopes(request))

    def _keep(self, request: Request, *, service: str) -> Response:
        found = _envelopes(request)
        self._insights.take(service, found)
        return _received(found)


def _envelopes(request: Request) -> list[Any]:
    """Return the records of a request: a list, or one in each line; other content is one."""
    try:
        text = _plain(request).decode()
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError, OSError, EOFError, zlib.error):
        return [None]
    return found[0] if len(found) == 1 and isinstance(found[0], list) else found


def _plain(request: Request) -> bytes:
    content = request.get_data()
    if request.headers.get("Content-Encoding") != "gzip":
        return content
    unpacking = zlib.decompressobj(wbits=_GZIP)
    return unpacking.decompress(content, LARGEST_BODY_BYTES)


def _received(envelopes: list[Any]) -> Response:
    count = len(envelopes)
    return json_response({"itemsReceived": count, "itemsAccepted": count, "errors": []})
