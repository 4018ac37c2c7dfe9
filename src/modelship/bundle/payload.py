"""Serialize a Python value as a request body, by the rule of :mod:`modelship.tables.plain`."""

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

    A DataFrame by itself goes as ``{"data": records}``; see :mod:`modelship.tables.plain` for all
    else.

    Raises
    ------
    TypeError, ValueError
        If a part of it has no JSON form; the message names its type.
    """
    return json.dumps(to_plain({"data": payload} if is_frame(payload) else payload))


def payload_of(rows: object, *, key: str | None, form: str | None) -> dict[str, Any]:
    """Return rows as a service takes them.

    Parameters
    ----------
    rows : DataFrame, array, sparse matrix or list
        The rows.
    key : str, optional
        The key under which a request holds its rows; ``"data"`` if left out.
    form : {"records", "rows"}, optional
        What the rows of a DataFrame become: objects by column, as by default, or lists.
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
    """Return a sample request as JSON; the order of its keys stays.

    Raises
    ------
    SampleInputError
        If it cannot be written so.
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
    """Return the value of a sample request; NaN is one, since Azure ML's server reads it.

    Raises
    ------
    DocumentError
        If it is not JSON, or nested more than 100 deep.
    """
    return parse(text, finite=False, most_digits=_MOST_DIGITS)
