"""Hostile requests, broken records and other users: no request fails, and nothing is hidden."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from contextlib import ExitStack, suppress
from itertools import islice
from urllib.parse import quote

import pytest
import requests

from modelship.errors import EnvironmentSpecError, InvalidOptionError
from modelship.testing.offline.document_store import BrokenRecordError, Store
from modelship.testing.offline.images import Images
from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.testing.offline.peers import user_of
from modelship.testing.offline.specifications import Specification
from modelship.workspace import WorkspaceLocation

MMS, ART, ENV = "modelmanagement/v1.0", "artifact/v2.0", "environment/v1.0"
MODELS = "POST MODELS HTTP/1.1\r\nHost: 127.0.0.1\r\nAUTH"
ASKS = "GET /subscriptions HTTP/1.1\r\nHost: 127.0.0.1\r\nAUTH"
TOKEN = "POST /TENANT/oauth2/v2.0/token HTTP/1.1\r\nHost: 127.0.0.1\r\n"
EXCHANGES = [
    ("GET /subscriptions HTTP/1.0\r\nAUTH\r\n", "403"),
    (f"{MODELS}Content-Length: -1\r\n\r\n{{}}", "400"),
    (f"{MODELS}Content-Length: x\r\n\r\n{{}}", "400"),
    (f"{MODELS}Content-Length: {'9' * 20}\r\n\r\n{{}}", "413"),
    (f"{MODELS}Content-Length: 10\r\n\r\n{{}}", "400"),
    (f"{MODELS}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n", "400"),
    (f"{MODELS}Transfer-Encoding: chunked\r\n\r\n-5\r\n{{}}\r\n0\r\n\r\n", "400"),
    (f"{MODELS}Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n{{}}", "400"),
    (f"{MODELS}Transfer-Encoding: gzip\r\n\r\n{{}}", "400"),
    ("GET /a\0b HTTP/1.1\r\nHost: 127.0.0.1\r\nAUTH\r\n", "404"),
    ("GET /%00%ff%zz HTTP/1.1\r\nHost: 127.0.0.1\r\nAUTH\r\n", "404"),
    ("GET http://evil.example/subscriptions HTTP/1.1\r\nHost: 127.0.0.1\r\nAUTH\r\n", "403"),
    ("OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nAUTH\r\n", "404"),
    ("TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\nAUTH\r\n", "404"),
    (ASKS + "X: a\r\n" * 200 + "\r\n", "431"),
    (f"GET /{'a' * 70000} HTTP/1.1\r\n\r\n", "414"),
    (f"{ASKS}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "200"),
    (f"{ASKS}\r\n{ASKS}\r\n", "200"),
    (
        f"POST /subscriptions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{ASKS}\r\n",
        "405",
    ),
    ("GET /subscriptions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \xff\r\n\r\n", "401"),
    ("GET MODELS?%ff=%fe&$skipToken=%ff HTTP/1.1\r\nHost: 127.0.0.1\r\nAUTH\r\n", "400"),
    (
        f"{TOKEN}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5\r\n\r\nabcde",
        "400",
    ),
    ("PUT /azureml/~%%% HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx", "403"),
]
NAMES = [
    "../../../up",
    "/etc/passwd",
    "..",
    ".",
    "~",
    "nul\0byte",
    "C:\\con",
    "x" * 300,
    "é" * 120,
    "line\r\nbreak",
    "%2e%2e%2f",
    "-rf",
    "a b;$(touch x)",
]
VALUES = [
    None,
    True,
    -1,
    1 << 62,
    1.5,
    "",
    "text",
    [],
    [1],
    [[]],
    {},
    {"a": 1},
    [{"op": 1}],
    "\u20ac",
]
MODEL = {
    "name": "m",
    "url": "aml://x",
    "kvTags": {},
    "properties": {},
    "datasets": [],
    "description": "",
    "framework": "ScikitLearn",
    "frameworkVersion": "1.0",
    "resourceRequirements": {"cpu": 1, "memoryInGB": 1},
}
SERVICE = {
    "name": "svc",
    "computeType": "ACI",
    "kvTags": {},
    "properties": {},
    "description": "",
    "location": "",
    "keys": {"primaryKey": "k"},
    "containerResourceRequirements": {"cpu": 9, "memoryInGB": 1},
    "environmentImageRequest": {
        "modelIds": ["none:1"],
        "driverProgram": "score.py",
        "assets": [{"id": "score.py", "url": "aml://artifact/x"}],
        "environment": {"name": "e", "python": {"condaDependencies": {}}},
    },
}
VALIDATED = {"type": "Create", "createRequest": SERVICE}
BARE = {**SERVICE, "environmentImageRequest": {"modelIds": ["kept:1"]}}
AKS = {
    **SERVICE,
    "computeType": "AKS",
    "computeName": "nowhere",
    "numReplicas": 2,
    "autoScaler": {"autoscaleEnabled": True, "minReplicas": 1, "maxReplicas": 2},
    "livenessProbeRequirements": {"periodSeconds": 1},
    "dataCollection": {"storageEnabled": True},
}
ENDPOINT = {
    "name": "endpoint",
    "computeType": "AKSENDPOINT",
    "computeName": "nowhere",
    "kvTags": {},
    "properties": {},
    "keys": {"primaryKey": "k"},
    "versions": {"one": {**AKS, "trafficPercentile": 10, "isDefault": True}},
}
CLUSTER = {
    "location": "eastus",
    "tags": {},
    "properties": {"computeType": "AKS", "properties": {"agentCount": 1, "sslConfiguration": {}}},
}
PACKAGE = {
    "packageType": "DockerImage",
    "imageName": "a",
    "imageLabel": "b",
    "imageRequest": {
        "modelIds": ["none:1"],
        "assets": [{"id": "score.py", "url": "aml://artifact/x"}],
        "environment": {"name": "e", "docker": {"baseDockerfile": "FROM nothing"}},
    },
}
STORES, SETS, VAULT = "datastore/v1.0", "dataset/v1.0", "credential/v2.0"
STORE = {
    "name": "store",
    "dataStoreType": "AzureBlob",
    "azureStorageSection": {"accountName": "a", "containerName": "azureml-a"},
}
DATAFLOW = '{"meta": {"RsDataflow": "type: mltable"}}'
SET = {
    "name": "set",
    "datasetType": "file",
    "latest": {"dataflow": DATAFLOW, "properties": {}, "savedDatasetId": None},
    "description": "",
    "tags": {},
}
BODIES = [
    ("POST", MMS, "/assets", {"artifacts": [{"prefix": "a"}]}),
    ("POST", MMS, "/models", MODEL),
    ("PATCH", MMS, "/models/kept:1", [{"op": "add", "path": "/kvTags/a", "value": "b"}]),
    ("POST", MMS, "/services", SERVICE),
    ("POST", MMS, "/services", BARE),
    ("POST", MMS, "/services", AKS),
    ("POST", MMS, "/services", ENDPOINT),
    ("PUT", "", "/computes/cluster", CLUSTER),
    ("POST", MMS, "/packages", PACKAGE),
    ("POST", ENV, "/environments/none/recipe", {"useDocker": False, "platform": "Linux"}),
    ("PUT", ENV, "/environments/AzureML-Minimal/metadata", {"Labels": ["a"]}),
    ("POST", MMS, "/services/validate", VALIDATED),
    ("POST", MMS, "/services/validate/resource", {"containerResourceRequirements": {"cpu": 9}}),
    ("POST", ART, "/artifacts/batch/metadata/LocalUpload/1a", {"paths": [{"path": "a"}]}),
    ("POST", STORES, "/datastores?skipValidation=true", STORE),
    ("PUT", STORES, "/datastores/other?skipValidation=true", STORE),
    ("POST", SETS, "/datasets?ifExistsOk=true", SET),
    ("POST", SETS, "/saveddatasets", {"datasetType": "file", "dataflowJson": DATAFLOW}),
    ("PUT", VAULT, "/secrets", {"name": "s", "value": "v"}),
    ("PUT", VAULT, "/secrets:putbatch", {"secrets": [{"name": "s", "value": "v"}]}),
    ("POST", VAULT, "/secrets:getbatch", {"secrets": [{"name": "s"}]}),
    ("PUT", ENV, "/environments/e", {"name": "e", "python": {}}),
]
RAW = [
    b"",
    b"{",
    b"\xff\xfe",
    b"NaN",
    b'{"name": Infinity}',
    b"[" * 100_000,
    b'{"a":' * 70 + b"1" + b"}" * 70,
    b"1" * 10_000,
    b'{"name": "\\ud800"}',
    b'{"paths": [{"path": "\\udfff"}]}',
    b" " * ((1 << 24) + 1),
]


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    with OfflineWorkspace(tmp_path_factory.mktemp("hostile") / "offline") as workspace:
        yield workspace


@pytest.fixture(scope="module")
def call(offline):
    """Return a function that makes one request with a valid token."""
    access = WorkspaceLocation.find(offline.config_path).offline
    fields = {"Authorization": f"Bearer {access.token(lifetime_s=3600)}"}
    session = requests.Session()
    session.trust_env = False  # it costs more than the request

    def make(method, service, path, **options):
        url = f"{offline.endpoint}/{service}{offline.identity.path}{path}"
        return session.request(method, url, headers=fields, timeout=60, **options)

    yield make
    session.close()


@pytest.fixture(scope="module", autouse=True)
def kept(call):
    """Register a model that must still be listed after each test."""
    assert call("POST", MMS, "/models", json={**MODEL, "name": "kept"}).status_code == 200


@pytest.fixture(autouse=True)
def unharmed(call, offline, caplog):
    """See after each test that what was there still is, and that no request failed."""
    yield
    models = call("GET", MMS, "/models")
    lists = [(STORES, "/datastores"), (SETS, "/datasets"), (VAULT, "/secrets"), (MMS, "/services")]
    for answer in (models, *(call("GET", *each) for each in lists)):
        assert answer.status_code == 200, answer.text
    assert "kept" in models.text
    assert not [each for each in caplog.records if " failed" in each.getMessage()]


def variants(body):
    """Yield a body with one of its values exchanged, at each place in it."""
    yield from VALUES
    for key in body if isinstance(body, dict) else range(len(body)):
        places = variants(body[key]) if isinstance(body[key], (dict, list)) else VALUES
        for value in places:
            changed = body.copy()
            changed[key] = value
            yield changed


# Long: an endpoint's versions are as a service on AKS, and what is created as in SERVICE.
LONG = {id(AKS), id(VALIDATED)}


@pytest.mark.parametrize(
    ("method", "service", "path", "body"),
    [pytest.param(*each, marks=[pytest.mark.long] * (id(each[3]) in LONG)) for each in BODIES],
    ids=lambda each: str(each)[:30],
)
@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.long)])
def test_no_body_makes_a_request_fail(call, method, service, path, body, step):
    """Any value at any place in it is taken or refused, and never stored if it cannot be read."""
    for variant in islice(variants(body), 0, None, step):
        status = call(method, service, path, json=variant).status_code
        assert status < 500 or status == 501, variant


@pytest.mark.parametrize("raw", RAW, ids=lambda each: repr(each[:12]))
@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.long)])
def test_what_is_no_plain_json_is_refused(call, raw, step):
    """Too deep, too long, not text, not JSON: 400 or 413."""
    for method, service, path, _ in BODIES[RAW.index(raw) % step : -1 : step]:
        answer = call(method, service, path, data=raw)
        assert answer.status_code in {400, 413}, answer.text


@pytest.mark.parametrize(("sent", "status"), EXCHANGES, ids=range(len(EXCHANGES)))
def test_each_exchange_has_one_answer(offline, sent, status):
    """Malformed, smuggled or too long: one answer with its status, and the connection ends."""
    token = WorkspaceLocation.find(offline.config_path).offline.token(lifetime_s=60)
    sent = sent.replace("AUTH", f"Authorization: Bearer {token}\r\n")
    sent = sent.replace("MODELS", f"/{MMS}{offline.identity.path}/models")
    sent = sent.replace("TENANT", offline.identity.tenant_id).encode("latin-1")
    address = ("127.0.0.1", offline.identity.ports["http"])
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert answer.split(b" ")[1].decode() == status, answer
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize("step", [2, pytest.param(1, marks=pytest.mark.long)])
def test_no_name_leads_out_of_the_folder(call, offline, name, step):
    """Whatever it names: a model, an asset, an artifact, a block, a service, an environment."""
    beside = sorted(offline.folder.parent.iterdir())
    part = quote(name, safe="")
    asks = [
        ("POST", MMS, "/models", {**MODEL, "name": name}),
        ("POST", MMS, "/services", {**SERVICE, "name": name}),
        ("POST", MMS, f"/services/validate/name/{part}", {}),
        ("POST", ART, "/artifacts/batch/metadata/LocalUpload/1a", {"paths": [{"path": name}]}),
        ("POST", ART, f"/artifacts/batch/metadata/{part}/{part}", {"paths": [{"path": name}]}),
        ("PUT", ENV, f"/environments/{part}", {"python": {}}),
        *(("GET", MMS, f"/{kind}/{part}", None) for kind in ("models", "assets", "services")),
        *(("DELETE", MMS, f"/{kind}/{part}", None) for kind in ("models", "services")),
        ("GET", MMS, f"/operations/{part}/log", None),
        ("GET", ART, f"/artifacts/contentinfo/{part}/{part}/{part}", None),
        ("GET", ART, f"/artifacts/prefix/contentinfo/{part}/{part}/{part}", None),
        ("POST", STORES, "/datastores?skipValidation=true", {**STORE, "name": name}),
        ("POST", SETS, "/datasets", {**SET, "name": name}),
        ("PUT", VAULT, "/secrets", {"name": name, "value": "v"}),
        *(("GET", STORES, f"/{kind}/{part}", None) for kind in ("datastores", "default")),
        *(("DELETE", SETS, f"/{kind}/{part}", None) for kind in ("datasets", "saveddatasets")),
        *((method, VAULT, f"/secrets/{part}", None) for method in ("GET", "DELETE")),
    ]
    for method, service, path, body in asks[NAMES.index(name) % step :: step]:
        assert call(method, service, path, json=body).status_code < 500, path
    assert sorted(offline.folder.parent.iterdir()) == beside


@pytest.mark.parametrize("block", ["..", ".", "", "a/b", "x" * 999, "\0"])
def test_a_block_is_a_block_whatever_its_id(call, block):
    """Ids are no names of files."""
    answer = call(
        "POST", ART, "/artifacts/batch/metadata/LocalUpload/1a", json={"paths": [{"path": "a"}]}
    ).json()
    uri = answer["artifactContentInformation"]["a"]["contentUri"]
    put = requests.put(f"{uri}&comp=block&blockid={quote(block, safe='')}", b"x", timeout=30)
    assert put.status_code == 201


BROKEN = ["", "{", "[]", "null", "7", '{"id": 7}', "\x00", "[" * 100_000]


@pytest.mark.parametrize("text", BROKEN, ids=lambda each: repr(each[:9]))
def test_a_broken_record_hides_no_other(call, offline, text, caplog):
    """It is left out of the list and logged once; asked for by name, it says what to remove."""
    number = BROKEN.index(text)
    path = offline.folder / "documents" / "models" / f"damaged%3A{number}.json"
    path.write_text(text)
    try:
        for _ in range(2):
            assert "damaged" not in call("GET", MMS, "/models").text
        answer = call("GET", MMS, f"/models/damaged:{number}")
        assert answer.json()["code"] == "BrokenRecord"
        assert f"{path} is broken" in answer.json()["message"]
    finally:
        path.unlink()
    assert caplog.text.count("remove it to continue without it") == 1


def test_a_stray_folder_and_a_link_are_broken_records(tmp_path):
    """Neither a folder nor a link to nowhere, where a record should be, is more than that."""
    documents = Store(tmp_path).documents("models")
    folder = tmp_path / "documents" / "models"
    (folder / "folder.json").mkdir(parents=True)
    (folder / "loop.json").symlink_to("loop.json")
    assert documents.all() == []
    for key in ("folder", "loop"):
        with pytest.raises(BrokenRecordError, match="remove it"):
            documents.get(key)


def test_a_lost_counter_gives_no_version_twice(call, offline):
    """Where the count of a model's versions is broken, it continues after the existing ones."""
    assert call("POST", MMS, "/models", json={**MODEL, "name": "counted"}).json()["version"] == 1
    (offline.folder / "documents" / "model-counters" / "counted.json").write_text("{")
    assert call("POST", MMS, "/models", json={**MODEL, "name": "counted"}).json()["version"] == 2


