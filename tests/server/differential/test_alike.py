"""Our server answers as azmlinfsrv does, but for what the table of differences holds."""

from __future__ import annotations

import pytest

from differential.cases_plain import ANSWERS, BODIES, EXITS, HEADERS, QUERIES, ROUTES
from differential.cases_raw import RAW
from differential.cases_setups import SETUPS, Setup
from differential.cases_typed import MIXED, TYPED
from differential.cases_wire import WIRE
from differential.comparing import compared
from differential.known import unknown
from differential.servers import THOROUGH

_ASKED = [
    Setup("answers", "plain", ANSWERS),
    Setup("bodies", "plain", BODIES),
    Setup("queries", "plain", QUERIES),
    Setup("routes", "plain", ROUTES),
    Setup("headers", "plain", HEADERS),
    Setup("wire", "plain", WIRE),
    Setup("exits", "plain", EXITS),
    Setup("raw", "raw", RAW),
    Setup("typed", "typed", TYPED),
    Setup("mixed", "mixed", MIXED),
    *SETUPS,
]

# Where an origin may be set is asked with "a configuration file", too.
_LONG = {"origins in the file alone"}
_SETUPS = [
    pytest.param(each, id=each.label, marks=[pytest.mark.long] if each.label in _LONG else [])
    for each in _ASKED
]


@pytest.mark.parametrize("mode", ["default", "strict"] if THOROUGH else ["default"])
@pytest.mark.parametrize("setup", _SETUPS)
def test_it_answers_as_the_reference(serving, setup, mode):
    """Whatever differs in status, body or any header is in the table, or is a bug."""
    told = {"script": setup.script, "settings": setup.settings, "files": setup.files}
    reference = serving.running("reference", **told, options=setup.options)
    ours = serving.running(mode, **told, options=setup.options)
    differing = [
        unknown(list(compared(setup.script, sent, reference=reference, ours=ours)), mode=mode)
        for sent in setup.requests
    ]
    found = [each for each in differing if each]
    assert not found, f"{len(found)} of {len(differing)} requests:\n" + "\n".join(found)
