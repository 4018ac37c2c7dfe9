"""Whatever lies in the state folder, it hides nothing, leads nowhere and is never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelship.bundle import Environment
from modelship.errors import ModelshipError, NameTakenError, StorageError
from modelship.state_paths import exclusive
from modelship.targets import DeployTarget, Instance, State
from modelship.testing import cases, offline_bundle, script_bundle

GOOD = {
    "instance_id": "good-svc-0a1b2c3d",
    "name": "good-svc",
    "created_at": "2026-01-02T03:04:05.678+00:00",
    "scoring_uri": "http://127.0.0.1:9/score",
    "own_uri": "",
    "release": {
        "digest": "0" * 64,
        "bundle": "0" * 64,
        "parts": {"model": "0" * 64},
        "options": {"workers": 1},
        "model": "small:1",
        "input_key": None,
        "tags": {},
        "description": "",
    },
}


@pytest.fixture
def home(monkeypatch, tmp_path):
    """Keep the services of a test in a folder of its own."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def services(home):
    """Return the folder of all services, with one in it that ended."""
    folder = home / "state" / "process"
    write(folder, GOOD["instance_id"], json.dumps(GOOD))
    return folder


@pytest.fixture
def target():
    """Return the target."""
    return DeployTarget.open("process")


def write(services, name, record):
    folder = services / name
    folder.mkdir(parents=True)
    (folder / "instance.json").write_text(record)
    return folder


def record(**changes):
    return json.dumps({**GOOD, "instance_id": "odd-svc-00000000", "name": "odd-svc", **changes})


