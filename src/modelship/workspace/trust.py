"""Set the SDK's environment variables while a workspace is open."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["trusting"]

# azureml-dataprep's engine and Python's ssl module read the second.
_BUNDLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_NO_PROXY = ("NO_PROXY", "no_proxy")
_LOOPBACK = "127.0.0.1,localhost"

_lock = threading.Lock()
_bundles: list[str] = []
_before: dict[str, str | None] = {}


@contextmanager
def trusting(bundle: Path) -> Iterator[None]:
    """Let clients in this process trust a bundle file, and reach 127.0.0.1 without a proxy.

    Several may be open at a time, and end in any order: a later bundle contains the earlier ones,
    so that the last of those still open serves all. When none is open, the variables are restored.
    """
    path = str(bundle)
    with _lock:
        if not _bundles:
            _before.update({name: os.environ.get(name) for name in (*_BUNDLES, *_NO_PROXY)})
            for name in _NO_PROXY:
                os.environ[name] = ",".join(filter(None, (_before[name], _LOOPBACK)))
        _bundles.append(path)
        os.environ.update(dict.fromkeys(_BUNDLES, path))
    try:
        yield
    finally:
        with _lock:
            _bundles.remove(path)
            if _bundles:
                os.environ.update(dict.fromkeys(_BUNDLES, _bundles[-1]))
            else:
                _restore()


def _restore() -> None:
    for name, value in _before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
