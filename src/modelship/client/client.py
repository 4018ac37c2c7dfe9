"""Define Client: call a service by its address."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from modelship.bundle.payload import payload_of
from modelship.errors import InvalidOptionError, PredictionError
from modelship.evaluation.predictions import decode_answer
from modelship.targets.describing import ServiceDescription
from modelship.targets.http_scoring import score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.tables import Schema

__all__ = ["Client"]

_NO_PROBABILITIES = "the service answers with no probabilities"
_DEPLOY_WITH_THEM = "Deploy its bundle with output='proba', if the model has predict_proba."


class Client:
    """A client of one service, wherever it runs.

    Parameters
    ----------
    uri : str
        Its scoring URI, or the address without ``/score``.
    key : str, optional
        A key of the service, sent as ``Authorization: Bearer``; error messages never contain it.
    timeout_s : float
        The timeout in seconds for a complete response.

    Raises
    ------
    InvalidOptionError
        If the URI's scheme is not http or https.

    Examples
    --------
    >>> client = Client("http://127.0.0.1:5001/score")
    >>> client.predict([{"zone": "n", "age": 30}])  # doctest: +SKIP
    ['yes']
    """

    def __init__(self, uri: str, *, key: str | None = None, timeout_s: float = 60.0) -> None:
        self.scoring_uri = _scoring_uri(uri)
        self.timeout_s = timeout_s
        self._key = key

    def __repr__(self) -> str:
        return f"Client({self.scoring_uri!r})"

    @cached_property
    def _description(self) -> ServiceDescription:
        return ServiceDescription.read(self.scoring_uri, key=self._key, timeout_s=self.timeout_s)

    @property
    def schema(self) -> Schema:
        """The columns that the service takes and what it answers, from its own description.

        It is requested once. A service without a description has the schema ``Schema()``.

        Raises
        ------
        ScoringError
            If the service does not answer.
        """
        return self._description.schema

    def predict(self, rows: Any) -> list[Any]:
        """Return one prediction for each row.

        Parameters
        ----------
        rows : DataFrame, array, or list of records or rows
            The input of the model, with n rows.

        Returns
        -------
        list of length n
            Labels or numbers; lists of them if the model has several outputs.

        Raises
        ------
        ScoringRequestError
            If the service fails, or rejects the rows; its message is included.
        ScoringTimeoutError, ServiceUnreachableError, InvalidPayloadError
            If there was no response, or the request could not be sent.
        PredictionError
            If the response contains no predictions.
        """
        return list(decode_answer(self._answer(rows)).values)

    def predict_proba(self, rows: Any) -> list[Any]:
        """Return the probability of each class for each row; `rows` is as in :meth:`predict`.

        Returns
        -------
        list of length n
            For each row, a dict from class to probability, between 0 and 1; for a model with
            several outputs, a list of such dicts.

        Raises
        ------
        PredictionError
            If the response contains no probabilities.
        ScoringError
            The same as in :meth:`predict`.
        """
        found = decode_answer(self._answer(rows))
        if found.probabilities is None or found.classes is None:
            raise PredictionError(problem=_NO_PROBABILITIES, advice=_DEPLOY_WITH_THEM)
        if any(isinstance(each, list) for each in found.classes):
            outputs = zip(found.classes, found.probabilities, strict=True)
            by_output = [_by_class(classes, table) for classes, table in outputs]
            return [list(row) for row in zip(*by_output, strict=True)]
        return _by_class(found.classes, found.probabilities)

    def run(self, payload: Any) -> Any:
        """Send a request unchanged, and return the decoded response.

        Parameters
        ----------
        payload : JSON value, array, str or bytes
            A str or bytes is sent as the body; anything else is serialized as JSON.
        """
        return score(self.scoring_uri, payload, timeout_s=self.timeout_s, key=self._key)

    def _answer(self, rows: Any) -> Any:
        description = self._description
        return self.run(payload_of(rows, key=description.key, form=description.form))


def _by_class(classes: Sequence[Any], table: Sequence[Any]) -> list[dict[Any, float]]:
    """Return each row of probabilities as a dict from class to probability."""
    return [dict(zip(classes, row, strict=True)) for row in table]


def _scoring_uri(uri: str) -> str:
    parts = urlsplit(uri if isinstance(uri, str) else "")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidOptionError("uri", uri, "the URI of a service, such as http://host:port/score")
    path = parts.path.rstrip("/")
    path = path if path.endswith("/score") else f"{path}/score"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