@pytest.mark.parametrize(
    "dependencies", ["python", [7], [None], [{"pip": "x"}], [{"pip": [7]}], [["pip"]], {"pip": []}]
)
def test_what_is_no_conda_file_is_an_error_of_the_build(dependencies):
    """It is told by name, and is no failure of the workspace."""
    environment = {"name": "mine", "python": {"condaDependencies": {"dependencies": dependencies}}}
    with pytest.raises(EnvironmentSpecError, match="mine.* is not valid in a conda file"):
        Specification.of_request({"environment": environment})


def member(name, size=0, **fields):
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in fields.items():
        setattr(info, key, value)
    return info


ARCHIVES = {
    "points outside": [member("../up.py")],
    "points outside ": [member("/etc/passwd")],
    "too long": [member("x" * 999)],
    "cannot be unpacked": [member("loop", type=tarfile.SYMTYPE, linkname="loop")],
    "cannot be unpacked ": [member("a", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
    "MiB or": [member("bomb", size=(1 << 20) + 1)],
}


@pytest.mark.parametrize("said", ARCHIVES)
def test_an_archive_is_unpacked_within_bounds(tmp_path, said, monkeypatch):
    """Paths that lead out, links, names and sizes without bounds are errors of the build."""
    monkeypatch.setattr("modelship.testing.offline.images._MOST_UNPACKED_BYTES", 1 << 20)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for info in ARCHIVES[said]:
            archive.addfile(info, Zeros(info.size))
    store = Store(tmp_path)
    place = store.blob("LocalUpload/1a/source.tar.gz")
    place.parent.mkdir(parents=True)
    place.write_bytes(packed.getvalue())
    asset = {"id": "source.tar.gz", "url": "aml://artifact/LocalUpload/1a/source.tar.gz"}
    with pytest.raises(EnvironmentSpecError, match=said.strip()):
        Images(store).source({"assets": [{**asset, "unpack": True}]})


class Zeros(io.RawIOBase):
    """A file of zeros, of any size."""

    def __init__(self, size):
        self.left = size

    def read(self, size=-1):
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


@pytest.mark.parametrize("place", ["file", "file/below", "x" * 300])
def test_a_folder_that_cannot_be_is_told(tmp_path, place):
    """A file in its way, or a name that no disk takes: one sentence, and no OSError."""
    (tmp_path / "file").touch()
    with pytest.raises(InvalidOptionError, match="expected a"):
        OfflineWorkspace(tmp_path / place).__enter__()


as_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("setpriv"),
    reason="only root can be another user",
)


def as_another_user(code):
    """Run some code as a user that is not this one, and return what it printed."""
    become = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    options = {"capture_output": True, "text": True, "timeout": 60}
    for python in (sys.executable, "/usr/bin/python3"):  # the first may lie in a home of ours
        command = [*become, python, "-I", "-S", "-c"]
        with suppress(OSError):
            if subprocess.run([*command, "print('runs')"], **options).stdout == "runs\n":
                done = subprocess.run([*command, code], **options)
                return done.stdout + done.stderr
    return pytest.skip("there is no Python that another user can run")


@as_root
def test_another_user_is_not_answered(offline):
    """On no port, with a token or without one: the connection is closed unread."""
    token = WorkspaceLocation.find(offline.config_path).offline.token(lifetime_s=60)
    port = offline.identity.ports["http"]
    head = f"GET /subscriptions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}"
    said = as_another_user(f"""
import socket
for port in {[*offline.identity.ports.values()]}:
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        try:
            connection.sendall({head!r}.encode() + b"\\r\\n\\r\\n")
            print(connection.recv(99))
        except OSError:
            print(b"")
""")
    assert said.split() == ["b''"] * 3
    with pytest.MonkeyPatch.context() as patch:  # and it would have been answered
        patch.setattr("modelship.testing.offline.peers.user_of", lambda _: None)
        assert "200 OK" in as_another_user(
            f"import socket; c = socket.create_connection(('127.0.0.1', {port}));"
            f"c.sendall({head!r}.encode() + b'\\r\\n\\r\\n'); print(c.recv(99))"
        )


@as_root
def test_another_user_reads_no_secret(offline):
    """Nothing in the folder can be opened, wherever it lies, nor listed."""
    said = as_another_user(f"""
import os
for name in {[*map(str, offline.folder.rglob("*"))]} + [{str(offline.folder)!r}]:
    try:
        os.listdir(name) if name == {str(offline.folder)!r} else open(name).read()
        print("read", name)
    except IsADirectoryError:
        pass
    except PermissionError:
        print("refused")
""")
    assert set(said.split()) == {"refused"}


def test_silent_clients_keep_nobody_out(offline, call, monkeypatch):
    """Where there are too many connections, the oldest ends."""
    monkeypatch.setattr("modelship.testing.offline.server._MOST_OPEN", 3)
    address = ("127.0.0.1", offline.identity.ports["http"])
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(4)
        ]
        assert call("GET", MMS, "/models").status_code == 200
        assert silent[0].recv(1) == b""


def test_a_connection_of_ones_own_is_known():
    """Where the platform tells, it tells this user."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()),
    ):
        connection, _ = server.accept()
        with connection:
            assert user_of(connection) in {os.geteuid(), None}
