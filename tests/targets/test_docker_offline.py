"""The docker target where no engine answers, and its parts that need none."""

from __future__ import annotations

import gc
import inspect
import io
import json
import subprocess
import sys
import tarfile
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import docker.errors
import pytest
import requests

from modelship import DeployTarget
from modelship.errors import (
    InvalidOptionError,
    MissingExtraError,
    ModelshipError,
    TargetUnavailableError,
)
from modelship.runtime.images import dockerfiles, engine
from modelship.runtime.images.archive import Archive
from modelship.runtime.images.inspection import Container, unix_time
from modelship.runtime.images.layers import script_layer

SDK_ERRORS = [
    each
    for each in vars(docker.errors).values()
    if inspect.isclass(each) and issubclass(each, Exception)
]


def _made(kind):
    """Return an instance, whatever number of arguments its class takes."""
    for count in range(1, 6):
        with suppress(TypeError):
            return kind(*["words"] * count)
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", SDK_ERRORS, ids=lambda kind: kind.__name__)
def test_each_error_of_the_sdk_is_translated(kind):
    """Each class in docker.errors has an entry of its own, and so words and advice of ours."""
    translated = engine.translated(_made(kind))
    assert isinstance(translated, ModelshipError)
    assert "words" in str(translated)
    assert translated.hint == engine.ADVICE[kind.__name__]


@pytest.mark.parametrize(
    ("kind", "advice"),
    [(requests.ConnectionError, "Start Docker"), (requests.ReadTimeout, "wait until other builds")],
)
def test_an_engine_that_hangs_up_is_unavailable(kind, advice):
    """What the SDK lets through of requests is told as an engine that does not answer."""
    translated = engine.translated(kind("gone"))
    assert isinstance(translated, TargetUnavailableError)
    assert advice in translated.hint


ANSWERS = {
    "version": {"ApiVersion": "1.41"},
    "info": {"ID": "one", "Name": "here", "SystemTime": "2024-01-02T03:04:05.6Z"},
}


