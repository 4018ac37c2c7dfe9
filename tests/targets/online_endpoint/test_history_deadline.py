"""One deadline limits a deployment: also what it keeps and writes in the workspace."""

import time

import pytest

from modelship import DeployTarget
from modelship.errors import DeploymentTimeoutError, WorkspaceUnreachableError
from modelship.targets.online_endpoint import OnlineEndpointBackend

QUIETLY = {"check": "static", "show_output": False}


def pass_by(deadline):
    """Let a deadline pass now: however slow the machine is, nothing else has met it before."""
    deadline._end = time.monotonic()


class HangingWorkspace:
    """A workspace of which one registration hangs, up to the deadline of the call if it has one."""

    def __init__(self, workspace, doing, *, deadline=None):
        self._workspace, self._doing, self._deadline = workspace, doing, deadline

    def within(self, deadline):
        return HangingWorkspace(self._workspace, self._doing, deadline=deadline)

    def register(self, path, *, doing="", **options):
        if self._doing not in doing:
            return self._workspace.register(path, **options)
        assert self._deadline is not None, "it would hang for the limit of the call itself"
        pass_by(self._deadline)
        raise WorkspaceUnreachableError("fake", doing, "no answer within 1 s")

    def __getattr__(self, name):
        return getattr(self._workspace, name)


@pytest.mark.parametrize(
    ("doing", "step"),
    [("keep the release", "Keep the release"), ("write the history", "Write the history")],
)
def test_a_request_that_hangs_ends_at_the_deadline(workspace, bundle, doing, step):
    """The error is that of the deadline, and names the step."""
    target = DeployTarget(OnlineEndpointBackend.at(HangingWorkspace(workspace, doing)))
    with pytest.raises(DeploymentTimeoutError) as caught:
        target.deploy(bundle, name="scale", timeout_s=60, **QUIETLY)
    assert caught.value.doing == step
    assert workspace.endpoints() == []


class SilentWorkspace:
    """A workspace that leaves one call without an answer, up to its deadline if it has one."""

    def __init__(self, workspace, call, *, deadline=None):
        self._workspace, self._call, self._deadline = workspace, call, deadline

    def within(self, deadline):
        return SilentWorkspace(self._workspace, self._call, deadline=deadline)

    def __getattr__(self, name):
        return self._hang if name == self._call else getattr(self._workspace, name)

    def _hang(self, *_, **__):
        assert self._deadline is not None, "it would hang for the limit of the call itself"
        pass_by(self._deadline)
        raise WorkspaceUnreachableError("fake", self._call, "no answer within 1 s")


@pytest.mark.parametrize("call", ["models", "endpoint"])
def test_the_first_look_ends_at_the_deadline(workspace, bundle, call):
    """At the history, for what was interrupted, and at what the name serves."""
    target = DeployTarget(OnlineEndpointBackend.at(SilentWorkspace(workspace, call)))
    with pytest.raises(DeploymentTimeoutError) as caught:
        target.deploy(bundle, name="scale", timeout_s=60, **QUIETLY)
    assert caught.value.doing == "Look at what the name serves"
    assert workspace.sent.total() == 0
