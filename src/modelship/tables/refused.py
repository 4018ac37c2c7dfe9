"""Define Refused: the request does not fit the schema; answered with the status 400."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["Refused"]

_LONGEST = 2000  # characters; the request's text in a message may be as long as that


class Refused(ValueError):  # noqa: N818 - it carries an answer, and is the caller's error
    """A request does not fit the schema; the text names the column, the row and what is right.

    Attributes
    ----------
    status : int
        The HTTP status of the answer: 400, or 415 for a format that this service cannot read.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message if len(message) <= _LONGEST else f"{message[: _LONGEST - 1]}…")
        self.status = status

    def response(self) -> Any:
        """Return the answer that Azure ML's server and modelship's send: 400, with the reason.

        Raises
        ------
        Refused
            This error itself, if neither server is present: run() was called directly.
        """
        message = {"message": str(self)}
        try:
            from azureml.contrib.services.aml_response import plain_response  # modelship's
        except ImportError:
            return self._of_reference(message)
        return plain_response(message, self.status)

    def _of_reference(self, message: dict[str, str]) -> Any:
        try:
            from azureml.contrib.services.aml_response import AMLResponse
        except ImportError:
            raise self from None
        headers = {"Content-Type": "application/json"}
        return AMLResponse(json.dumps(message), self.status, headers)
