"""Temporary folders of processes that were killed are removed, and no others."""

from __future__ import annotations

import tempfile

import pytest

from modelship.batch.abandoned_folders import owned, remove_abandoned


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Return the folder for temporary files, which is empty."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_only_abandoned_folders_are_removed(temporary):
    """A folder in use stays, as does one that nothing is known about."""
    for name in ("job-used", "job-left", "job-unknown", "other-left"):
        (temporary / name).mkdir()
    for name in ("job-left", "other-left"):
        with owned(temporary / name):
            pass
    with owned(temporary / "job-used"):
        remove_abandoned("job-")
    assert sorted(each.name for each in temporary.iterdir()) == [
        "job-unknown",
        "job-used",
        "other-left",
    ]
