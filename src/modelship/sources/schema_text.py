"""Format a schema as text, for ``repr()`` and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelship.tables import Schema

__all__ = ["answers", "takes", "text_in_words", "values_in_words"]

_VALUES_SHOWN: Final = 6
_MAX_NAME: Final = 40
_FORMS: Final = {
    "table": ("a table with {} column", ""),
    "objects": ("rows of {} value", " of any kind"),
    "values": ("rows of {} text", ""),
    "records": ("objects of {} key", ""),
    "array": ("rows of {} number", ""),
    "": ("rows of {} value", ""),
}


def takes(schema: Schema) -> str:
    """Return the inputs of a model as text, or ``""`` if they are unknown."""
    if schema.width is None:
        return ""
    counted, rest = _FORMS[schema.form]
    return counted.format(schema.width) + ("" if schema.width == 1 else "s") + rest


def answers(schema: Schema) -> str:
    """Return the outputs of a model as text, or ``""`` if they are unknown."""
    outputs = schema.outputs
    labels = " | ".join(values_in_words(each) for each in outputs.labels)
    told = f"{outputs.task or 'labels'}: {labels}" if labels else outputs.task
    return f"{told}; and probabilities" if outputs.probabilities and told else told


def values_in_words(values: tuple[object, ...]) -> str:
    """Return values as text on one line, truncated if there are many."""
    shown = [text_in_words(each) if isinstance(each, str) else str(each) for each in values]
    more = len(values) - _VALUES_SHOWN
    return ", ".join(shown[:_VALUES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def text_in_words(text: str) -> str:
    """Return a text from a file so that it can be shown on one line."""
    text = text if text.isprintable() and text.strip() == text and text else ascii(text)
    return text if len(text) <= _MAX_NAME else f"{text[: _MAX_NAME - 1]}…"
