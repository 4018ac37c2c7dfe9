"""Every source of modelship keeps the source contract."""

from __future__ import annotations

import pickle
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from modelship.testing import SourceContract

CONTRACT = Path(__file__).parents[2] / "docs" / "reference" / "source-contract.md"


class TestPath(SourceContract):
    def put(self, folder, file_name, content):
        (folder / file_name).write_bytes(content)
        return folder / file_name

    def missing(self, folder):
        return folder / "none.pkl"


class TestFile(TestPath):
    scheme = "file"

    def put(self, folder, file_name, content):
        return super().put(folder, file_name, content).as_uri()

    def missing(self, folder):
        return super().missing(folder).as_uri()


class TestMemory(SourceContract):
    keeps_bytes = False

    def put(self, folder, file_name, content):
        return pickle.loads(content)

    def missing(self, folder):
        pytest.skip("an object in memory is always there")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


class TestUrl(SourceContract):
    scheme = "http"
    secret = "s3cret"

    @pytest.fixture(autouse=True)
    def served(self, place):
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=place)) as server:
            self.host = f"127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, args=[0.01])
            thread.start()
            yield
            server.shutdown()
            thread.join()

    def put(self, folder, file_name, content):
        (folder / file_name).write_bytes(content)
        return f"http://me:s3cret@{self.host}/{file_name}?signature=s3cret"

    def missing(self, folder):
        return f"http://me:s3cret@{self.host}/none.pkl?signature=s3cret"


def test_each_clause_has_a_test_and_each_test_a_clause():
    """The clauses in words and the tests of the contract have the same numbers, in order."""
    in_words = re.findall(r"^\| (S\d\d) \|", CONTRACT.read_text(encoding="utf-8"), re.MULTILINE)
    tests = {name: test for name, test in vars(SourceContract).items() if name.startswith("test_")}
    assert in_words == [name[5:8].upper() for name in tests]
    for name, test in tests.items():
        assert test.__doc__.startswith(f"{name[5:8].upper()}: ")
