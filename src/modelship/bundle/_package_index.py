"""Pass pip's index configuration to uv through uv's own variables.

uv does not read pip's configuration, so on a machine that is configured for pip, uv would find
other packages, or none. The configuration of pip is passed on in the environment of the uv process:
never as arguments, which every user of the machine can see, and never in a file. The configuration
of uv itself takes precedence.

==================  ============================================================
pip                 uv
==================  ============================================================
index-url           UV_DEFAULT_INDEX
extra-index-url     UV_INDEX, after the default index; with
                    UV_INDEX_STRATEGY=unsafe-best-match, since pip searches all indexes
find-links          UV_FIND_LINKS
no-index            ``--no-index``, see :func:`index_arguments`
trusted-host        UV_INSECURE_HOST
keyring-provider    UV_KEYRING_PROVIDER, if it is ``subprocess``
cert                SSL_CERT_FILE
client-cert         SSL_CLIENT_CERT
proxy               HTTP_PROXY and HTTPS_PROXY
timeout             UV_HTTP_TIMEOUT
==================  ============================================================
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from modelship.bundle._pip_configuration import pip_settings
from modelship.errors import EnvironmentSpecError
from modelship.process_variables import process_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["index_arguments", "index_variables", "redact", "uv_configuration", "without_secrets"]

_UV_INDEX_VARIABLES = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_INDEX",
    "UV_EXTRA_INDEX_URL",
)

# If uv's configuration has any of these, it applies, and pip's is ignored.
_UV_INDEX_SETTING = re.compile(
    r"^\s*(\[\[(pip\.)?index\]\]|(index|index-url|extra-index-url|find-links|no-index)\s*=)",
    re.MULTILINE,
)

# Up to a blank, a quotation mark or the next URL of a list: brackets and commas may be part of a
# password.
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://(?:(?!,[a-z]+://)[^\s\"<>`])+", re.IGNORECASE)

_SHOWN_INDEX = "<package index>"


def index_variables(
    environ: Mapping[str, str], *, default_index: Callable[[], str]
) -> dict[str, str]:
    """Return the uv variables that correspond to pip's configuration.

    Parameters
    ----------
    environ : Mapping[str, str]
        The variables of this process, such as ``os.environ``. Those that are set for uv win.
    default_index : callable
        Returns the URL of uv's default index. It is called only if an extra index is configured for
        pip.

    Raises
    ------
    EnvironmentSpecError
        If a configuration file of pip cannot be parsed.
    """
    pip = pip_settings(environ)
    variables = _connection(pip)
    if not _uv_knows_its_index(environ):
        variables |= _indexes(pip, default_index=default_index)
    return {name: value for name, value in variables.items() if not _is_set(name, environ)}


def index_arguments(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return ``("--no-index",)`` if pip is configured so; uv has no variable for it."""
    no_index = pip_settings(environ).get("no-index", "").lower() in {"1", "true", "yes", "on"}
    return ("--no-index",) if no_index and not _uv_knows_its_index(environ) else ()


def redact(text: str, *, environ: Mapping[str, str] | None = None) -> str:
    """Return `text` without secret parts of a package index.

    A configured index becomes ``<package index>``, and so does its host alone; any other URL loses
    its user, its password and its query string, which may be a token.
    """
    environ = process_variables() if environ is None else environ
    indexes = [*_configured_indexes(environ)]
    text = without_secrets(text)
    for secret in _secrets(indexes, environ):
        text = text.replace(secret, "***")
    # The longest first, since one index may be a prefix of another.
    for shown in sorted({*map(_bare, indexes)}, key=len, reverse=True):
        text = text.replace(shown.rstrip("/"), _SHOWN_INDEX)
    for host in {_host(url) for url in indexes} - {""}:
        place = rf"(?:[a-z]+://)?(?<![\w.-]){re.escape(host)}(?::\d+)?(?![\w-]|\.\w)"
        text = re.sub(place, _SHOWN_INDEX, text, flags=re.IGNORECASE)
    return text


def without_secrets(text: str) -> str:
    """Return `text` with no URL that has a user, a password, a query or a fragment."""
    return _URL.sub(lambda match: _bare(match.group()), text)


def _configured_indexes(environ: Mapping[str, str]) -> Iterator[str]:
    try:
        pip = pip_settings(environ)
    except EnvironmentSpecError:
        pip = {}
    settings = [pip.get(key, "") for key in ("index-url", "extra-index-url", "find-links")]
    settings += [environ.get(name, "") for name in (*_UV_INDEX_VARIABLES, "UV_FIND_LINKS")]
    settings.append(uv_configuration(environ))
    for setting in settings:
        yield from (url.rstrip("',") for url in _URL.findall(setting))


