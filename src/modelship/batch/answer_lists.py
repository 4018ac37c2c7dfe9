"""Join columns of lists: whether they are flat must not depend on which rows were called together.

If all lists of a call have one length, the scorer returns a column for each of their items. Such
columns are marked in the metadata of their table, by the name and the length of the lists. Where
other calls have other lengths, or values that are not lists, they become a column of lists again.
"""

from __future__ import annotations

import json
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from modelship.batch.answer_types import JSON, list_of
from modelship.batch.answer_values import array_of_json, joined_arrays, values_of
from modelship.batch.scorer.item_names import item_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["items_in", "marked", "of_one_form", "widths_of", "with_lists"]

_KEY = b"modelship.lists"


def marked(table: pa.Table, widths: Mapping[str, int]) -> pa.Table:
    """Return a table that has the items of lists with these names and lengths as columns."""
    return table.replace_schema_metadata({_KEY: json.dumps(widths)} if widths else None)


def widths_of(schema: pa.Schema) -> dict[str, int]:
    """Return the length of lists, by their name, whose items are columns of a table."""
    found: dict[str, int] = json.loads((schema.metadata or {}).get(_KEY, b"{}"))
    return found


def items_in(schema: pa.Schema) -> set[str]:
    """Return the names of the columns that have items of lists."""
    return {name for each in widths_of(schema).items() for name in item_names(*each)}


def of_one_form(tables: Sequence[pa.Table]) -> Sequence[pa.Table]:
    """Return answers of which each has the same lists as columns of their items."""
    if len({(each.schema.metadata or {}).get(_KEY) for each in tables}) <= 1:
        return tables
    widths = [widths_of(each.schema) for each in tables]
    first, *others = [{*each.items()} for each in widths]
    flat = dict(first.intersection(*others))
    return [
        with_lists(table, each.keys() - flat.keys())
        for table, each in zip(tables, widths, strict=True)
    ]


def with_lists(table: pa.Table, names: Iterable[str]) -> pa.Table:
    """Return a table with columns of lists in place of those of their items."""
    return reduce(_with_list, sorted(names), table)


def _with_list(table: pa.Table, name: str) -> pa.Table:
    widths = widths_of(table.schema)
    names = item_names(name, widths.pop(name))
    at = table.column_names.index(names[0])
    lists = _lists(table.select(names).columns)
    table = table.drop_columns(names).add_column(at, name, lists)
    return marked(table, widths)


def _lists(items: Sequence[pa.ChunkedArray]) -> Any:
    """Return the lists of items, from a column for each position."""
    kinds = {each.type for each in items} - {pa.null()}
    if len(kinds) > 1 or JSON in kinds or not _are_plain(next(iter(kinds), pa.null())):
        lists = zip(*map(values_of, items), strict=True)
        return array_of_json([[*each] for each in lists])
    width, rows = len(items), len(items[0])
    values = joined_arrays(items).combine_chunks()
    order = np.arange(width * rows).reshape(width, rows).T.ravel()
    offsets = pa.array(np.arange(rows + 1) * width, pa.int32())
    return pa.ListArray.from_arrays(offsets, values.take(pa.array(order)))


def _are_plain(kind: pa.DataType) -> bool:
    """Return whether lists of values of a type are one array with the values of all."""
    return list_of(kind) is not None and not pa.types.is_nested(kind)
