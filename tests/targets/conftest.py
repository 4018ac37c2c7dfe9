"""What the tests of all targets share."""

from __future__ import annotations

import pytest

from modelship.bundle import Environment
from modelship.bundle.lock import lock
from modelship.testing.contract_fixtures import ContractFixtures


@pytest.fixture(scope="session")
def bare_lock():
    """Return the lock of the inference server alone, for this Python; resolved once a session."""
    return lock(Environment(python=ContractFixtures.python, requirements=()))
