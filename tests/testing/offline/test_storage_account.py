"""The key of a storage account, and the requests that it has signed."""

from __future__ import annotations

import base64
from email.utils import formatdate
from time import time

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from modelship.testing.offline.data.account import StorageAccount

pytestmark = pytest.mark.azure

ACCOUNT = StorageAccount("ours", base64.b64encode(b"key").decode())


def request(*, at=0.0, account=ACCOUNT, signature=None, **fields):
    """Return a request that an account has signed, at a moment so many seconds from now."""
    date = {"x-ms-date": formatdate(time() + at, usegmt=True), "x-ms-version": "2023-01-03"}
    path = "/azureml-blobs/a%20b?restype=container&comp=list"
    builder = EnvironBuilder(method="PUT", headers=date | fields)
    environ = builder.get_environ() | {"REQUEST_URI": path}
    made = signature or account._signature(Request(environ))
    return Request(environ | {"HTTP_AUTHORIZATION": f"SharedKey ours:{made}"})


def test_a_request_that_the_key_has_signed_is_known():
    """Within a quarter of an hour."""
    assert ACCOUNT.has_signed(request())
    assert ACCOUNT.has_signed(request(at=-600))
    assert not ACCOUNT.has_signed(request(at=-1000))
    assert not ACCOUNT.has_signed(request(at=1000))


def test_no_other_request_is_known():
    """Signed by another key, changed afterwards, or without a date."""
    other = StorageAccount("ours", base64.b64encode(b"other").decode())
    assert not ACCOUNT.has_signed(request(account=other))
    signed = request()
    for change in ({"REQUEST_METHOD": "GET"}, {"REQUEST_URI": "/azureml-blobs/b"}):
        assert not ACCOUNT.has_signed(Request(signed.environ | change))
    for field in ("HTTP_X_MS_DATE", "HTTP_AUTHORIZATION"):
        assert not ACCOUNT.has_signed(Request(signed.environ | {field: ""}))
    assert not ACCOUNT.has_signed(request(signature="é"))


def test_the_key_is_in_no_representation():
    """A log may hold an account."""
    assert ACCOUNT.key not in repr(ACCOUNT)
