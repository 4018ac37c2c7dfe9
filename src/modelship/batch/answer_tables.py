"""Read the columns of answers as an Arrow table, of equal columns over several calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from modelship.batch.answer_lists import marked, of_one_form
from modelship.batch.answer_types import as_texts, joined_types

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["answer_table", "array_of_json", "joined_answers"]


def answer_table(header: Sequence[dict[str, Any]], content: bytes | bytearray) -> pa.Table:
    """Return the columns of one answer.

    A number that is not finite is null, as in the JSON of an online answer. A column of values of
    different types holds texts.

    Parameters
    ----------
    header : sequence of dict
        The name, the dtype and the place of each column, and of which lists it has the items.
    content : bytes
        The values.
    """
    view = memoryview(content)
    parts = [view[each["at"] : each["at"] + each["bytes"]] for each in header]
    arrays = [_array(each["dtype"], part) for each, part in zip(header, parts, strict=True)]
    table = pa.table(arrays, names=[each["name"] for each in header])
    widths = {each["list"]: each["width"] for each in header if "list" in each}
    return marked(table, widths) if widths else table


def joined_answers(answers: Iterable[pa.Table]) -> pa.Table:
    """Return the rows of several answers, one after the other.

    The columns are those that one answer to all rows has: of the items of lists if all lists have
    the same length, and of lists otherwise. A column that is missing in some is null there.
    Integers and floats are floats together; other types that differ are texts.
    """
    return joined_types(of_one_form([*answers]))


def _array(dtype: str, part: memoryview) -> pa.Array:
    if dtype == "json":
        return array_of_json(json.loads(bytes(part)))
    values = np.frombuffer(part, dtype)
    if values.dtype.kind == "f" and not (is_finite := np.isfinite(values)).all():
        return pa.array(values, mask=~is_finite)
    return pa.array(values)


def array_of_json(values: list[Any]) -> pa.Array:
    """Return JSON values as an array; if they have different types, texts."""
    kinds = {type(each) for each in values} - {type(None)}
    if len(kinds) > 1 and kinds != {int, float}:  # pyarrow would convert true to 1
        return pa.array(as_texts(values), pa.string())
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        if kinds <= {int, float}:  # integers beyond 64 bits
            return pa.array([None if each is None else float(each) for each in values])
        return pa.array(as_texts(values), pa.string())
