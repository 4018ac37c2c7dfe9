"""Requests to a workspace about its services respect the deadline of the deployment."""

import pytest

from modelship.errors import WorkspaceUnreachableError
from modelship.progress import Deadline, DeadlineExceededError
from modelship.targets.aci.azure_services import Services


class SilentWorkspace:
    """A workspace that never answers, and says how long it was waited for."""

    sdk_workspace = None

    def __init__(self):
        self.waited_s = []

    def ask(self, doing, call, *, timeout_s):
        self.waited_s.append(timeout_s)
        raise WorkspaceUnreachableError("silent", doing, "no answer")


@pytest.mark.parametrize(
    ("ask", "at_most_s"),
    [
        (lambda services: services.delete("digits"), 600),
        (lambda services: services.logs("digits"), 120),
        (lambda services: services.update("digits", model_ids=[], image={}, changes={}), 3600),
    ],
)
def test_a_limit_of_its_own_ends_with_the_deadline(ask, at_most_s):
    """Without a deadline a question has its own limit, and with one no more than what is left."""
    silent = SilentWorkspace()
    for services in (Services(silent), Services(silent).within(Deadline(5))):
        with pytest.raises(WorkspaceUnreachableError):
            ask(services)
    alone_s, within_s = silent.waited_s
    assert (alone_s, within_s <= 5) == (at_most_s, True)


def test_no_answer_until_the_deadline_is_a_deadline_that_has_passed():
    """The error says that the deadline has passed, not that the workspace is unreachable."""
    with pytest.raises(DeadlineExceededError):
        Services(SilentWorkspace()).within(Deadline(0)).get("digits")
