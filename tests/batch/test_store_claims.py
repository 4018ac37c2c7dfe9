"""One driver at a time writes to a job in an object store."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time

import disk_store
import pytest
from killed_jobs import begun, ended

from modelship import errors
from modelship.batch.store_claims import claimed, is_claimed
from modelship.batch.store_files import StoreFiles
from modelship.batch.store_manifest import StoreLines
from modelship.batch.store_waits import showing_waits

LEASE_S = 0.6


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Return the objects of a job."""
    monkeypatch.setenv("DISK_STORE", str(tmp_path))
    return StoreFiles.at(f"{disk_store.SCHEME}://bucket/out")


def put_claim(files, **facts):
    """Write a claim of a driver on another machine."""
    document = {"host": "far", "pid": 7, "machine": "other", "lease_s": LEASE_S, **facts}
    files.put("_modelship/drivers/other.json", json.dumps(document).encode())


def test_a_second_driver_is_refused_at_once(files):
    """On the same machine it is known to run; the first one keeps its claim."""
    with claimed(files) as first:
        with pytest.raises(errors.BatchOutputError, match=rf"\(process {os.getpid()} on"):
            claimed(files).__enter__()
        first.require_held()
        assert is_claimed(files)
    assert files.sizes() == {}


def test_a_claim_that_is_renewed_elsewhere_is_respected(files):
    """The driver is on another machine: only its renewals show that it runs."""
    stop = threading.Event()

    def renew():
        while not stop.wait(LEASE_S / 6):
            put_claim(files, renewed=time.time())

    put_claim(files, renewed=0)
    renewing = threading.Thread(target=renew)
    renewing.start()
    with pytest.raises(errors.BatchOutputError, match="process 7 on far"):
        claimed(files, lease_s=LEASE_S).__enter__()
    stop.set()
    renewing.join()
    assert [*files.sizes()] == ["_modelship/drivers/other.json"]


def test_a_claim_that_is_not_renewed_is_removed_after_a_lease(files, capsys):
    """Whatever the clock of its machine says; the user sees once what is waited for."""
    put_claim(files, renewed=time.time() + 10_000)
    began = time.monotonic()
    with showing_waits(), claimed(files, lease_s=LEASE_S) as claim:
        assert re.fullmatch(
            r"waiting for up to 1 s whether process 7 on far still .*\n", capsys.readouterr().err
        )
        assert time.monotonic() - began >= LEASE_S
        assert [*files.sizes()] == [claim.name]


def test_two_drivers_that_begin_together_do_not_both_drive(files):
    """One at most has the claim at any time."""
    driving, most = [], []

    def drive():
        try:
            with claimed(files, lease_s=LEASE_S):
                driving.append(1)
                most.append(len(driving))
                time.sleep(0.05)
                driving.pop()
        except errors.BatchOutputError:
            pass

    for _ in range(5):
        threads = [threading.Thread(target=drive) for _ in range(3)]
        for each in (*threads, *threads):
            (each.join if each.ident else each.start)()
    assert max(most, default=0) <= 1
    assert files.sizes() == {}


def test_a_killed_driver_of_this_machine_is_replaced_at_once(files):
    """Its process is gone, so that there is no lease to wait for."""

    def drive():
        with claimed(files):
            os.kill(os.getpid(), signal.SIGKILL)

    assert ended(begun(drive)) == -signal.SIGKILL
    assert len(files.sizes()) == 1
    assert not is_claimed(files)
    with claimed(files):
        assert len(files.sizes()) == 1


def test_a_driver_whose_claim_was_removed_enters_nothing(files):
    """Another one took it for dead."""
    files.put("rows.csv", b"")
    with claimed(files, lease_s=LEASE_S) as claim:
        files.remove([claim.name])
        time.sleep(LEASE_S / 2)
        with pytest.raises(errors.BatchOutputError, match="could not be renewed"):
            claim.require_held()
        files.remove(["rows.csv"])
        with pytest.raises(errors.BatchOutputError, match=r"the bucket or all of .* removed"):
            claim.require_held()


def test_lines_are_gathered_and_of_one_writer(files):
    """A reader gets all of them; of two writers, the second one is refused."""
    one, other = StoreLines(files), StoreLines(files)
    written = [b"%d" % each for each in range(260)]
    for each in written:
        one.append(each)
    assert StoreLines(files).read() == written
    assert len(files.get("_modelship/manifest.jsonl").splitlines()) == 200
    other.read()
    one.append(b"first")
    with pytest.raises(errors.BatchOutputError, match="another process writes its manifest"):
        other.append(b"second")
    files.remove(["_modelship/manifest/000000230.json"])
    with pytest.raises(errors.BatchResumeError, match="a line is missing"):
        StoreLines(files).read()
