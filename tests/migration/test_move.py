"""A service is moved by a plan, and its answers are compared with those of the old one."""

from __future__ import annotations

import pytest

from modelship.errors import ParityError
from modelship.migration.moving import require_equal


def test_equal_answers_are_equal():
    """A difference in the last digits is none."""
    require_equal({"data": [1]}, {"aci": [0.1 + 0.2], "online-endpoint": [0.3]})


def test_other_answers_are_an_error_that_shows_both():
    """The reader can decide which one is right."""
    with pytest.raises(ParityError) as caught:
        require_equal({"data": [1]}, {"aci": [1], "online-endpoint": [2]})
    assert "aci, online-endpoint return different answers" in caught.value.message
    assert "[2]" in caught.value.evidence