def _secrets(indexes: Iterable[str], environ: Mapping[str, str]) -> set[str]:
    found = {
        value for name, value in environ.items() if re.fullmatch(r"UV_INDEX_.+_PASSWORD", name)
    }
    for url in indexes:
        user, _, password = _authority(url).rpartition("@")[0].partition(":")
        # A token may replace the user name, without a password.
        found |= {password, unquote(password)} if password else {user, unquote(user)}
    # Shorter ones would redact ordinary words; in a URL they are removed too.
    return {secret for secret in found if len(secret) >= 6}  # noqa: PLR2004 - said above


def _authority(url: str) -> str:
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]


def _host(url: str) -> str:
    return re.sub(r":\d*$", "", _authority(url).rpartition("@")[2])


def _bare(url: str) -> str:
    """Return `url` without user, password, query and fragment."""
    scheme, _, rest = url.partition("://")
    authority = _authority(url)
    tail = rest[len(authority) :]
    if "@" in tail:
        # The password contains a raw slash; the start of the host is ambiguous.
        return f"{scheme}://***"
    path = re.split(r"[?#]", tail, maxsplit=1)[0]
    return f"{scheme}://{authority.rpartition('@')[2]}{path}"


def _uv_files(environ: Mapping[str, str]) -> Iterator[Path]:
    if given := environ.get("UV_CONFIG_FILE"):
        yield Path(given)
        return
    if environ.get("UV_NO_CONFIG"):
        return
    home = Path(environ.get("HOME") or Path.home())
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "uv" / "uv.toml"
    for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep):
        yield Path(folder) / "uv" / "uv.toml"
    yield Path("/etc/uv/uv.toml")


def uv_configuration(environ: Mapping[str, str]) -> str:
    """Return the content of uv's configuration files that apply outside of a project."""
    return "\n".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in _uv_files(environ)
        if path.is_file()
    )


def _uv_knows_its_index(environ: Mapping[str, str]) -> bool:
    if any(environ.get(name) for name in _UV_INDEX_VARIABLES):
        return True
    return bool(_UV_INDEX_SETTING.search(uv_configuration(environ)))


def _is_set(name: str, environ: Mapping[str, str]) -> bool:
    return bool(environ.get(name) or environ.get(name.lower()))


def _connection(pip: Mapping[str, str]) -> dict[str, str]:
    variables = {}
    for setting, name in (("cert", "SSL_CERT_FILE"), ("client-cert", "SSL_CLIENT_CERT")):
        if setting in pip:
            variables[name] = str(Path(pip[setting]).expanduser().absolute())
    if "trusted-host" in pip:
        variables["UV_INSECURE_HOST"] = " ".join(pip["trusted-host"].split())
    if "timeout" in pip:
        # pip accepts fractions of a second, uv whole seconds.
        variables["UV_HTTP_TIMEOUT"] = pip["timeout"].split(".")[0] or "1"
    if "proxy" in pip:
        proxy = pip["proxy"] if "://" in pip["proxy"] else f"http://{pip['proxy']}"
        variables |= {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy}
    if pip.get("keyring-provider") == "subprocess":
        variables["UV_KEYRING_PROVIDER"] = "subprocess"
    return variables


def _indexes(pip: Mapping[str, str], *, default_index: Callable[[], str]) -> dict[str, str]:
    variables = {}
    if "index-url" in pip:
        variables["UV_DEFAULT_INDEX"] = pip["index-url"].strip()
    if extra := [*_existing(pip.get("extra-index-url", "").split())]:
        # For a version that several indexes have, uv uses the files, and so the hashes, of the
        # first. The default index comes first, since a lock made from an extra one that mirrors a
        # single wheel would install on no other machine.
        default = variables.setdefault("UV_DEFAULT_INDEX", default_index())
        variables["UV_INDEX"] = " ".join([default, *extra])
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if links := [*_existing(pip.get("find-links", "").split())]:
        variables["UV_FIND_LINKS"] = ",".join(links)
    return variables


def _existing(locations: Iterable[str]) -> Iterator[str]:
    """Yield the locations without missing folders: pip ignores those, uv fails."""
    for location in locations:
        if "://" in location:
            url = urlsplit(location)
            if url.scheme != "file" or Path(unquote(url.path)).exists():
                yield location
        elif (path := Path(location).expanduser().absolute()).exists():
            yield str(path)
