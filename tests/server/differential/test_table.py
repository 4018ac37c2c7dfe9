"""The page tells the differences that the suite lets pass, and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from differential.cases_plain import ANSWERS, BODIES, EXITS, HEADERS, QUERIES, ROUTES
from differential.cases_raw import RAW
from differential.cases_wire import WIRE
from differential.comparing import compared
from differential.known import KNOWN, as_table

_PAGE = Path(__file__).parents[3] / "docs/reference/scoring-server.md"
_ASKED = {
    "plain": [*ANSWERS, *BODIES, *EXITS, *HEADERS, *QUERIES, *ROUTES, *WIRE],
    "raw": RAW,
}
_SHOWN = [row for row in KNOWN if row.example]  # the others: test_behavior.py


def test_the_page_has_the_table():
    """Its part on differences is made from the suite's own rows."""
    part = _PAGE.read_text().partition("## Where it differs from Azure ML's server\n")[2]
    table = [line for line in part.partition("\n## ")[0].splitlines() if line.startswith("|")]
    assert table == as_table().splitlines()


@pytest.mark.parametrize("row", _SHOWN, ids=[row.what for row in _SHOWN])
def test_each_row_is_still_true(serving, row):
    """The row's example shows its difference; a row that no difference needs would hide one."""
    (sent,) = (each for each in _ASKED[row.script] if each.label == row.example)
    reference, ours = (
        serving.running(kind, script=row.script) for kind in ("reference", "default")
    )
    found = compared(row.script, sent, reference=reference, ours=ours)
    assert any(row.holds(each, mode="default") for each in found)


def test_labels_are_unique():
    """A row that names a request by its label means one request."""
    for sents in _ASKED.values():
        counts = Counter(each.label for each in sents)
        assert [label for label, count in counts.items() if count > 1] == []
