"""Format a schema for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.sources.schema_text import text_in_words, values_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.tables import Column, Schema

__all__ = ["column_lines"]

_COLUMNS_SHOWN: Final = 20


def column_lines(schema: Schema) -> Iterator[str]:
    """Yield a line for each column about which something is known, long lists folded."""
    known = [
        (text_in_words(each.name or str(at)), _facts(each))
        for at, each in enumerate(schema.columns)
    ]
    shown = known[:_COLUMNS_SHOWN]
    width = max((len(name) for name, _ in shown), default=0)
    for name, facts in shown:
        yield f"  {name:<{width}}  {facts}".rstrip()
    if len(known) > len(shown):
        yield f"  and {len(known) - len(shown)} more columns, which --json shows"


def _facts(column: Column) -> str:
    values = f": {values_in_words(column.categories)}" if column.categories else ""
    gaps = {True: ", may be missing", False: ", never missing", None: ""}[column.missing]
    return f"{column.kind or 'not known'}{values}{gaps}"
