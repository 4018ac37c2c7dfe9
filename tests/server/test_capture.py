"""Requests that failed are kept in a folder: whole, without secrets, and never too many."""

from __future__ import annotations

import base64
import itertools
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from modelship.server.capture import Folder
from waiting import wait_until

_TIMEOUT_S = 30.0
_SECRET = "hunter-two"
_LATE = '{"sleep_s": 0.1, "leak_mb": "x"}'  # fails after a while


@pytest.fixture
def started(serving):
    """Return a function that starts a server of its own for one test, and ends it afterwards."""
    servers = []

    def start(**settings):
        server = serving.start("default", script="operated", settings=settings)
        servers.append(server)
        assert server.wait_until_healthy()
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def folder(tmp_path):
    """Return where to capture to; it is not there yet."""
    return tmp_path / "captured"


def _ask(server, body, *, query="", **options):
    uri = f"http://127.0.0.1:{server.port}/score{query}"
    return requests.post(uri, data=body, timeout=_TIMEOUT_S, **options)


def _files(folder, count):
    """Wait until so many are there, and return them by name."""
    wait_until(lambda: len([*folder.glob("*.jsonl")]) >= count)
    return sorted(folder.glob("*.jsonl"))


def _document(folder):
    [file] = _files(folder, 1)
    return json.loads(file.read_text())


def test_nothing_secret_is_kept(started, folder):
    """Headers and parameters go by their names, and the names of those left out are told."""
    names = ["Authorization", "Proxy-Authorization", "Cookie", "X-Functions-Key", "X-My-Password"]
    headers = {
        **dict.fromkeys(names, _SECRET),
        "X-Plain": "kept",
        "Referer": f"http://x/?{_SECRET}",
    }
    query = f"?sig={_SECRET}&x=1%20&%63ode={_SECRET}&api_token={_SECRET}"
    _ask(started(MODELSHIP_CAPTURE=str(folder)), "not JSON", query=query, headers=headers)
    document = _document(folder)
    assert _SECRET not in json.dumps(document)
    assert document["request"]["path"] == "/score?x=1%20"
    assert document["request"]["headers"]["x-plain"] == "kept"
    left_out = document["captured"]["left_out"]
    assert set(left_out["headers"]) == {"referer", *map(str.lower, names)}
    assert left_out["query"] == ["sig", "code", "api_token"]


def test_what_failed_is_kept_with_its_answer(started, folder):
    """The file says what was sent, what was answered, and what the script raised."""
    server = started(MODELSHIP_CAPTURE=str(folder))
    assert _ask(server, "{}").status_code == 200
    answer = _ask(server, "not JSON", headers={"x-request-id": "an-id"})
    [file] = _files(folder, 1)
    document = json.loads(file.read_text())
    assert document["request"]["body"] == "not JSON"
    captured = document["captured"]
    assert (captured["status"], captured["answer"]) == (500, answer.text)
    assert captured["cause"].startswith("json.decoder.JSONDecodeError: Expecting value")
    assert (captured["request_id"], captured["body_cut"]) == ("an-id", False)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (folder, file)]
    assert modes == [0o700, 0o600]
    assert [each.name for each in folder.iterdir()] == [file.name]


def test_bytes_come_back_and_a_long_body_is_cut(started, folder):
    """A body that is no text is base64; of a large one the beginning is kept, and that is told."""
    server = started(MODELSHIP_CAPTURE=str(folder), MODELSHIP_CAPTURE_BODY_KB="1")
    body = b"\xff\x00" * 1024
    assert _ask(server, body).status_code == 400
    document = _document(folder)
    assert base64.b64decode(document["request"]["body_base64"]) == body[:1024]
    captured = document["captured"]
    assert (captured["body_cut"], captured["body_size_bytes"]) == (True, len(body))


def test_what_was_refused_unread_is_not_kept(started, folder, tmp_path):
    """A request without a key did not fail by itself; the next one, with a key, did."""
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"primary": "a-key", "secondary": "another-key"}))
    server = started(MODELSHIP_CAPTURE=str(folder), MODELSHIP_KEYS_FILE=str(keys))
    assert _ask(server, "{").status_code == 401
    assert _ask(server, "{", headers={"Authorization": "Bearer a-key"}).status_code == 500
    document = _document(folder)
    assert document["captured"]["status"] == 500
    assert "a-key" not in json.dumps(document)


