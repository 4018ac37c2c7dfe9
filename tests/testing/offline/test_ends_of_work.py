"""What is under way when an offline workspace ends, and what an earlier one has left."""

from __future__ import annotations

import threading

import pytest

from modelship.errors import TargetUnavailableError
from modelship.testing.offline.compute_processes import ProcessContainers
from modelship.testing.offline.workers import Workers


@pytest.fixture
def leftover(tmp_path):
    """Return the folder of a container that nobody runs any more."""
    folder = tmp_path / "containers" / "svc-12345678"
    folder.mkdir(parents=True)
    (folder / "instance.json").write_text("{}")
    return folder


def test_what_ends_a_killed_workspace_ends_nothing_of_the_next_one(tmp_path, leftover):
    """It has stopped what it finds before the next one starts anything."""
    killed, following = ProcessContainers(tmp_path), ProcessContainers(tmp_path)
    killed._call_reaper()
    killed._reaper.stdin.close()
    following._call_reaper()
    assert not leftover.exists()
    killed._reaper.wait()
    following.close()


def test_a_container_that_starts_too_late_is_stopped(tmp_path, leftover):
    """Its workspace was closed meanwhile."""
    compute = ProcessContainers(tmp_path)
    [late] = compute.instances()
    assert compute._kept(late) is late
    compute._closed = True
    with pytest.raises(TargetUnavailableError, match="the offline workspace was closed"):
        compute._kept(late)
    assert not leftover.exists()


def test_nothing_begins_once_workers_are_closed():
    """And what has begun before is waited for, however many began it together."""
    workers, release, begun, ended = Workers(), threading.Event(), [], []

    def work():
        begun.append(1)
        release.wait(20)
        ended.append(1)

    def ask():
        workers.run(work, name="work", wait_s=0)

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    release.set()
    workers.close()
    assert len(ended) == 8
    ask()
    assert len(begun) == 8
