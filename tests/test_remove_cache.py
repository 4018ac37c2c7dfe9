"""The folder that runs of the tests share goes when none of them is left."""

import fcntl

import pytest

import remove_cache


@pytest.fixture
def shared(tmp_path):
    """Make a folder with something in it."""
    folder = tmp_path / "shared"
    (folder / "environment").mkdir(parents=True)
    return folder


def test_the_folder_of_nobody_is_removed(shared):
    """What no run holds is removed, and what is not there is no failure."""
    for _ in range(2):
        remove_cache.main(shared)
        assert not shared.exists()


def test_the_folder_of_another_run_stays(shared):
    """What another run holds keeps its environments."""
    with shared.with_name("shared.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        remove_cache.main(shared)
    assert (shared / "environment").is_dir()
