"""Files go to storage and come back, whatever fails once on the way."""

import pytest
import requests
from scripted_http import scripted

from modelship import progress
from modelship.workspace import WorkspaceLocation, blob_storage
from modelship.workspace.arm_requests import ArmError
from modelship.workspace.asking import Asker
from modelship.workspace.at_once import AT_ONCE
from modelship.workspace.blob_storage import BlobContainer

OK = (201, {}, b"")
BUSY = (503, {}, b"<Error><Code>ServerBusy</Code><Message>busy</Message></Error>")


def listed(*names, marker=""):
    """Return a page of the list of a container."""
    blobs = "".join(f"<Blob><Name>{name}</Name></Blob>" for name in names)
    body = f"<R><Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></R>"
    return (200, {}, body.encode())


def container(url):
    return BlobContainer.signed(f"{url}/c?sig=a%2Bb", session=requests.Session())


class Display(progress._Nothing):
    """Keeps what it was told to show."""

    def __init__(self):
        super().__init__("x")
        self.said = []

    def say(self, detail):
        self.said.append(detail)


@pytest.fixture
def display():
    """Return a display that is in use."""
    found = Display()
    token = progress._UNDER_WAY.set(found)
    yield found
    progress._UNDER_WAY.reset(token)


def test_a_large_file_goes_up_in_blocks(tmp_path, display):
    """Each block is sent again after a failure, and the list of blocks puts them together."""
    size = 2 * blob_storage._BLOCK_BYTES + 5
    (tmp_path / "big").write_bytes(bytes(size))
    with scripted(BUSY, OK, OK, OK, OK) as (url, asked, _):
        container(url).upload(tmp_path / "big", "a b/big")
    assert all(path.startswith("/c/a%20b/big?sig=a%2Bb&comp=block") for _, path, _, _ in asked)
    blocks = {path: len(body) for _, path, _, body in asked[:-1]}
    assert sum(blocks.values()) == size
    assert len(blocks) == 3
    assert asked[-1][3].count(b"<Latest>") == 3
    assert display.said == ["upload", *(f"upload {each} of 17 MB" for each in (8, 17, 17)), ""]


def test_the_files_of_a_folder_go_up_at_once(tmp_path, display):
    """A folder of thousands of small files takes long, and is less than a megabyte."""
    names = [f"{number}.txt" for number in range(8)]
    for name in names:
        (tmp_path / name).write_text(name)
    with scripted(*[OK] * 8) as (url, asked, _):
        container(url).upload(tmp_path, "many")
    sent = {path.partition("?")[0]: body for _, path, _, body in asked}
    assert sent == {f"/c/many/{name}": name.encode() for name in names}
    shown = [f"upload 0 of 0 MB, {done} of 8 files" for done in range(1, 9)]
    assert display.said == ["upload", *shown, ""]


def test_a_refused_file_ends_an_upload(tmp_path):
    """No other file is begun, however late the failure is looked at."""
    for number in range(40):
        (tmp_path / f"{number:02}.txt").write_text("")
    refused = (403, {}, b"<Error><Code>AuthorizationFailure</Code><Message>no</Message></Error>")
    with scripted(*[refused] * 40) as (url, asked, _), pytest.raises(ArmError, match="no"):
        container(url).upload(tmp_path, "many")
    assert len(asked) <= AT_ONCE


def test_progress_is_shown_from_the_thread_of_a_call(display):
    """A call runs in the context of who waits for it."""
    location = WorkspaceLocation("s", "g", "w")
    Asker(location)("try it", lambda: display.say(progress._UNDER_WAY.get().title), timeout_s=9)
    assert display.said == ["x"]


def test_an_interrupted_download_continues_where_it_stopped(tmp_path):
    """The second request asks for what is missing; pages of names are followed."""
    content = bytes(range(256)) * (blob_storage._PIECE_BYTES // 128)
    half = len(content) // 2
    replies = [
        listed("m/a", marker="next"),
        listed("m/b/c", "mm"),
        (200, {"Content-Length": str(len(content))}, content[: half + 5]),
        (206, {}, content[half:]),
        (200, {}, b"x"),
    ]
    with scripted(*replies) as (url, asked, _):
        container(url).download("m", tmp_path)
    assert (tmp_path / "m" / "a").read_bytes() == content
    assert (tmp_path / "m" / "b" / "c").read_bytes() == b"x"
    assert asked[3][2]["x-ms-range"] == f"bytes={half}-"
    assert not (tmp_path / "mm").exists()


@pytest.mark.parametrize(
    "rest", [(206, {}, b"y"), (200, {}, bytes(blob_storage._PIECE_BYTES) + b"y")]
)
def test_a_download_takes_what_comes_the_second_time(tmp_path, rest):
    """The rest of the file, or all of it from a server that ignores the range."""
    piece = bytes(blob_storage._PIECE_BYTES)
    broken = (200, {"Content-Length": str(len(piece) + 1)}, piece)
    with scripted(listed("m"), broken, rest) as (url, *_):
        container(url).download("m", tmp_path)
    assert (tmp_path / "m").read_bytes() == piece + b"y"


@pytest.mark.parametrize(
    ("replies", "problem"),
    [
        ([listed()], "no files at m"),
        ([listed("m/../../outside")], "name m/../../outside"),
        ([listed("m"), (200, {"Content-MD5": "AAAA"}, b"x")], "differs from its checksum"),
        ([(403, {}, b"<E><Code>AuthorizationFailure</Code><Message>no</Message></E>")], "no"),
    ],
)
def test_what_is_not_right_is_refused(tmp_path, replies, problem):
    """No file, one outside the folder, other content, or a refusal: each has its error."""
    target = tmp_path / "target"
    target.mkdir()
    with scripted(*replies) as (url, *_), pytest.raises(ArmError) as caught:
        container(url).download("m", target)
    assert problem in str(caught.value)
    assert "sig" not in repr(container(url))
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []
