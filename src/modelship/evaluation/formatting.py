"""Format the labels and numbers of a report, and the report as text and as JSON values."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from modelship.evaluation.columns import is_missing
from modelship.shown import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modelship.evaluation.report import Report

__all__ = [
    "column_text",
    "document_of",
    "headline_of",
    "is_number",
    "label_text",
    "line_of",
    "number_text",
    "shortened",
    "text_of",
]

_DIGITS: Final = 4  # significant ones
_LEAST: Final = 1e-4  # smaller and larger numbers have an exponent
_MOST: Final = 1e15
_MOST_DECIMALS: Final = 7
_GAP: Final = "\u2013"
_MIDNIGHT: Final = " 00:00:00"
FORMAT: Final = 1


def number_text(value: float) -> str:
    """Return `value` with four significant digits, and all digits before the point."""
    if math.isnan(value):
        return "undefined"
    if 10**_DIGITS <= abs(value) < _MOST:
        return f"{value:.0f}"
    return f"{value:.{_DIGITS}g}"


def label_text(label: object) -> str:
    """Return a label on one line; invisible characters, such as a line break, are escaped."""
    text = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in str(label)
    )
    return text if text.strip() else f'"{text}"'


def shortened(label: object, *, characters: int) -> str:
    """Return `label` as text; a long one keeps its ends, which distinguish labels."""
    text = label_text(label)
    if len(text) <= characters:
        return text
    tail = (characters - 1) // 3
    return f"{text[: characters - 1 - tail]}…{text[len(text) - tail :]}"


def is_number(value: object) -> bool:
    """Return whether `value` is a number to be formatted: a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def column_text(values: Sequence[Any], *, characters: int) -> list[str]:
    """Return the values of one column as texts; its numbers have the same decimals.

    Parameters
    ----------
    values : Sequence of Python values
        The cells; missing ones are a dash.
    characters : int
        The maximum length of a text.
    """
    numbers = [abs(each) for each in values if is_number(each) and math.isfinite(each)]
    form = _number_format(numbers) if any(isinstance(each, float) for each in numbers) else ""
    dates = [each for each in values if isinstance(each, date) and not is_missing(each)]
    midnight = all(str(each).endswith(_MIDNIGHT) for each in dates)
    return [_cell(each, form, midnight=midnight, characters=characters) for each in values]


def _cell(value: Any, form: str, *, midnight: bool, characters: int) -> str:
    if is_missing(value):
        return _GAP
    if is_number(value):
        return f"{value:{form}}"
    text = str(value)
    return shortened(text.removesuffix(_MIDNIGHT) if midnight else text, characters=characters)


def _number_format(numbers: Iterable[float]) -> str:
    """Return one format in which the largest of `numbers`, all positive, has enough digits."""
    sizes = [each for each in numbers if each]
    if all(each == round(each) for each in sizes):
        return ".0f" if max(sizes, default=0) < _MOST else f".{_DIGITS - 1}e"
    largest, smallest = max(sizes), min(sizes)
    if not _LEAST <= largest < _MOST:
        return f".{_DIGITS - 1}e"
    decimals = max(_DIGITS - 1 - _magnitude(largest), -_magnitude(smallest))
    return f".{max(0, min(decimals, _decimals_of(sizes), _MOST_DECIMALS))}f"


def _magnitude(number: float) -> int:
    return math.floor(math.log10(number))


def _decimals_of(numbers: Iterable[float]) -> int:
    """Return the decimals that write all of `numbers` without loss, at most those that fit."""
    exact = (f"{each:.{_MOST_DECIMALS}f}".rstrip("0").partition(".")[2] for each in numbers)
    return max(map(len, exact))


def line_of(report: Report) -> str:
    """Return the headline and the metrics on one line."""
    shown = ", ".join(f"{name}={number_text(value)}" for name, value in report.metrics.items())
    return f"{report.task} of {counted(report.n_samples, 'sample')}: {shown}"


def text_of(report: Report) -> str:
    """Return the headline, followed by a line for each metric."""
    width = max(map(len, report.metrics))
    metrics = (f"  {name:<{width}}  {number_text(value)}" for name, value in report.metrics.items())
    return "\n".join((headline_of(report), *metrics))


def headline_of(report: Report) -> str:
    """Return the subject of the report, such as ``classification of 60 samples, 3 labels``."""
    told = [f"{report.task} of {counted(report.n_samples, 'sample')}"]
    if report.outputs:
        told.append(counted(len(report.outputs), "output"))
    elif report.task == "classification":
        told.append(counted(len(report.labels), "label"))
    if report.task == "classification":
        told.append(f"{len(report.misclassified):,} misclassified")
    return ", ".join(told)


def document_of(report: Report) -> dict[str, Any]:
    """Return the contents of ``Report.to_json``."""
    outputs = [{"name": name, **_measured(each)} for name, each in report.outputs.items()]
    return {
        "modelship_report": FORMAT,
        "task": report.task,
        "n_samples": report.n_samples,
        **_measured(report),
        "outputs": outputs or None,
    }


def _measured(report: Report) -> dict[str, Any]:
    classes = report.task == "classification"
    alone = classes and not report.outputs
    return {
        "metrics": {name: None if math.isnan(v) else v for name, v in report.metrics.items()},
        "labels": report.labels.tolist() if alone else None,
        "confusion_matrix": report.confusion_matrix.tolist() if alone else None,
        "per_class": [vars(row) for row in report.per_class] if alone else None,
        "misclassified": len(report.misclassified) if classes else None,
    }
