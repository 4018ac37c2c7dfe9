"""What does not start on azmlinfsrv does not start on ours either, and both say why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from differential.cases_start import STARTS
from differential.servers import THOROUGH

_AT_ONCE = 4
# What is expected was seen on the reference, whose version is pinned: the gate need not see it.
_KINDS = ("reference", "default", "strict") if THOROUGH else ("default",)


@pytest.fixture(scope="module")
def endings(serving):
    """Start all, a few at once; return how each will have ended."""

    def start(kind, what):
        files = {"score.py": what.script, **what.files}
        server = serving.start(
            kind, script="plain", settings=what.settings, options=what.options, files=files
        )
        return server.ended()

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return {
            (kind, what.label): pool.submit(start, kind, what) for what in STARTS for kind in _KINDS
        }


@pytest.mark.parametrize("start", STARTS, ids=[each.label for each in STARTS])
def test_both_end_alike(endings, start):
    """Each server ends by itself, with the same exit code, and tells the cause alike."""
    for kind in _KINDS:
        ended = endings[kind, start.label].result()
        assert ended.exit_code == start.exit_code, f"{kind}:\n{ended.log}"
        missing = [each for each in start.tells if each not in ended.log]
        assert not missing, f"{kind} does not tell {missing}:\n{ended.log}"
