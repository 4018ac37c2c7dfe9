"""What several tests of targets share."""

import pytest

from modelship.bundle import Environment
from modelship.testing import cases, script_bundle, with_lock


@pytest.fixture
def make_bundle(bare_lock, tmp_path):
    """Return what makes a bundle of the text of a script, with the model of the contract."""

    def make(script, **options):
        bundle = script_bundle(
            script,
            folder=tmp_path / "bundle",
            environment=Environment(python=bare_lock.python, requirements=()),
            model={"factor": cases.FACTOR},
            **options,
        )
        return with_lock(bundle, lock=bare_lock)

    return make
