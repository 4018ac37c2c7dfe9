"""Benign models of every kind raise no suspicion."""

from __future__ import annotations

import pytest

from corpus.benign import RUN_CODE_OF_THE_FILE, write_all
from modelship.sources.passport import read_passport


@pytest.mark.parametrize(
    ("every", "at_least"), [(48, 120), pytest.param(1, 500, marks=pytest.mark.long)]
)
def test_benign_models_raise_no_false_alarm(tmp_path, every, at_least):
    """Nothing in some 700 models is dangerous, hazardous, unread or even unknown."""
    alarms, count = {}, 0
    for name, path in write_all(tmp_path, every=every):
        passport = read_passport(path)
        count += 1
        if name in RUN_CODE_OF_THE_FILE:
            assert not passport.safe_to_load
        elif not passport.safe_to_load or passport.unknown:
            alarms[path.name] = (name, passport.dangerous, passport.hazards, passport.unknown)
    assert alarms == {}
    assert count > at_least
