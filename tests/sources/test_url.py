"""UrlSource against a real server that misbehaves in the ways servers do."""

from __future__ import annotations

import pickle
import socket
import traceback

import pytest

from modelship.errors import CorruptModelError, DigestMismatchError, FetchError
from modelship.sources import ModelSource
from modelship.sources.url import UrlSource


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("behavior", ["whole", "chunked", "moved"])
def test_a_file_comes_whole(tmp_path, served, behavior):
    """With a length, in chunks, or after a redirect, the bytes are those on the server."""
    model = ModelSource.open(f"{served.url}/{behavior}/my%20model.pkl?v=1").fetch(tmp_path)
    assert model.path.name == "my-model.pkl"
    assert model.path.read_bytes() == served.content
    assert served.paths[0] == f"/{behavior}/my%20model.pkl?v=1"


@pytest.mark.parametrize(
    ("behavior", "said"),
    [
        ("short", "connection broke|promised"),
        ("missing", "answered 404"),
        ("dropped", "broke|closed|reset"),
        ("loop", "redirects without end"),
    ],
)
def test_a_failed_transfer_leaves_nothing(tmp_path, served, behavior, said):
    """A short body, an error status, a dropped connection and a redirect loop are errors."""
    with pytest.raises(FetchError, match=said):
        ModelSource.open(f"{served.url}/{behavior}/model.pkl").fetch(tmp_path)
    assert _names(tmp_path) == []


def test_a_page_in_the_place_of_a_model_is_found(tmp_path, served):
    """A sign-in page that comes with status 200 is not a model."""
    with pytest.raises(CorruptModelError, match="HTML page"):
        ModelSource.open(f"{served.url}/page/model.pkl").fetch(tmp_path)
    assert _names(tmp_path) == []


def test_other_bytes_than_expected_are_refused(tmp_path, served):
    """The digest given to open() is that of the bytes that came."""
    with pytest.raises(DigestMismatchError):
        ModelSource.open(f"{served.url}/whole/model.pkl", sha256="1" * 64).fetch(tmp_path)
    assert _names(tmp_path) == []


def test_a_dripping_server_meets_the_deadline(tmp_path, served):
    """A byte now and then keeps no transfer alive past its deadline."""
    source = UrlSource(f"{served.url}/slow/model.pkl", timeout_s=0.3)
    with pytest.raises(FetchError, match=r"bytes came within 0\.3 s"):
        source.fetch(tmp_path)
    assert _names(tmp_path) == []


def test_nobody_listening_is_said(tmp_path):
    """A refused connection is called that."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/model.pkl"
        with pytest.raises(FetchError, match="connection refused"):
            ModelSource.open(url).fetch(tmp_path)


@pytest.mark.parametrize("behavior", ["missing", "short", "dropped", "loop", "page", "whole"])
def test_no_secret_is_shown(tmp_path, served, behavior):
    """Neither a message, nor a repr, nor a traceback holds a password or a signature."""
    host = served.url.removeprefix("http://")
    url = f"http://user:pa55word@{host}/{behavior}/model.pkl?sig=s3cret&token=t0ken#fr4gment"
    source = ModelSource.open(url, sha256="2" * 64)
    with pytest.raises((FetchError, CorruptModelError, DigestMismatchError)) as caught:
        source.fetch(tmp_path)
    shown = "".join(traceback.format_exception(caught.value))
    shown += repr(source) + str(caught.value) + repr(pickle.loads(pickle.dumps(caught.value)))
    assert f"{served.url}/{behavior}/model.pkl" in repr(source)
    for secret in ("user", "pa55word", "s3cret", "t0ken", "fr4gment"):
        assert secret not in shown.replace(str(tmp_path), "").replace(__file__, "")


@pytest.mark.parametrize("url", ["http://u:s3cret@[broken/m.pkl", "http://u:s3cret@h:port/m.pkl"])
def test_a_malformed_url_is_not_repeated(url):
    """A URL that cannot be taken apart may hold a secret anywhere."""
    with pytest.raises(Exception, match="malformed") as caught:
        ModelSource.open(url)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value)).replace(repr(url), "")
