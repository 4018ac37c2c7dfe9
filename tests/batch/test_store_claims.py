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
from modelship.batch import store_claims
from modelship.batch.store_claims import Claim, claimed, is_claimed
from modelship.batch.store_files import StoreFiles
from modelship.batch.store_manifest import StoreLines
from modelship.batch.store_waits import showing_waits

LEASE_S = 0.6
OTHER = "_modelship/drivers/other.json"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Return the objects of a job."""
    monkeypatch.setenv("DISK_STORE", str(tmp_path))
    return StoreFiles.at(f"{disk_store.SCHEME}://bucket/out")


def put_claim(files, **facts):
    """Write a claim of a driver on another machine."""
    document = {"host": "far", "pid": 7, "machine": "other", "lease_s": LEASE_S, **facts}
    files.put(OTHER, json.dumps(document).encode())


@pytest.fixture
def after_each_read(monkeypatch):
    """Return a function that has another one called after each read of that claim."""

    def changed(call):
        def get(files, name, get=StoreFiles.get):
            found = get(files, name)
            if name == OTHER:
                call()
            return found

        monkeypatch.setattr(StoreFiles, "get", get)

    return changed


def test_a_second_driver_is_refused_at_once(files):
    """On the same machine it is known to run; the first one keeps its claim."""
    with claimed(files) as first:
        with pytest.raises(errors.BatchOutputError, match=rf"\(process {os.getpid()} on"):
            claimed(files).__enter__()
        first.require_held()
        assert is_claimed(files)
    assert files.sizes() == {}


def test_a_claim_that_is_renewed_elsewhere_is_respected(files, after_each_read):
    """The driver is on another machine: only its renewals show that it runs."""
    put_claim(files, renewed=0)
    after_each_read(lambda: put_claim(files, renewed=time.time()))
    with pytest.raises(errors.BatchOutputError, match="process 7 on far"):
        claimed(files).__enter__()
    assert [*files.sizes()] == [OTHER]


def test_a_claim_that_is_renewed_after_it_was_read_is_respected(files, after_each_read):
    """Also if that took longer than its lease, as with a slow store, or while a process slept."""
    put_claim(files, renewed=0)
    reads = []

    def renew():
        reads.append(1)
        if len(reads) == 2:
            put_claim(files, renewed=1)
            time.sleep(1.5 * LEASE_S)

    after_each_read(renew)
    with pytest.raises(errors.BatchOutputError, match="process 7 on far"):
        claimed(files).__enter__()
    assert [*files.sizes()] == [OTHER]


def test_a_claim_that_is_not_renewed_is_removed_after_a_lease(files, capsys):
    """Whatever the clock of its machine says; the user sees once what is waited for."""
    put_claim(files, renewed=time.time() + 10_000)
    began = time.monotonic()
    with showing_waits(), claimed(files) as claim:
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
    claim = Claim(files, lease_s=LEASE_S)
    claim.write()
    files.remove([claim.name])
    claim.keep()  # until it sees that
    with pytest.raises(errors.BatchOutputError, match="could not be renewed"):
        claim.require_held()
    files.remove(["rows.csv"])
    with pytest.raises(errors.BatchOutputError, match=r"the bucket or all of .* removed"):
        claim.require_held()


def renew_late(files, monkeypatch, meanwhile):
    """Renew a claim on a machine that sleeps between the look for it and its renewal."""
    slept = []

    def size(found_in, name, size=StoreFiles.size):
        found = size(found_in, name)
        slept.append(1)
        meanwhile()
        return found

    monkeypatch.setattr(store_claims, "_now_s", lambda: 1000.0 * len(slept))
    claim = Claim(files, lease_s=60)
    claim.write()
    with monkeypatch.context() as patch:
        patch.setattr(StoreFiles, "size", size)
        claim.renew()
    return claim


def test_a_claim_that_is_renewed_late_is_no_claim_next_to_another(files, monkeypatch):
    """Another driver may have removed it just before it was written again."""

    def take():
        files.remove([each for each in files.sizes() if each != OTHER])
        put_claim(files)

    claim = renew_late(files, monkeypatch, take)
    claim.keep()
    assert [*files.sizes()] == [OTHER]
    with pytest.raises(errors.BatchOutputError, match="could not be renewed"):
        claim.require_held()


def test_a_claim_that_is_renewed_late_is_held_once_it_is_renewed_in_time(files, monkeypatch):
    """The store may have had a fault for a while; nobody has taken the job."""
    claim = renew_late(files, monkeypatch, lambda: None)
    with pytest.raises(errors.BatchOutputError, match="could not be renewed"):
        claim.require_held()
    claim.renew()
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
