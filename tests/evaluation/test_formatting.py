"""Formats: numbers that can be compared, labels that can be distinguished."""

from __future__ import annotations

import pandas as pd
import pytest

from modelship.evaluation.formatting import column_text, label_text, number_text, shortened


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([85000, 97012.34], ["85000", "97012"]),
        ([85000.0, 97012.0], ["85000", "97012"]),
        ([1, 2, 30], ["1", "2", "30"]),
        ([0.5, 0.25], ["0.50", "0.25"]),
        ([1 / 3, 12.5, -0.001], ["0.333", "12.500", "-0.001"]),
        ([4.9e11 + 0.5, 2.0], ["490000000000", "2"]),
        ([2e-6, 3.5e-9], ["2.000e-06", "3.500e-09"]),
        ([1e300, 1.0], ["1.000e+300", "1.000e+00"]),
        ([0.0, float("nan"), None, float("inf")], ["0", "\u2013", "\u2013", "inf"]),
        ([True, False, pd.NA, pd.NaT], ["True", "False", "\u2013", "\u2013"]),
        ([pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-02")], ["2024-05-01", "2024-05-02"]),
        (
            [pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-02 09:00")],
            ["2024-05-01 00:00:00", "2024-05-02 09:00:00"],
        ),
        (["a\nb", ""], ["a\\nb", '""']),
        ([], []),
    ],
)
def test_column_has_one_format(values, texts):
    """The largest number has four digits, each other one the same decimals."""
    assert column_text(values, characters=40) == texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (97012.3, "97012"),
        (0.96, "0.96"),
        (1, "1"),
        (-123456.7, "-123457"),
        (float("nan"), "undefined"),
    ],
)
def test_metric_has_no_needless_exponent(value, text):
    """A metric has four significant digits, and what stands before its point is whole."""
    assert number_text(value) == text


def test_labels_that_cannot_be_seen_are_written_out():
    """Empty, blank, broken and reversed texts are distinguished; letters stay letters."""
    labels = ["", " ", "a\tb", "\u202eabc", "\ud800", "Größe", "日本"]
    texts = ['""', '" "', "a\\tb", "\\u202eabc", "\\ud800", "Größe", "日本"]
    assert [*map(label_text, labels)] == texts == [*map(label_text, texts)]


def test_shortened_labels_keep_both_ends():
    """A long label is cut in its middle, to the length that was asked for."""
    assert shortened("x" * 30 + "1", characters=10) == "xxxxxx…xx1"
    assert shortened("x" * 10, characters=10) == "x" * 10
