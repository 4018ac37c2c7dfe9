"""A size of machine that is neither documented nor listed in the region is shown, not refused."""

import pytest

from modelship.progress import Steps
from modelship.targets.online_endpoint.target_options import TargetOptions
from modelship.targets.online_endpoint.unlisted_sizes import say_unlisted_size


@pytest.fixture
def said(workspace, capsys):
    """Return a function that gives what is said of a size."""

    def of(name):
        steps = Steps("scale", timeout_s=9, show_output=True)
        say_unlisted_size(TargetOptions(instance_type=name), workspace, steps)
        return " ".join(capsys.readouterr().err.split())

    return of


def test_an_unlisted_size_is_named_with_the_closest_one(said):
    """With what is listed, and what may happen."""
    text = said("Standard_DS3v2")
    assert "instance_type 'Standard_DS3v2' is not among the sizes that Azure ML lists" in text
    assert "eastus (did you mean 'Standard_DS3_v2'?): Azure may refuse it" in text


def test_nothing_is_said_without_a_reason(said, workspace):
    """Of a size that is documented or listed, in any case; and if there is no list."""
    workspace.sizes = ("Standard_DS3_v2", "Standard_New_v9")
    assert [said(name) for name in ("standard_f4s_v2", "STANDARD_NEW_V9")] == ["", ""]
    workspace.sizes = ()
    assert said("Standard_DS3v2") == ""
