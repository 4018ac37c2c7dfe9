"""Artifacts and their blobs on the wire: addresses, signatures, ranges, blocks and digests."""

from __future__ import annotations

import base64
import hashlib
from itertools import product
from pathlib import Path

import pytest
import requests
from werkzeug.http import parse_range_header

from modelship.testing.offline.artifacts import artifact_files
from modelship.testing.offline.data import blob_content
from modelship.testing.offline.document_store import Store

ART = "artifact/v2.0"
CONTENT = bytes(range(256)) * 4
BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}


@pytest.fixture
def upload_uri(call):
    """Return the address that an artifact is written to."""

    def find(path="model.pkl"):
        body = {"paths": [{"path": path}]}
        answer = call("POST", ART, "/artifacts/batch/metadata/LocalUpload/1a", json=body).json()
        return answer["artifactContentInformation"][path]["contentUri"]

    return find


@pytest.fixture
def blob(upload_uri, call):
    """Return the address that an uploaded artifact is read from."""
    requests.put(upload_uri(), CONTENT, headers=BLOCK_BLOB, timeout=30).raise_for_status()
    answer = call("GET", ART, "/artifacts/contentinfo/LocalUpload/1a/model.pkl")
    return answer.json()["contentUri"]


def test_a_blob_tells_its_size_without_its_content(blob):
    """HEAD answers the length, an ETag and the kind of blob, and no body."""
    answer = requests.head(blob, timeout=30)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["x-ms-blob-type"] == "BlockBlob"
    assert answer.headers["ETag"] == requests.get(blob, timeout=30).headers["ETag"]


def test_a_blob_that_is_replaced_meanwhile_is_read_as_it_was(blob, upload_uri, monkeypatch):
    """Its length and its content are of one version."""

    def replacing(header):
        monkeypatch.undo()
        headers = BLOCK_BLOB | {"x-ms-version": "2021-12-02"}
        requests.put(upload_uri(), b"short", headers=headers, timeout=30).raise_for_status()
        return parse_range_header(header)

    monkeypatch.setattr(blob_content, "parse_range_header", replacing)
    answer = requests.get(blob, headers={"Range": "bytes=0-"}, timeout=30)
    assert answer.content == CONTENT
    assert requests.get(blob, timeout=30).content == b"short"


def test_a_blob_that_is_deleted_meanwhile_is_not_there(offline, blob, monkeypatch):
    """The answer is 404, as before and afterwards."""
    monkeypatch.setattr(Path, "is_file", lambda _path: True)
    Store(offline.folder).blob("LocalUpload/1a/model.pkl").unlink()
    assert requests.get(blob, timeout=30).status_code == 404


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=10-19", 10, 20),
    ("bytes=1000-", 1000, 1024),
    ("bytes=1000-9999", 1000, 1024),
    ("bytes=-4", 1020, 1024),
]


def test_a_range_is_that_part_alone(blob):
    """Both header fields ask for a part, and the answer says of how much."""
    for field, (wanted, start, end) in product(("Range", "x-ms-range"), RANGES):
        answer = requests.get(blob, headers={field: wanted}, timeout=30)
        assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"


def test_a_range_beyond_the_end_is_refused(blob):
    """There is nothing to send, and the code says so."""
    answer = requests.get(blob, headers={"Range": "bytes=1024-"}, timeout=30)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (416, "InvalidRange")


def test_a_blob_that_changed_does_not_meet_the_condition(blob):
    """A later part of a download is refused if the blob is another one by then."""
    answer = requests.get(blob, headers={"If-Match": '"0x1"'}, timeout=30)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (412, "ConditionNotMet")


def test_blocks_are_put_together_in_the_order_of_the_list(upload_uri, offline):
    """The order is that of the list, not that of arrival, and no block is left over."""
    uri = upload_uri()
    for name, content in (("dHdv", b"two"), ("b25l", b"one")):
        requests.put(f"{uri}&comp=block&blockid={name}", content, timeout=30).raise_for_status()
    blocks = "<BlockList><Latest>b25l</Latest><Latest>dHdv</Latest></BlockList>"
    answer = requests.put(f"{uri}&comp=blocklist", blocks, timeout=30)
    assert answer.status_code == 201
    found = artifact_files(Store(offline.folder), "LocalUpload/1a")
    assert found["1a/model.pkl"].read_bytes() == b"onetwo"
    assert not list((offline.folder / "uploads").iterdir())


