"""Tests of the wait that tests share."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from waiting import meanwhile, wait_until


def test_what_is_true_is_returned():
    asked = count()
    assert wait_until(lambda: next(asked) == 2 and "reached", pause_s=0) == "reached"


def test_what_never_is_fails_and_says_what_was_seen():
    with pytest.raises(AssertionError, match=r"not within 0 s the log: none"):
        wait_until(lambda: False, timeout_s=0, describe=lambda: "the log: none")


def test_what_is_done_meanwhile_has_ended_with_the_body():
    begun, seen = threading.Event(), []
    with meanwhile(lambda: seen.append(threading.get_ident()), once=begun.is_set):
        assert seen == []
        begun.set()
    assert seen not in ([], [threading.get_ident()])


def test_what_fails_meanwhile_fails_the_test():
    with pytest.raises(ZeroDivisionError), meanwhile(lambda: 1 / 0, once=lambda: True):
        pass
