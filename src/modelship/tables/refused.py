"""Refused: a request does not fit the schema; an answer with the status 400 that says why."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["Refused"]


class Refused(ValueError):  # noqa: N818 - it carries an answer, and is the caller's error
    """A request does not fit the schema; the text names the column, the row and what is right."""

    def response(self) -> Any:
        """Return the answer that Azure ML's server and modelship's send: 400, and why."""
        from azureml.contrib.services.aml_response import AMLResponse  # both servers bring it

        body = json.dumps({"message": str(self)})
        return AMLResponse(body, 400, {"Content-Type": "application/json"})
