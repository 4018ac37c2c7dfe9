"""What is observed of a service while its release changes."""

from __future__ import annotations

from types import SimpleNamespace

from modelship.testing import cases
from modelship.testing.watching import Callers


def test_each_caller_calls_however_short_the_change_is():
    deployment = SimpleNamespace(run=lambda rows, **_: [rows])
    with Callers(deployment, count=3) as callers:
        pass
    assert callers.answers == 3 * [[cases.ROWS]]


def test_what_a_caller_is_refused_is_lost():
    def refuse(*_, **__):
        raise TimeoutError

    with Callers(SimpleNamespace(run=refuse), count=2) as callers:
        pass
    assert [type(each) for each in callers.failures] == [TimeoutError, TimeoutError]
