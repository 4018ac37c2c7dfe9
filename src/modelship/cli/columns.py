"""A schema in the words of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.tables import Column, Schema

__all__ = ["answers", "column_lines", "takes"]

_COLUMNS_SHOWN: Final = 20
_VALUES_SHOWN: Final = 6
_MAX_NAME: Final = 40
_FORMS: Final = {
    "table": "a table with {} columns",
    "objects": "rows of {} values of several kinds",
    "array": "rows of {} numbers",
    "": "rows of {} values",
}


def takes(schema: Schema) -> str:
    """Return what a model takes, or ``""`` if nothing is known of it."""
    return "" if schema.width is None else _FORMS[schema.form].format(schema.width)


def answers(schema: Schema) -> str:
    """Return what a model answers, or ``""`` if nothing is known of it."""
    outputs = schema.outputs
    labels = " | ".join(_values(each) for each in outputs.labels)
    told = f"{outputs.task or 'labels'}: {labels}" if labels else outputs.task
    return f"{told}; and probabilities" if outputs.probabilities and told else told


def column_lines(schema: Schema) -> Iterator[str]:
    """Yield a line for each column of which something is known, long lists folded."""
    known = [(_name(each.name or str(at)), _facts(each)) for at, each in enumerate(schema.columns)]
    shown = known[:_COLUMNS_SHOWN]
    width = max((len(name) for name, _ in shown), default=0)
    for name, facts in shown:
        yield f"  {name:<{width}}  {facts}".rstrip()
    if len(known) > len(shown):
        yield f"  and {len(known) - len(shown)} more columns, which --json shows"


def _facts(column: Column) -> str:
    values = f": {_values(column.categories)}" if column.categories else ""
    gaps = {True: ", may be missing", False: ", never missing", None: ""}[column.missing]
    return f"{column.kind or 'not known'}{values}{gaps}"


def _values(values: tuple[object, ...]) -> str:
    shown = [_name(each) if isinstance(each, str) else str(each) for each in values]
    more = len(values) - _VALUES_SHOWN
    return ", ".join(shown[:_VALUES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _name(text: str) -> str:
    """Return a text of a file as it can be shown in one line."""
    text = text if text.isprintable() and text.strip() == text and text else ascii(text)
    return text if len(text) <= _MAX_NAME else f"{text[: _MAX_NAME - 1]}…"
