"""The suite finds no difference between azmlinfsrv and azmlinfsrv."""

from __future__ import annotations

import pytest

from differential.cases_plain import ANSWERS, BODIES, EXITS, HEADERS, QUERIES, ROUTES
from differential.cases_wire import WIRE
from differential.comparing import compared


@pytest.mark.long
@pytest.mark.parametrize(
    "cases",
    [ANSWERS, BODIES, HEADERS, QUERIES, ROUTES, WIRE, EXITS[:1]],
    ids=["answers", "bodies", "headers", "queries", "routes", "wire", "exits"],
)
def test_two_of_the_reference_do_not_differ(serving, cases):
    """What differs between two servers of the same kind would be the suite's own fault."""
    pair = [serving.running("reference", script="plain", copy=copy) for copy in range(2)]
    found = [
        each.text
        for sent in cases
        for each in compared("plain", sent, reference=pair[0], ours=pair[1])
    ]
    assert not found, "\n".join(found)
