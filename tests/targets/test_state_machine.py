"""Any order of deploying, replacing, crashing and deleting does what a plain dict predicts."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from modelship.bundle import Environment
from modelship.errors import DeploymentFailedError, DeploymentNotFoundError, NameTakenError
from modelship.targets import DeployTarget, State
from modelship.testing import MemoryBackend, cases, offline_bundle, script_bundle

names = st.sampled_from(["one", "two", "two-b"])
factors = st.sampled_from([2, 3])


def offline(script, *, folder, factor):
    """Return an offline bundle of `script` with a model of its own in `folder`."""
    bundle = script_bundle(
        script,
        folder=folder,
        environment=Environment(python="3.11", requirements=()),
        model={"factor": factor},
        sample_input={"data": [1]},
    )
    return offline_bundle(bundle)


class Services(RuleBasedStateMachine):
    """`expected` is the model: name to (factor, whether it crashed).

    `failed` are the names whose last deployment failed: delete() removes what that has left.
    """

    offered: ClassVar = {}

    def __init__(self):
        super().__init__()
        self.target = DeployTarget.open("memory")
        self.expected = {}
        self.failed = set()

    @rule(name=names, factor=factors, overwrite=st.booleans())
    def deploy(self, name, factor, overwrite):
        old = self.expected.get(name)
        arguments = {"name": name, "overwrite": overwrite, "show_output": False}
        if old and old[0] != factor and not overwrite:
            with pytest.raises(NameTakenError):
                self.target.deploy(self.offered[factor], **arguments)
            return
        before = self.target.get(name).instance if old else None
        after = self.target.deploy(self.offered[factor], **arguments).instance
        assert (after == before) is (old == (factor, False))
        self.expected[name] = (factor, False)
        if after != before:
            self.failed.discard(name)

    @rule(name=names)
    def deploy_broken(self, name):
        with pytest.raises(DeploymentFailedError):
            self.target.deploy(self.offered["broken"], name=name, overwrite=True, show_output=False)
        self.failed.add(name)

    @rule(name=names)
    def crash(self, name):
        if name in self.expected:
            MemoryBackend().crash(self.target.get(name).instance)
            self.expected[name] = (self.expected[name][0], True)

    @rule(name=names, missing_ok=st.booleans())
    def delete(self, name, missing_ok):
        if name in self.expected or name in self.failed or missing_ok:
            self.target.delete(name, missing_ok=missing_ok)
            self.expected.pop(name, None)
            self.failed.discard(name)
        else:
            with pytest.raises(DeploymentNotFoundError):
                self.target.delete(name)

    @rule(name=names)
    def get(self, name):
        if name not in self.expected:
            with pytest.raises(DeploymentNotFoundError):
                self.target.get(name)
        elif not self.expected[name][1]:
            assert self.target.get(name).run({"data": [7]}) == [7 * self.expected[name][0]]

    @invariant()
    def list_and_states_are_as_expected(self):
        found = self.target.list()
        assert [each.name for each in found] == sorted(self.expected)
        for each in found:
            crashed = self.expected[each.name][1]
            assert each.state is (State.FAILED if crashed else State.HEALTHY)

    def teardown(self):
        for name in {*self.expected, *self.failed}:
            self.target.delete(name, missing_ok=True)


def test_services_do_what_a_dict_predicts(tmp_path, shared_home, monkeypatch):
    """No order of operations on the memory target leads to another result than the model's."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    Services.offered = {
        factor: offline(cases.SCALING, folder=tmp_path / str(factor), factor=factor)
        for factor in (2, 3)
    } | {"broken": offline(cases.RAISING, folder=tmp_path / "broken", factor=0)}
    run_state_machine_as_test(
        Services, settings=settings(max_examples=20, stateful_step_count=12, deadline=None)
    )