def test_the_folder_stays_bounded(started, folder):
    """The newest are there, whole, and all together hold no more than allowed."""
    server = started(MODELSHIP_CAPTURE=str(folder), MODELSHIP_CAPTURE_MB="1", WORKER_COUNT="2")
    body = "x" * 60_000
    for number in range(60):
        _ask(server, body, headers={"x-request-id": f"request-{number}", "Connection": "close"})
    server.stop()
    found = sorted(folder.iterdir())
    documents = [json.loads(each.read_text()) for each in found]
    assert sum(each.stat().st_size for each in found) <= 2**20
    ids = [each["captured"]["request_id"] for each in documents]
    assert len(ids) > 8
    assert set(ids) <= {f"request-{number}" for number in range(30, 60)}
    assert all(each["request"]["body"] == body for each in documents)


def test_several_workers_write_into_one_folder(started, folder):
    """Each file names the process that wrote it, and none is lost."""
    server = started(MODELSHIP_CAPTURE=str(folder), WORKER_COUNT="2")
    counts = itertools.count(4, 4)

    def found():
        with ThreadPoolExecutor(4) as pool:
            for answer in pool.map(lambda _: _ask(server, _LATE), range(4)):
                assert answer.status_code == 500
        count = next(counts)
        files = _files(folder, count)
        assert len(files) == count
        return files

    wait_until(lambda: len({each.name.split("-")[1] for each in found()}) == 2)


def test_a_flood_is_dropped_and_counted(started, folder):
    """What comes faster than it is written is dropped and counted, and all of it answered."""
    server = started(MODELSHIP_CAPTURE=str(folder))
    with requests.Session() as session:
        uri = f"http://127.0.0.1:{server.port}/score"
        for _ in range(400):
            assert session.post(uri, data="{", timeout=_TIMEOUT_S).status_code == 500
    log = server.stop().log
    told = [line for line in log.splitlines() if "came too fast to be captured" in line]
    dropped = sum(int(line.split(" - ")[1].split()[0]) for line in told)
    assert len(list(folder.iterdir())) + dropped == 400


def test_containers_may_share_a_folder(folder, monkeypatch):
    """Their processes have the same ids: another one may remove the file that is tried out."""
    close = os.close

    def close_and_lose(descriptor):
        close(descriptor)
        for probe in folder.glob(".*.probe"):
            probe.unlink()

    monkeypatch.setattr(os, "close", close_and_lose)
    Folder(folder, most_bytes=1 << 20, writers=1).prepare()
    assert [*folder.iterdir()] == []


def test_it_is_off_unless_asked_for(started):
    """Without the setting no file is written."""
    server = started()
    before = {each.name for each in server.folder.iterdir()} | {"__pycache__"}
    assert _ask(server, "{").status_code == 500
    assert {each.name for each in server.folder.iterdir()} <= before
    assert "captured" not in server.log


def test_a_folder_that_cannot_be_written_stops_nothing(started, tmp_path):
    """One line says that nothing is captured, and why; the service keeps running."""
    (tmp_path / "file").write_text("")
    server = started(MODELSHIP_CAPTURE=str(tmp_path / "file" / "captured"))
    assert _ask(server, "{").status_code == 500
    assert _ask(server, "{}").status_code == 200
    told = [line for line in server.log.splitlines() if "are not captured" in line]
    assert len(told) == 1
    assert "Not a directory" in told[0]


def test_a_disk_that_is_full_leaves_no_file(started, folder):
    """A write that fails is logged once, and nothing of it is left behind."""
    server = started(MODELSHIP_CAPTURE=str(folder))
    for worker in psutil.Process(server.process.pid).children(recursive=True):
        worker.rlimit(psutil.RLIMIT_FSIZE, (100_000, 100_000))  # bytes; the log needs some, too
    for _ in range(3):
        assert _ask(server, "x" * 200_000).status_code == 500
    log = server.stop().log
    assert log.count("could not be captured: File too large") == 1
    assert list(folder.iterdir()) == []
