"""The variables of this process can be read while another thread changes them."""

import os

from modelship.process_variables import process_variables


class Removing(dict):
    """Variables of which another thread removes one after their names were listed."""

    def keys(self):
        """List the names; the last one is gone when its value is read."""
        names = list(super().keys())
        self.pop("GOING", None)
        return names


def test_a_variable_that_is_removed_meanwhile_is_left_out():
    """The names are listed once more, without the one that is gone."""

    class Environ:
        held = Removing(STAYS="1", GOING="2")
        keys = held.keys
        __getitem__ = held.__getitem__

    assert process_variables(Environ()) == {"STAYS": "1"}


def test_the_variables_of_this_process_are_copied(monkeypatch):
    """What is set in the copy is not set in the process."""
    monkeypatch.setenv("MODELSHIP_TEST_MARK", "here")
    copied = process_variables()
    assert copied == dict(os.environ)
    copied["MODELSHIP_TEST_MARK"] = "elsewhere"
    assert os.environ["MODELSHIP_TEST_MARK"] == "here"
