"""No operation on a store waits for ever, and a slow one that makes progress is not ended."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from types import SimpleNamespace

import fsspec
import pytest
from fsspec import asyn

from modelship.batch import store_progress
from modelship.batch.batch_plan import InputFile
from modelship.batch.file_places import files_at, open_rows, reading
from modelship.batch.store_errors import StoreError
from modelship.batch.store_files import StoreFiles
from modelship.batch.store_reading import RANGE_BYTES
from modelship.errors import BatchInputError

OPERATIONS = {
    "get": lambda files, _: files.get("one"),
    "get_all": lambda files, _: files.get_all(["one", "two"]),
    "open": lambda files, _: files.open("one").read(1),
    "get_folder": lambda files, place: files.get_folder("some", place),
    "copy": lambda files, _: files.copy("one", "two"),
    "remove": lambda files, _: files.remove(["one", "two", "a*"]),
    "sizes": lambda files, _: files.sizes(),
}


class SlowStore(asyn.AsyncFileSystem):
    """Answers at once, or never; a listing has some pages."""

    cachable = False

    def __init__(self, content, *, pages=1, hangs=()):
        super().__init__()
        self.content, self.pages, self.hangs = content, pages, hangs
        self.ranges, self.pages_sent = [], []

    async def _answer(self, operation):
        await asyncio.sleep(60 if operation in self.hangs else 0)

    async def _info(self, path, **_):
        await self._answer("info")
        return {"name": path, "size": len(self.content), "type": "file"}

    async def _find(self, path, **_):
        for _ in range(self.pages):
            await self._answer("find")
            self.pages_sent.append(1)
        return {f"{path}/one": await self._info(f"{path}/one")}

    async def _cat_file(self, _path, start=None, end=None, **_):
        await self._answer("cat_file")
        if not self.content and end:
            raise ValueError("no such range")
        self.ranges.append((start, end))
        return self.content[start:end]

    async def _cp_file(self, *_, **__):
        await self._answer("cp_file")

    async def _rm(self, *_, **__):
        await self._answer("rm")


def store(content=b"", *, limit_s=30.0, **given):
    """Return the objects of a store, of which each has some content."""
    return StoreFiles("slow://b/out", SlowStore(content, **given), "b/out", limit_s=limit_s)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_store_that_stops_is_an_error(operation, tmp_path):
    """In whichever operation."""
    stops = store(b"1", hangs=("cat_file", "find", "cp_file", "rm", "info"), limit_s=0.05)
    began = time.monotonic()
    with pytest.raises(StoreError, match="no answer for"):
        OPERATIONS[operation](stops, tmp_path)
    assert time.monotonic() - began < 10


def test_a_range_that_does_not_come_is_an_error():
    """After others of the same object had come."""
    stops = store(b"1" * (RANGE_BYTES + 1))
    with stops.open("one") as source:
        assert len(source.read(10)) == 10
        stops.system.hangs = ("cat_file",)
        vars(stops)["limit_s"] = 0.05
        with pytest.raises(StoreError, match="no answer for"):
            source.read()


class OneRange(SlowStore):
    """Sends the first range of each object, and no other."""

    protocol = "one-range"

    def __init__(self):
        super().__init__(b"1" * (RANGE_BYTES + 1))

    async def _cat_file(self, path, start=None, end=None, **_):
        self.hangs = ("cat_file",) if start else ()
        return await super()._cat_file(path, start, end)


def test_an_input_that_does_not_come_is_an_error_that_names_it():
    """While its rows are read, after others had come."""
    fsspec.register_implementation("one-range", OneRange, clobber=True)
    file = InputFile("one-range://bucket/rows.csv", "rows.csv", "csv", RANGE_BYTES + 1, "")
    hung = r"one-range://bucket/rows\.csv cannot be scored: .*no answer for"
    with pytest.raises(BatchInputError, match=hung), reading(file, limit_s=0.2) as source:
        source.read()


def test_a_slow_listing_is_not_ended(monkeypatch):
    """It takes longer than the time limit, and each page less."""
    slow = store(b"1", pages=6)
    pages = slow.system.pages_sent
    clock = SimpleNamespace(monotonic=lambda: 0.4 * slow.limit_s * len(pages))
    monkeypatch.setattr(store_progress, "time", clock)
    assert slow.sizes() == {"one": 1}
    assert clock.monotonic() > 2 * slow.limit_s


@pytest.mark.parametrize("size", [0, 1, RANGE_BYTES, 2 * RANGE_BYTES + 5])
def test_an_object_is_read_in_ranges(size, tmp_path):
    """Of the same content, whatever its size; a small one in one request."""
    content = bytes(range(251)) * (size // 251 + 1)
    files = store(content[:size])
    assert files.get("one") == content[:size]
    assert len(files.system.ranges) == -(-size // RANGE_BYTES)
    files.get_folder("", tmp_path)
    assert (tmp_path / "one").read_bytes() == content[:size]
    with files.open("one") as source:
        source.seek(-size // 2, 2)
        assert source.read() == content[size - (size + 1) // 2 : size]


CONNECTION = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint="
DRIVERS = {
    "s3": lambda url: {"endpoint_url": url, "key": "a", "secret": "b"},
    "gs": lambda url: {"endpoint_url": url, "token": "anon", "project": "none"},
    "abfs": lambda url: {"connection_string": f"{CONNECTION}{url}/a"},
}


@pytest.mark.long
@pytest.mark.parametrize("scheme", DRIVERS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_driver_is_not_waited_for(scheme, operation, tmp_path, monkeypatch):
    """Its store accepts connections, and never answers."""
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # read when it is imported
    pytest.importorskip({"s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs"}[scheme])
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setitem(fsspec.config.conf, scheme, DRIVERS[scheme](url))
        opened = StoreFiles.at(f"{scheme}://bucket/out")
        files = StoreFiles(opened.url, opened.system, opened.root, limit_s=0.5)
        began = time.monotonic()
        with pytest.raises(StoreError, match="no answer for"):
            OPERATIONS[operation](files, tmp_path)
        assert time.monotonic() - began < 20


@pytest.mark.long
@pytest.mark.parametrize(
    ("scheme", "server"), [("s3", "s3_server"), ("gs", "gcs_server"), ("abfs", "azure_server")]
)
@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_an_input_is_read_through_each_driver(scheme, server, name, request, tmp_path):
    """From any position; a compressed one, too."""
    url = f"{scheme}://{request.getfixturevalue(server)}/{tmp_path.name}"
    (tmp_path / name).write_bytes(gzip.compress(b"a\n1\n") if name[-1] == "z" else b"a\n1\n")
    StoreFiles.at(url).put_file(tmp_path / name, name)
    assert [each.name for each in files_at(url)] == [name]
    assert [each.name for each in files_at(f"{url}/*")] == [name]
    with open_rows(f"{url}/{name}") as source:
        source.seek(2)
        assert source.read() == b"1\n"


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # by drivers
@pytest.mark.parametrize(
    ("scheme", "server"), [("s3", "s3_server"), ("gs", "gcs_server"), ("abfs", "azure_server")]
)
@pytest.mark.parametrize("size", [0, 1, RANGE_BYTES, 2 * RANGE_BYTES + 5])
def test_a_driver_reads_ranges(scheme, server, size, request, tmp_path):
    """Of objects of any size, also of an empty one."""
    files = StoreFiles.at(f"{scheme}://{request.getfixturevalue(server)}/{tmp_path.name}")
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    (tmp_path / "sent").write_bytes(content)
    files.put_file(tmp_path / "sent", "some/one")
    assert files.get("some/one") == content
    files.get_folder("some", tmp_path)
    assert (tmp_path / "one").read_bytes() == content
    with files.open("some/one") as source:
        source.seek(size // 2)
        assert source.read() == content[size // 2 :]
    with pytest.raises(FileNotFoundError):
        files.get("some/other")
    with pytest.raises(FileNotFoundError):
        files.open("some/other")