BROKEN = {
    "nothing": "",
    "half": "{",
    "a list": "[]",
    "a number": "7",
    "deep": '{"a":' * 5000 + "1" + "}" * 5000,
    "twice": '{"name": "odd-svc", "name": "odd-svc"}',
    "no name": json.dumps({"instance_id": "odd-svc-00000000"}),
    "an unknown field": record(command="sh"),
    "an id that leads out": record(instance_id="../../../x"),
    "the id of another": record(instance_id=GOOD["instance_id"]),
    "the name of another": record(name="good-svc"),
    "a name that is none": record(name="../x"),
    "an address elsewhere": record(scoring_uri="http://192.0.2.1:80/score"),
    "no address": record(scoring_uri=""),
    "tags of numbers": record(release={**GOOD["release"], "tags": {"a": 1}}),
    "parts that are text": record(release={**GOOD["release"], "parts": "x"}),
    "options that are a list": record(release={**GOOD["release"], "options": []}),
    "an own address elsewhere": record(own_uri="http://192.0.2.1:80/score"),
    "a time that is a number": record(created_at=7),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_record_hides_nothing_and_can_be_deleted(services, target, case):
    """It is listed with the reason beside those that are whole, and delete() removes it alone."""
    folder = write(services, "odd-svc-00000000", BROKEN[case])
    good, odd = target.list()
    assert (good.name, good.instance.broken) == ("good-svc", "")
    assert (odd.name, odd.state) == ("odd-svc", State.FAILED)
    assert str(folder) in odd.instance.broken
    target.delete("odd-svc")
    assert [entry.name for entry in services.iterdir()] == [GOOD["instance_id"]]


def test_nothing_that_is_asked_of_a_broken_service_waits_or_fails(services, target):
    """Its log may be a pipe and its keys a folder: each question has an answer, or an error."""
    folder = write(services, "odd-svc-00000000", "{")
    os.mkfifo(folder / "server.log")
    os.mkfifo(folder / "pid")
    (folder / "keys.json").mkdir()
    odd = target.get("odd-svc")
    asked = (odd.logs, odd.diagnose, odd.keys, odd.wait, lambda: odd.logs(tail=2))
    for ask in (*asked, lambda: odd.run("x"), lambda: odd.regenerate_key("primary")):
        with suppress(ModelshipError):
            ask()
    odd.delete()
    assert not folder.exists()


def stray(services):
    """Put all that is no service beside one."""
    (services / "notes.txt").write_text("mine")
    (services / "instance.json").write_text("{}")
    (services / "empty").mkdir()
    (services / "link-svc-00000000").symlink_to(services / GOOD["instance_id"])
    (services / "gone-svc-00000000").symlink_to("nowhere")
    (services / "loop-svc-00000000").symlink_to("loop-svc-00000000")
    for draft in (".draft-", ".draft-x", ".draft-abc-x", f".draft-{'9' * 30}-x", ".draft-0-x"):
        (services / draft).mkdir()
    (services / ".draft-1-file").write_text("")
    (services / f".draft-{2**31 - 2}-link").symlink_to(services.parent)


def test_what_is_no_service_is_passed_over(services, target):
    """Files, links, drafts and empty folders are not listed, and what leads elsewhere stays."""
    stray(services)
    assert [each.name for each in target.list()] == ["good-svc"]
    target.delete("good-svc")
    assert target.list() == ()
    assert services.parent.is_dir()


def test_stray_drafts_keep_nobody_from_deploying(services):
    """A draft whose name holds no process id is left alone; one of a dead process is removed."""
    from modelship.targets.process.folders import sweep

    stray(services)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait(timeout=60)
    (services / f".draft-{dead.pid}-svc-00000000").mkdir()
    sweep(services)
    left = {entry.name for entry in services.iterdir()}
    assert f".draft-{dead.pid}-svc-00000000" not in left
    assert {".draft-x", ".draft-abc-x", "notes.txt"} <= left
    assert services.parent.is_dir()


@pytest.mark.parametrize("pid", ["1", "0", "-1", "9" * 30, "x", "", "{own}"])
def test_deleting_ends_no_process_but_the_service(services, target, pid):
    """The id in the file of a service ends nothing that does not carry the service's mark."""
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    folder = services / GOOD["instance_id"]
    (folder / "pid").write_text(pid.format(own=other.pid))
    target.delete("good-svc")
    assert target.list() == ()
    assert other.poll() is None
    other.communicate(b"\n", timeout=60)


@pytest.mark.parametrize("instance_id", ["../../../x", "", "..", "/elsewhere", "a/b"])
def test_an_id_that_is_no_folder_of_its_own_is_refused(services, target, instance_id, tmp_path):
    """Whatever the source of the instance, nothing outside of the state folder is touched."""
    odd = replace(Instance.from_json(json.dumps(GOOD)), instance_id=instance_id)
    with pytest.raises(ModelshipError, match="instance_id"):
        target._backend.stop(odd)
    assert (services / GOOD["instance_id"]).is_dir()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_in_a_record_are_listed(services, target, data):
    """With bytes put anywhere into a record, all services are listed, and nothing is raised."""
    path = services / GOOD["instance_id"] / "instance.json"
    before = json.dumps(GOOD).encode()
    at = data.draw(st.integers(0, len(before)))
    path.write_bytes(before[:at] + data.draw(st.binary(max_size=8)) + before[at + 1 :])
    [found] = target.list()
    assert found.state is State.FAILED
    assert found.name == "good-svc"


@pytest.mark.parametrize(
    "keys", ["", "{", "[]", '{"primary": "secret-1"}', '{"primary": ["secret-1"], "secondary": ""}']
)
def test_broken_keys_are_said_and_not_told(services, target, keys):
    """A file of keys that cannot be used is an error of ours, without what is in it."""
    (services / GOOD["instance_id"] / "keys.json").write_text(keys)
    with pytest.raises(StorageError, match="does not contain two keys") as caught:
        target.get("good-svc").keys()
    assert "secret-1" not in str(caught.value)


# --- the disk -------------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path):
    environment = Environment(python="3.11", requirements=())
    return offline_bundle(
        script_bundle(cases.SCALING, folder=tmp_path / "made", environment=environment)
    )


def refused(target, bundle, name="digits"):
    with pytest.raises(StorageError) as caught:
        target.deploy(bundle, name=name, check="off", show_output=False)
    return caught.value


def test_a_home_that_is_a_file_is_said(home, bundle):
    """It names the file and what to do, and so does a list of services."""
    home.write_text("")
    error = refused(DeployTarget.open("memory"), bundle)
    assert str(home) in error.path
    assert "MODELSHIP_HOME" in error.hint
    with pytest.raises(StorageError):
        DeployTarget.open("process").list()


def test_a_path_that_is_too_long_is_said(monkeypatch, tmp_path, bundle):
    """A home of more letters than a disk takes is an error of ours."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / ("x" * 300)))
    assert "too long" in str(refused(DeployTarget.open("memory"), bundle))


def test_a_home_that_everybody_may_write_to_is_refused(home, bundle, target):
    """What is in it is run, so nobody else may write there; the hint fixes it."""
    (home / "state").mkdir(parents=True)
    (home / "state").chmod(0o777)
    error = refused(DeployTarget.open("memory"), bundle)
    assert error.hint.endswith(f"chmod o-w '{home / 'state'}'")
    (home / "state").chmod(0o775)
    assert target.list() == ()


FULL = """
import sys
from contextlib import suppress
from dataclasses import replace
from modelship.errors import StorageError
from modelship.staging import storing, write_atomic
from pathlib import Path
path = Path(sys.argv[1])
try:
    with storing(path):
        write_atomic(path, b"x" * 2**20)
except StorageError as error:
    print(error)
print(path.read_text(), len(list(path.parent.iterdir())))
"""


def test_a_full_disk_leaves_what_was_there(tmp_path):
    """If there is no space for a file, the old one stays whole, and no draft is left."""
    (tmp_path / "record").write_text("before")
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
    limited += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    done = subprocess.run(
        [sys.executable, "-c", limited + FULL, str(tmp_path / "record")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Free some space" in done.stdout
    assert done.stdout.endswith("before 1\n")


def test_what_no_disk_refuses_is_not_called_storage(tmp_path):
    """An error that is none of the disk's passes as it is."""
    from modelship.staging import storing

    with pytest.raises(ConnectionRefusedError), storing(tmp_path):
        raise ConnectionRefusedError(111, "refused")
    with pytest.raises(TimeoutError), storing(tmp_path):
        raise TimeoutError


def test_a_broken_record_keeps_its_name_until_it_is_overwritten(services, bundle, target):
    """Deploying under its name is refused, and the reason is the record."""
    write(services, "odd-svc-00000000", "{")
    with pytest.raises(NameTakenError, match="its record"):
        target.deploy(bundle, name="odd-svc", check="off", show_output=False)


def test_a_file_system_without_files_is_named_as_the_cause(monkeypatch):
    """/proc answers "no such file" when a folder is created there."""
    monkeypatch.setenv("MODELSHIP_HOME", "/proc/none")
    with pytest.raises(StorageError, match="/proc/none") as caught, exclusive("x", timeout_s=1):
        pass
    assert "No file can be created there" in caught.value.hint
