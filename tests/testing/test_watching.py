"""What is observed of a service while its release changes."""

from __future__ import annotations

import threading
from types import SimpleNamespace

from modelship.testing.watching import Callers


def test_each_caller_calls_however_short_the_change_is():
    """A change that takes longer has more answers."""
    deployment = SimpleNamespace(run=lambda *_, **__: threading.current_thread())
    with Callers(deployment, count=3) as callers:
        pass
    assert len({*callers.answers}) == 3


def test_what_a_caller_is_refused_is_lost():
    def refuse(*_, **__):
        raise TimeoutError

    with Callers(SimpleNamespace(run=refuse), count=2) as callers:
        pass
    assert len(callers.failures) >= 2
    assert {type(each) for each in callers.failures} == {TimeoutError}
    assert callers.answers == []
