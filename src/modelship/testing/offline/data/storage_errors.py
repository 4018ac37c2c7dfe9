"""Errors in the shape of Azure Storage."""

from __future__ import annotations

from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from modelship.testing.offline.exchange import RefusalError

__all__ = ["StorageRefusalError"]


class StorageRefusalError(RefusalError):
    """An error of the storage services: its body is XML, and its code a header field too."""

    def response(self) -> Response:
        text = f"<Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message>"
        return Response(
            f'<?xml version="1.0" encoding="utf-8"?><Error>{text}</Error>',
            status=self.status,
            mimetype="application/xml",
            headers={"x-ms-error-code": self.code},
        )
