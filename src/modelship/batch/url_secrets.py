"""Refuse URLs that have credentials: a plan, a log and a report would show them."""

from __future__ import annotations

import re
from typing import Final

from modelship.errors import InvalidOptionError

__all__ = ["require_no_secret"]

_SECRET: Final = re.compile(r"(?i)(sig|signature|token|key|secret|password|pwd|sas)$")
# Their URLs have other things in front of the @: a repository, or a folder of an archive.
_WITHOUT_PASSWORDS: Final = {"github", "zip", "tar"}
_EXPECTED: Final = (
    "a URL without credentials: they would be in the plan of the job. Set the variables that the "
    "driver reads, such as AWS_ACCESS_KEY_ID, or those of fsspec, such as FSSPEC_FTP_PASSWORD"
)


def require_no_secret(option: str, path: str) -> None:
    """Refuse a path with a password or a signature, also behind a ``::`` of fsspec.

    Raises
    ------
    InvalidOptionError
        If it has one; the message does not have it.
    """
    if any(_has_secret(each) for each in path.split("::")):
        raise InvalidOptionError(option, _without_secrets(path), _EXPECTED)


def _has_secret(url: str) -> bool:
    scheme, sign, _ = url.partition("://")
    if not sign:
        return False
    user, at, _ = _authority(url).rpartition("@")
    has_password = bool(at and ":" in user and scheme not in _WITHOUT_PASSWORDS)
    return has_password or any(map(_SECRET.search, _parameters(url)))


def _authority(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def _parameters(url: str) -> list[str]:
    """Return the names of the parameters of a URL; a ``?`` of a pattern is followed by none."""
    pairs = url.partition("?")[2].replace("?", "&").split("&")
    return [name for name, sign, _ in (each.partition("=") for each in pairs) if sign]


def _without_secrets(path: str) -> str:
    return "::".join(_shown(each) for each in path.split("::"))


def _shown(url: str) -> str:
    if not _has_secret(url):
        return url
    scheme, _, rest = url.partition("?")[0].partition("://")
    authority, slash, place = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{place}"