@pytest.fixture
def lone_engine(monkeypatch):
    """Run what answers like an engine without containers, and return the paths it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path.partition("?")[0])
            self.send_response(200)
            self.end_headers()
            answer = ANSWERS.get(self.path.rpartition("/")[2], [])
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        yield asked
        server.shutdown()


def test_an_engine_is_asked_for_its_version_once(lone_engine):
    """Until a request fails: then another engine may have taken its place."""
    for _ in range(3):
        DeployTarget.open("docker").list()
    assert lone_engine.count("/version") == 1
    with pytest.raises(TargetUnavailableError), engine.connected():
        raise docker.errors.APIError("refused")
    DeployTarget.open("docker").list()
    assert lone_engine.count("/version") == 2


def test_an_engine_is_asked_once_which_it_is(lone_engine):
    """Its clock is asked each time, since it is that of another machine."""
    for _ in range(2):
        with engine.connected() as found:
            assert found.identity() == "one"
            assert not found.is_here
    assert lone_engine.count("/v1.41/info") == 1
    with engine.connected() as found:
        assert [found.now(), found.now()] == ["1704164645.6"] * 2
    assert lone_engine.count("/v1.41/info") == 3


def test_an_image_may_be_removed_by_two_at_once(lone_engine, monkeypatch):
    """An engine calls that an error of its own; another error is told."""

    def remove(reference):
        raise docker.errors.APIError("500", explanation=f"{reference} sha256:a")

    with engine.connected() as found:
        monkeypatch.setattr(found._api, "remove_image", remove)
        found.remove_image("unrecognized image ID")
        with pytest.raises(docker.errors.APIError):
            found.remove_image("no space")


def test_a_container_that_goes_may_have_no_image_any_more(lone_engine, monkeypatch):
    """A listing of that moment ends no question about the images of all containers."""
    with engine.connected() as found:
        monkeypatch.setattr(found._api, "containers", lambda **_: [{"ImageID": ""}])
        assert found.images_of_containers() == []


@pytest.mark.parametrize(
    ("exit_code", "events", "expected"),
    [
        (137, ["start", "oom", "die"], True),
        (137, ["start", "kill", "die"], False),
        (137, ["start", "kill", "die", "start", "die"], None),
        (137, [], False),  # it has forgotten them
        (1, ["start", "die"], False),
    ],
)
def test_an_engine_may_not_know_that_a_container_was_killed_for_memory(
    lone_engine, monkeypatch, exit_code, events, expected
):
    """Then nothing says that it was not: the engine was not asked to send a signal either."""
    fields = {"image_id": "sha256:a", "status": "exited", "labels": {}, "port": None}
    container = Container("svc", exit_code=exit_code, **fields)
    with engine.connected() as found:
        told = lambda **how: ({"Action": e} for e in events if e in how["filters"]["event"])  # noqa: E731
        monkeypatch.setattr(found._api, "events", told)
        assert found.was_killed_for_memory(container) is expected


@pytest.mark.filterwarnings("ignore:unclosed <socket")  # by the SDK, when it cannot connect
@pytest.mark.parametrize(
    "host", ["tcp://127.0.0.1:9", "unix:///nowhere/docker.sock", "nonsense://"]
)
def test_without_an_engine_it_is_said_what_to_start(monkeypatch, host):
    """If no engine answers at DOCKER_HOST, the error says to start Docker."""
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(TargetUnavailableError, match="Start Docker") as caught:
        DeployTarget.open("docker").list()
    del caught
    gc.collect()


def test_without_the_sdk_the_extra_is_named(monkeypatch):
    """If the Docker SDK is not installed, the error says what to install."""
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(MissingExtraError, match=r"modelship-ml\[docker\]"):
        DeployTarget.open("docker").list()


@pytest.mark.parametrize(
    "options",
    [{"port": 0}, {"port": 65536}, {"base_image": ""}, {"base_image": "a\nRUN evil"}],
    ids=str,
)
def test_an_option_without_sense_is_refused(options):
    """A port that is none, and an image that would write into the Dockerfile, are refused."""
    with pytest.raises(InvalidOptionError):
        DeployTarget.open("docker", **options)


def test_an_archive_depends_on_names_and_content_alone(tmp_path):
    """Neither order, nor time, nor owner, nor a umask changes a byte; tarfile reads it back."""
    file = tmp_path / "tool"
    file.write_bytes(b"#!x" * 700)
    file.chmod(0o700)
    files = {"app/b/run": file, "app/" + "long" * 60: b"1", "app/a.tar": Archive({"x": b"2"})}
    archive = Archive(files, ["app"])
    sent = b"".join(archive)
    file.touch()
    assert sent == b"".join(Archive(dict(reversed(files.items())), ["app"]))
    assert len(sent) == archive.size_bytes
    with tarfile.open(fileobj=io.BytesIO(sent)) as read:
        members = {each.name: each for each in read}
        assert read.extractfile("app/b/run").read() == file.read_bytes()
    assert {each.uid for each in members.values()} == {0}
    modes = {name: oct(each.mode) for name, each in members.items()}
    assert modes["app/b"] == modes["app/b/run"] == "0o755"
    assert modes["app/a.tar"] == "0o644"


def test_a_file_that_changes_while_it_is_sent_is_an_error(tmp_path):
    """An archive whose file shrinks after its header was sent is not passed off as whole."""
    file = tmp_path / "model.pkl"
    file.write_bytes(b"0123")
    stream = iter(Archive({"model.pkl": file}))
    next(stream)
    file.write_bytes(b"01")
    with pytest.raises(OSError, match="changed"):
        list(stream)


def test_a_script_s_name_is_not_expanded():
    """A scoring script may have quotes, spaces and dollars in its name."""
    name = 'my "$HOME" score.py'
    layer = script_layer("modelship/model:1", entry_script=name, module="server", variables={})
    assert layer.environment == {"AZUREML_ENTRY_SCRIPT": name}
    assert name in layer.command


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("2024-01-02T03:04:05.6Z", "1704164645.6"), ("2024-01-02T03:04:05+02:00", "1704157445")],
)
def test_an_engine_s_time_is_read_to_its_digits(written, seconds):
    """The time of an engine keeps its fraction and heeds its zone."""
    assert unix_time(written) == seconds


def test_a_program_finds_the_secrets_of_a_file_in_its_environment(tmp_path):
    """Each value arrives as it is, over what the container was given by the same name."""
    given = {"TOKEN": "a=b c", "PEM": "two\nlines", "EMPTY": "", "NOT_ASCII": "ü"}
    file = tmp_path / "secrets"
    file.write_text("".join(f"{name}={value}\0" for name, value in given.items()))
    _, *options, _ = dockerfiles.with_secrets()
    shows = "import json, os; print(json.dumps(dict(os.environ)))"
    done = subprocess.run(
        [sys.executable, *options, file, sys.executable, "-c", shows],
        env={"TOKEN": "of the container", "MODE": "fast"},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout).items() >= {**given, "MODE": "fast"}.items()
