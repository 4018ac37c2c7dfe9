"""What the tests of parity share: bundles of a script with the inference server alone."""

from __future__ import annotations

import pytest

from modelship.bundle import Environment
from modelship.targets import DeployTarget, Serving
from modelship.testing import script_bundle, with_lock


@pytest.fixture
def home(shared_home, monkeypatch):
    """Have the services and environments of this session."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))


@pytest.fixture(scope="session")
def own():
    """Return the target process with modelship's server, which starts in a fifth of the time."""
    return DeployTarget.open("process").with_serving(Serving(server="modelship"))


@pytest.fixture
def make_bundle(home, bare_lock, tmp_path):
    """Return what makes a bundle of the text of a script."""

    def make(script, **options):
        environment = Environment(python=bare_lock.python, requirements=())
        bundle = script_bundle(script, folder=tmp_path, environment=environment, **options)
        return with_lock(bundle, lock=bare_lock)

    return make
