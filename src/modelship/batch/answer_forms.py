"""Return the form of answers: their columns, and which of these have items of lists.

It is in the manifest, so it is known which outputs differ in their form without reading one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from modelship.batch.answer_kinds import kind_noted
from modelship.batch.answer_lists import widths_of
from modelship.batch.manifest import AnswerColumn
from modelship.batch.scorer.item_names import item_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

__all__ = ["Form", "answer_columns", "common_form", "form_names", "form_of"]

Form: TypeAlias = "tuple[tuple[str, int], ...]"
"""The names of columns of answers, each with the length of its lists, as in AnswerColumn."""


def answer_columns(table: pa.Table) -> tuple[AnswerColumn, ...]:
    """Return what the manifest says of answers."""
    lists = {item_names(*each)[0]: each for each in widths_of(table.schema).items()}
    names = table.column_names
    found, at = [], 0
    while at < len(names):
        name, width = lists.get(names[at], (names[at], 0))
        columns = table.columns[at : at + max(width, 1)]
        types = tuple(kind_noted(each, is_item=width > 0).text for each in columns)
        found.append(AnswerColumn(name, types if len(set(types)) > 1 else types[:1], width))
        at += len(types)
    return tuple(found)


def form_of(columns: Iterable[AnswerColumn]) -> Form:
    """Return the form of answers."""
    return tuple((each.name, each.width) for each in columns)


def form_names(form: Form) -> list[str]:
    """Return the names of the columns of a form."""
    return [each for name, width in form for each in (item_names(name, width) if width else [name])]


def common_form(forms: Sequence[Form]) -> Form:
    """Return the form of all answers together: of lists, unless all have one length."""
    widths: dict[str, set[int]] = {}
    for each in forms:
        for name, width in each:
            widths.setdefault(name, set()).add(width)
    for name, found in widths.items():
        if len(found) > 1 or not all(name in dict(each) for each in forms):
            widths[name] = {0}
    return tuple((name, min(found)) for name, found in widths.items())
