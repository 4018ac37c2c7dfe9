"""Set the network settings of an offline workspace, and restore those that it replaced.

These variables name the workspace's proxy and its certificates. A program that is not a client of
the workspace, such as the workspace itself or a package installer, uses the previous settings: the
workspace stores them in its folder.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelship.workspace.private import NotPrivateError, read_private, write_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "CERTIFICATES",
    "NO_PROXY",
    "PROXIES",
    "PROXY_USER",
    "WayOut",
    "is_own_proxy",
    "roots_of",
    "trusting",
]

PROXY_USER = "modelship-offline"
"""The user name of clients at the proxy of an offline workspace, with its password."""

PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
# azureml-dataprep's engine and Python's ssl module read the second.
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
NO_PROXY = ("NO_PROXY", "no_proxy")

_NAMES = (*PROXIES, *CERTIFICATES, *NO_PROXY)
_FILE = "way-out.json"


def is_own_proxy(url: str) -> bool:
    """Return whether a proxy belongs to any offline workspace, running or not."""
    try:
        return urlsplit(url).username == PROXY_USER
    except ValueError:
        return False


class WayOut:
    """The network settings in a process's environment variables.

    Parameters
    ----------
    environ : Mapping
        The variables.
    """

    names = _NAMES
    """The names of the relevant variables."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    @property
    def is_through_workspace(self) -> bool:
        """Whether they use the proxy of an offline workspace."""
        return any(is_own_proxy(self._environ.get(name, "")) for name in PROXIES)

    def before(self) -> dict[str, str]:
        """Return all variables, with the network settings from before the workspace."""
        if not self.is_through_workspace:
            return dict(self._environ)
        others = {name: value for name, value in self._environ.items() if name not in _NAMES}
        kept: dict[str, str] = self._kept().get("variables", {})
        return others | kept

    def for_packages(self) -> dict[str, str]:
        """Return all variables as :meth:`before`; unchanged, if the workspace is sealed."""
        sealed = self.is_through_workspace and self._kept().get("sealed", False)
        return dict(self._environ) if sealed else self.before()

    def keep(self, folder: Path, *, sealed: bool) -> None:
        """Store the settings in a workspace's folder, for processes with its variables."""
        found = {name: self._environ[name] for name in _NAMES if name in self._environ}
        write_private(folder / _FILE, json.dumps({"sealed": sealed, "variables": found}))

    def _kept(self) -> dict[str, Any]:
        """Return the settings stored by the workspace of these variables, if they exist."""
        bundle = next((self._environ[each] for each in CERTIFICATES if each in self._environ), "")
        try:
            kept = json.loads(read_private(Path(bundle).parent / _FILE))
            names = {*kept["variables"]} if isinstance(kept["sealed"], bool) else {""}
        except (OSError, NotPrivateError, ValueError, KeyError, TypeError):
            return {}
        return kept if names <= {*_NAMES} else {}


_LOOPBACK = "127.0.0.1,localhost"

_lock = threading.Lock()
_bundles: list[Path] = []
_before: dict[str, str | None] = {}


@contextmanager
def trusting(bundle: Path) -> Iterator[None]:
    """Let clients in this process trust a bundle file, and reach 127.0.0.1 without a proxy.

    Several may be open at a time, and end in any order: a later bundle contains the earlier ones,
    so that the last of those still open serves all. When none is open, the variables are restored.
    """
    with _lock:
        if not _bundles:
            _before.update({name: os.environ.get(name) for name in (*CERTIFICATES, *NO_PROXY)})
            for name in NO_PROXY:
                os.environ[name] = ",".join(filter(None, (_before[name], _LOOPBACK)))
        _bundles.append(bundle)
        os.environ.update(_named(bundle))
    try:
        yield
    finally:
        with _lock:
            _bundles.remove(bundle)
            if _bundles:
                os.environ.update(_named(_bundles[-1]))
            else:
                _restore()


def roots_of(bundle: Path) -> Path:
    """Return the folder beside a bundle file that has the same roots, each in a file."""
    return bundle.with_name("ca-certificates")


def _named(bundle: Path) -> dict[str, str]:
    """Return the variables: requests also takes a folder, whose roots need not all be read."""
    roots = roots_of(bundle)
    return {
        "REQUESTS_CA_BUNDLE": str(roots if roots.is_dir() else bundle),
        "SSL_CERT_FILE": str(bundle),
    }


def _restore() -> None:
    for name, value in _before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
