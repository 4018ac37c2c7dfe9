"""Where the SDK's telemetry ends, if ``azureml-telemetry`` is installed beside it.

It is taken in and forgotten. What somebody does offline is nobody's to know; and a sender that is
refused keeps it on disk, tries again, and fills the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.testing.offline.app import Call
from modelship.testing.offline.exchange import RefusalError, json_response, json_value
from modelship.testing.offline.guard import Door

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

__all__ = ["Telemetry"]


class Telemetry:
    """Answers what Application Insights' collector would, and keeps nothing.

    The protocol is that of the ``/v2/track`` and ``/v2.1/track`` endpoints:
    https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
    """

    def calls(self) -> list[Call]:
        """Return what it answers; a sender has no token, but a key in each of its records."""
        return [
            Call("telemetry.track", "POST", "/v2/track", self._track, Door.OPEN),
            Call("telemetry.track-2.1", "POST", "/v2.1/track", self._track, Door.OPEN),
        ]

    @staticmethod
    def _track(request: Request) -> Response:
        try:
            records = json_value(request)
        except RefusalError:
            records = None
        sent = len(records) if isinstance(records, list) else 1
        return json_response({"itemsReceived": sent, "itemsAccepted": sent, "errors": []})
