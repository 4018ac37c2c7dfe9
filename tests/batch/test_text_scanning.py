"""Rows of text are found wherever the text is cut."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.batch.row_files.text_scanning import RowScanner, spans

TEXTS = st.text(st.sampled_from('a1,\n\r" '), max_size=40).map(str.encode)


def rows_one_by_one(text, delimiter=b","):
    """Return the rows of a text, read byte by byte."""
    rows, row, state = [], b"", "start"
    for at in range(len(text)):
        byte = text[at : at + 1]
        if state != "inside" and byte in b"\r\n":
            rows, row, state = ([*rows, row] if row else rows), b"", "start"
            continue
        row += byte
        if byte == b'"' and state in {"start", "closed"}:
            state = "inside"
        elif byte == b'"' and state == "inside":
            state = "closed"
        elif state != "inside":
            state = "start" if byte == delimiter else "field"
    return [*rows, row] if row else rows


def as_array(text):
    """Return bytes as the scanner takes them."""
    return np.frombuffer(text, np.uint8)


@given(TEXTS)
def test_spans_are_the_rows(text):
    """The spans of a text are its rows, read byte by byte."""
    starts, stops = spans(as_array(text), ",")
    assert [text[a:b] for a, b in zip(starts, stops, strict=True)] == rows_one_by_one(text)


@given(TEXTS, st.integers(1, 7))
def test_ends_do_not_depend_on_the_blocks(text, size):
    """As many rows are found, at the same positions, whatever the size of the blocks."""
    whole, scanner = RowScanner(","), RowScanner(",")
    starts = range(0, len(text), size)
    found = [end + at for at in starts for end in scanner.ends(as_array(text[at : at + size]))]
    assert found == whole.ends(as_array(text)).tolist()
    assert len(found) == len(rows_one_by_one(text)) - scanner.is_in_row
    assert scanner.is_in_row == whole.is_in_row


@given(st.lists(st.lists(st.text('a,\n"', min_size=1), min_size=2, max_size=2)))
def test_written_rows_are_found(rows):
    """As many rows are found as the standard library has written."""

    class Sink(list):
        write = list.append

    sink = Sink()
    csv.writer(sink, quoting=csv.QUOTE_ALL).writerows(rows)
    assert len(spans(as_array("".join(sink).encode()), ",")[0]) == len(rows)


@pytest.mark.parametrize("text", [b"a\r\n\r\nb", b"a\rb\r", b"\n\na\nb\n\n", b'{"a"\n"b'])
def test_without_quotes_every_line_is_a_row(text):
    """Where quotes mean nothing, each line that is not empty is a row."""
    assert len(spans(as_array(text))[0]) == 2
