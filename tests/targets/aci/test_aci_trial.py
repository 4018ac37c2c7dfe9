"""A script is tried here, with its lock, before anything is sent to Container Instances."""

import pytest

import modelship as ms
from modelship.errors import CheckFailedError
from modelship.testing import cases, script_bundle, with_lock


def test_what_a_trial_finds_is_never_sent(target, bundle, bare_lock, offline, tmp_path):
    """By default the script is tried here first: nothing is registered, and the cause is named."""
    broken = script_bundle(cases.RAISING, folder=tmp_path, environment=bundle.environment)
    workspace = ms.Workspace.open(offline.config_path)
    before = workspace.models()
    with pytest.raises(CheckFailedError) as caught:
        target.deploy(with_lock(broken, lock=bare_lock), name="scaling-svc", show_output=False)
    assert "MS502" in str(caught.value)
    assert "LookupError: no such feature: sepal length" in str(caught.value)
    assert workspace.models() == before
    assert target.list() == ()
