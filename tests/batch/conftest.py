"""Scoring processes in the Python of the tests, so that no environment is created for them."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import modelship as ms
from modelship.batch.scoring_places import ScoringPlace, place_files
from modelship.bundle import Environment
from modelship.testing import with_lock
from reserved_ports import reserve_port
from waiting import wait_until

# That of every azurite; it is in its documentation.
AZURITE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@pytest.fixture(scope="session")
def scorer_files(tmp_path_factory):
    """Return a folder with what scoring processes import."""
    folder = tmp_path_factory.mktemp("scorer")
    place_files(folder)
    return folder


@pytest.fixture
def place_of(scorer_files, tmp_path):
    """Return a function that makes the place of a script, with this text."""

    def made(text, **variables):
        app = tmp_path / "place" / "app"
        app.mkdir(parents=True, exist_ok=True)
        (app / "score.py").write_text(text)
        usual = {
            "AML_APP_ROOT": str(app),
            "AZUREML_ENTRY_SCRIPT": "score.py",
            "PYTHONPATH": str(scorer_files),
            "MODELSHIP_BATCH_BODY": json.dumps({"key": "data", "rows": "rows"}),
        }
        started.append(ScoringPlace(sys.executable, app.parent, {**usual, **variables}))
        return started[-1]

    started = []
    yield made
    for each in started:
        each.host.close()


@pytest.fixture
def places(place_of):
    """Return a function that gives an engine the place of a script, whatever the bundle."""

    def made(text):
        @contextmanager
        def prepared(_bundle, *, timeout_s, variables):
            place = place_of(text, **variables)
            with closing(place.host):
                yield place

        return prepared

    return made


@pytest.fixture
def wait_for_no_scorer():
    """Return a function that waits until no process of a place is left."""

    def wait(folder):
        wait_until(lambda: not _processes(folder), describe=lambda: str(_processes(folder)))

    return wait


def _processes(folder):
    found = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"AML_APP_ROOT={folder}".encode() in each.read_bytes():
                command = each.with_name("cmdline").read_text().replace("\0", " ")
                found.append(f"{each.with_name('stat').read_text()[:60]}… {command}")
    return found


@pytest.fixture(scope="session")
def idle_bundle(tmp_path_factory, bare_lock):
    """Return a bundle that nothing runs."""
    text = "def init(): pass\n\n\ndef run(raw_data): return []\n"
    return _bare_bundle(text, tmp_path_factory.mktemp("bundle"), bare_lock)


@pytest.fixture
def bare_bundle(bare_lock, tmp_path):
    """Return a function that makes a bundle of a script, without packages."""
    return lambda text: _bare_bundle(text, tmp_path, bare_lock)


def _bare_bundle(text, folder, lock):
    (folder / "score.py").write_text(text)
    environment = Environment(python=lock.python, requirements=())
    made = ms.ScoringBundle([], entry_script=folder / "score.py", environment=environment)
    return with_lock(made, lock=lock)


@pytest.fixture(scope="session")
def numbers():
    """Return 1,000 rows of two numbers."""
    return pd.DataFrame(np.random.default_rng(0).uniform(1, 2, (1000, 2)), columns=["a", "b"])


@pytest.fixture(scope="session")
def model_bundle(numbers, tmp_path_factory):
    """Return the bundle of a model of the numbers."""
    model = LogisticRegression().fit(numbers, numbers.a > numbers.b)
    fetched = ms.ModelSource.open(model).fetch(tmp_path_factory.mktemp("model"))
    return ms.ScoringBundle(fetched), model


@pytest.fixture(scope="session")
def s3_server():
    """Return a bucket in a server on this machine with the protocol of S3."""
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    given = pytest.MonkeyPatch()
    given.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        given.setenv(name, "none")
    fsspec.filesystem("s3").mkdir("bucket")
    yield "bucket"
    given.undo()
    server.stop()


@pytest.fixture(scope="session")
def gcs_server():
    """Return a bucket in a server with the protocol of Google Cloud Storage, without conditions."""
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    given = pytest.MonkeyPatch()
    given.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # it asks for the kind of a bucket
    pytest.importorskip("gcsfs")
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    reserving, port = reserve_port()
    server = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket="bucket")
    server.start()
    given.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    given.setitem(fsspec.config.conf, "gs", {"token": "anon", "project": "none"})
    yield "bucket"
    given.undo()
    server.stop()
    reserving.close()


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory):
    """Return a container in a server with the protocol of Azure Blob Storage: npm's azurite."""
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite is not installed: npm install -g azurite")
    pytest.importorskip("adlfs")
    reserving, port = reserve_port()
    command = [
        program,
        "--silent",
        "--disableTelemetry",
        "--skipApiVersionCheck",
        "--inMemoryPersistence",
    ]
    command += ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    given = pytest.MonkeyPatch()
    account = f"AccountName=devstoreaccount1;AccountKey={AZURITE_KEY}"
    endpoint = f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1"
    place = tmp_path_factory.mktemp("azurite")
    with reserving, subprocess.Popen(command, cwd=place) as server:
        given.setenv(
            "AZURE_STORAGE_CONNECTION_STRING", f"DefaultEndpointsProtocol=http;{account};{endpoint}"
        )
        wait_for(port)
        fsspec.filesystem("az").mkdir("bucket")
        yield "bucket"
        given.undo()
        server.terminate()


def wait_for(port):
    """Wait until a server of this machine listens on a port."""

    def is_listening():
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", port)) == 0

    wait_until(is_listening)
