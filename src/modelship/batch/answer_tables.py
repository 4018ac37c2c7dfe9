"""Read the columns of answers as an Arrow table, of equal columns over several calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from modelship.batch.answer_lists import items_in, marked, of_one_form
from modelship.batch.answer_types import JSON
from modelship.batch.answer_values import array_of_json, joined_arrays, settled, type_of_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["answer_table", "joined_answers", "settled_answers"]


def answer_table(header: Sequence[dict[str, Any]], content: bytes | bytearray) -> pa.Table:
    """Return the columns of one answer.

    A number that is not finite is null, as in the JSON of an online answer. A column of values of
    different types holds texts; one whose type would not say how its values were spelled holds
    them as JSON.

    Parameters
    ----------
    header : sequence of dict
        The name, the dtype and the place of each column, and of which lists it has the items.
    content : bytes
        The values.
    """
    view = memoryview(content)
    arrays = [_array(each, view[each["at"] : each["at"] + each["bytes"]]) for each in header]
    table = pa.table(arrays, names=[each["name"] for each in header])
    widths = {each["list"]: each["width"] for each in header if "list" in each}
    return marked(table, widths) if widths else table


def joined_answers(answers: Iterable[pa.Table]) -> pa.Table:
    """Return the rows of several answers, one after the other.

    The columns are those that one answer to all rows has: of the items of lists if all lists have
    the same length, and of lists otherwise. A column that is missing in some is null there. So are
    the types, and the spelling of values that become texts.
    """
    tables = of_one_form([*answers])
    if len({each.schema for each in tables}) == 1 and not _has_json(tables[0]):
        return pa.concat_tables(tables)
    items = items_in(tables[0].schema)
    names = dict.fromkeys(name for table in tables for name in table.column_names)
    columns = {
        name: joined_arrays([_column(each, name) for each in tables], is_item=name in items)
        for name in names
    }
    return pa.table(columns).replace_schema_metadata(tables[0].schema.metadata)


def settled_answers(answers: pa.Table) -> pa.Table:
    """Return answers as they are written if there are no others."""
    items = items_in(answers.schema)
    columns = {}
    for name, each in zip(answers.column_names, answers.columns, strict=True):
        columns[name] = settled(each, type_of_column(each, is_item=name in items))
    table = pa.table(columns)
    return table.replace_schema_metadata(answers.schema.metadata)


def _array(column: dict[str, Any], part: memoryview) -> pa.Array:
    if column["dtype"] == "json":
        return array_of_json(json.loads(bytes(part)), is_item="list" in column)
    values = np.frombuffer(part, column["dtype"])
    if values.dtype.kind == "f" and not (is_finite := np.isfinite(values)).all():
        return pa.array(values, mask=~is_finite)
    return pa.array(values)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name in table.column_names:
        return table.column(name)
    return pa.chunked_array([pa.nulls(table.num_rows)])


def _has_json(table: pa.Table) -> bool:
    return JSON in table.schema.types