def test_a_list_of_blocks_that_never_came_is_refused(upload_uri, offline):
    """Nothing appears where the blob would be."""
    blocks = "<BlockList><Latest>b25l</Latest></BlockList>"
    answer = requests.put(f"{upload_uri()}&comp=blocklist", blocks, timeout=30)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "InvalidBlockList")
    assert not artifact_files(Store(offline.folder), "LocalUpload/1a")


def test_damage_on_the_way_is_noticed(upload_uri, offline):
    """An upload whose digest differs from its content is refused, and nothing is kept."""
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    answer = requests.put(upload_uri(), CONTENT, headers={"Content-MD5": wrong}, timeout=30)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "Md5Mismatch")
    assert not list((offline.folder / "uploads").iterdir())


def test_an_upload_that_breaks_off_leaves_nothing(upload_uri, offline):
    """A body shorter than announced is no blob."""
    request = requests.Request("PUT", upload_uri(), data=b"short").prepare()
    request.headers["Content-Length"] = "100"
    with requests.Session() as session, pytest.raises(requests.ConnectionError):
        session.send(request, timeout=1).raise_for_status()
    assert not artifact_files(Store(offline.folder), "LocalUpload/1a")


def test_an_upload_that_must_not_overwrite_does_not(upload_uri, blob):
    """The SDK uploads on the condition that there is no such blob yet."""
    answer = requests.put(upload_uri(), b"new", headers={"If-None-Match": "*"}, timeout=30)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (409, "BlobAlreadyExists")
    assert requests.get(blob, timeout=30).content == CONTENT


def test_a_folder_and_a_file_cannot_share_a_name(upload_uri, blob):
    """Blobs are files here, and the difference from Azure is told."""
    answer = requests.put(upload_uri("model.pkl/inside"), b"x", headers=BLOCK_BLOB, timeout=30)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (409, "ResourceTypeMismatch")


@pytest.mark.parametrize("part", ["sig=", "se=2", "sp=r"])
def test_an_address_that_was_changed_opens_nothing(blob, part):
    """The signature covers the blob, what may be done, and until when."""
    answer = requests.get(blob.replace(part, f"{part}0"), timeout=30)
    assert answer.status_code == 403
    assert answer.headers["x-ms-error-code"] == "AuthenticationFailed"
    assert requests.get(blob.replace("model.pkl", "other.pkl"), timeout=30).status_code == 403


def test_an_address_to_read_from_writes_nothing(blob):
    """What was given out for a download is refused for an upload."""
    assert requests.put(blob, b"new", timeout=30).status_code == 403
    assert requests.get(blob, timeout=30).content == CONTENT


@pytest.mark.parametrize("path", ["../up", "a/../../up", "./a", "a//b", "x" * 300])
def test_paths_that_cannot_be_files_are_refused(call, path):
    """No artifact leads out of its folder, and none has a name that a disk cannot hold."""
    body = {"paths": [{"path": path}]}
    answer = call("POST", ART, "/artifacts/batch/metadata/LocalUpload/1a", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidArtifactPath")


def test_an_artifact_that_was_never_uploaded_is_not_found(call, upload_uri):
    """Its name alone does not make it readable; below its prefix there is nothing."""
    upload_uri()
    one = call("GET", ART, "/artifacts/contentinfo/LocalUpload/1a/model.pkl")
    below = call("GET", ART, "/artifacts/prefix/contentinfo/LocalUpload/1a/model.pkl/")
    assert (one.status_code, one.json()["code"]) == (404, "ArtifactNotFound")
    assert below.json()["value"] == []


def test_files_are_named_from_the_prefix_on(upload_uri, offline):
    """A prefix that is a file gives its name; a folder, with or without a slash, its content."""
    for path in ("model.pkl", "folder/a", "folder/b c/d"):
        requests.put(upload_uri(path), b"x", headers=BLOCK_BLOB, timeout=30).raise_for_status()
    store = Store(offline.folder)
    assert [*artifact_files(store, "LocalUpload/1a/model.pkl")] == ["model.pkl"]
    for prefix in ("LocalUpload/1a/folder", "LocalUpload/1a/folder/"):
        assert sorted(artifact_files(store, prefix)) == ["folder/a", "folder/b c/d"]
    assert artifact_files(store, "LocalUpload/1a/none") == {}
