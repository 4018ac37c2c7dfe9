"""Serialize a Python value as a request body, with the rules of :mod:`modelship.tables.plain`."""

from __future__ import annotations

import json
from typing import Any

from modelship.documents import parse
from modelship.errors import SampleInputError
from modelship.tables import to_plain
from modelship.tables.plain import is_frame, lists_of

__all__ = ["as_sample", "form_of", "parse_sample", "payload_of", "to_json"]

_MOST_DIGITS = 4000


def to_json(payload: object) -> str:
    """Return `payload` as the JSON text of a request.

    A DataFrame that is the whole payload becomes ``{"data": records}``;
    :mod:`modelship.tables.plain` defines the rest.

    Raises
    ------
    TypeError, ValueError
        If a part of it is not JSON serializable; the message names its type.
    """
    return json.dumps(to_plain({"data": payload} if is_frame(payload) else payload))


def payload_of(rows: object, *, key: str | None, form: str | None) -> dict[str, Any]:
    """Return rows in the form that a service accepts.

    Parameters
    ----------
    rows : DataFrame, array, sparse matrix or list
        The rows.
    key : str, optional
        The key of the rows in the request; ``"data"`` if omitted.
    form : {"records", "rows"}, optional
        The form of the rows of a DataFrame: objects by column (the default), or lists.
    """
    found = lists_of(rows) if form == "rows" and is_frame(rows) else to_plain(rows)
    return {key or "data": found}


def form_of(rows: object) -> str | None:
    """Return whether rows are ``"records"`` or ``"rows"`` of a table; None if neither."""
    first = rows[0] if isinstance(rows, list) and rows else None
    if isinstance(first, dict):
        return "records"
    return "rows" if isinstance(first, list) else None


def as_sample(sample: object) -> str | None:
    """Return a sample request as JSON, with its keys in the original order.

    Raises
    ------
    SampleInputError
        If it is not JSON serializable.
    """
    if sample is None:
        return None
    try:
        text = to_json(sample)
        parse_sample(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise SampleInputError(problem=str(error)) from error
    return text


def parse_sample(text: str) -> Any:
    """Return the value of a sample request; NaN is valid, since Azure ML's server accepts it.

    Raises
    ------
    DocumentError
        If it is not JSON, or is nested more than 100 levels deep.
    """
    return parse(text, finite=False, most_digits=_MOST_DIGITS)
