"""Parse pip requirements and ``requirements.txt`` files.

Accepted: names with versions, extras and markers; ``name @ https://…whl``; comments, line
continuations, ``-r other.txt``; ``--hash`` and ``--require-hashes`` are skipped, since the lock has
its own hashes. Rejected, with advice for each: constraints (``-c``), options that set the origin of
packages, editable installs, local paths, and repositories, since the service is built from the
package index alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from modelship.bundle._package_index import redact
from modelship.documents import DocumentError
from modelship.errors import EnvironmentSpecError
from modelship.texts import SAVE_AS_UTF8, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["parse_requirement", "read_environment", "read_lines", "read_requirements"]

_MOST_BYTES = 2**22

_PASSED_OVER = {"--require-hashes", "--prefer-binary", "--only-binary"}

_INDEX_OPTIONS = {
    *("-i", "--index-url", "--pypi-url", "--extra-index-url", "-f", "--find-links"),
    *("--no-index", "--trusted-host"),
}

_REFUSED = {
    "-c": "Write what it constrains into the requirements themselves.",
    "--constraint": "Write what it constrains into the requirements themselves.",
    "-e": "Put the code next to the scoring script, or publish it and list its name.",
    "--editable": "Put the code next to the scoring script, or publish it and list its name.",
    "--pre": "Name the pre-release where it is wanted, such as 'package>=2.0rc1'.",
    "--no-binary": "Name packages that have no wheel in the variable UV_NO_BINARY_PACKAGE.",
}


def read_requirements(path: Path) -> tuple[str, ...]:
    """Read a requirements file and the files that it includes.

    Raises
    ------
    EnvironmentSpecError
        If a file cannot be read or contains an invalid line; the message names file and line.
    """
    return tuple(_read(path, seen=()))


def read_environment(path: Path) -> str:
    """Return the text of a conda or requirements file.

    Raises
    ------
    EnvironmentSpecError
        If it cannot be read as text.
    """
    try:
        return read_text(path, most_bytes=_MOST_BYTES)
    except DocumentError as error:
        raise EnvironmentSpecError(str(path), f"{error}.", SAVE_AS_UTF8) from error
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})."
        raise EnvironmentSpecError(str(path), problem, "Check the path.") from error


def read_lines(lines: Iterable[tuple[int, str]], *, path: Path) -> Iterator[str]:
    """Yield the requirements in numbered `lines` of the file at `path`."""
    return _read_lines(lines, path=path, seen=(path.resolve(),))


def parse_requirement(text: str, *, where: str) -> Requirement:
    """Parse one requirement, and reject those that no package index provides.

    Raises
    ------
    EnvironmentSpecError
        If it is malformed, or names a local path, a repository, or a URL with a password.
    """
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise _malformed(text, where=where) from error
    requirement.name = canonicalize_name(requirement.name)
    if requirement.url is not None:
        _check_url(requirement.name, requirement.url, where=where)
    return requirement


def _read(path: Path, *, seen: tuple[Path, ...]) -> Iterator[str]:
    if path.resolve() in seen:
        return
    text = read_environment(path)
    yield from _read_lines(_logical_lines(text), path=path, seen=(*seen, path.resolve()))


def _read_lines(
    lines: Iterable[tuple[int, str]], *, path: Path, seen: tuple[Path, ...]
) -> Iterator[str]:
    for number, line in lines:
        where = f"{path}:{number}"
        if not line.startswith("-"):
            bare = re.split(r"\s--(?:hash|config-settings?)\b", line)[0]
            yield str(parse_requirement(bare.strip(), where=where))
            continue
        option, value = _option(line)
        if option in {"-r", "--requirement"}:
            yield from _read(_included(value, path=path, where=where), seen=seen)
        elif option not in _PASSED_OVER:
            raise _refused(option, where=where)


def _included(name: str, *, path: Path, where: str) -> Path:
    found = path.parent / name
    if not _is_file(found):
        problem = f"it includes {name!r}, which is not there."
        raise EnvironmentSpecError(where, problem, "List the packages of that file here instead.")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number, line) without comments and blank lines; join continued lines, as pip does."""
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        parts.append(re.sub(r"(^|\s)#.*$", "", line))
        if parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1]
            continue
        if joined := "".join(parts).strip():
            yield number - len(parts) + 1, joined
        parts = []
    if joined := "".join(parts).strip():
        yield len(text.splitlines()) - len(parts) + 1, joined


def _option(line: str) -> tuple[str, str]:
    """Split ``-rfile``, ``-r file``, ``--requirement=file`` into option and value."""
    size = line.find("=") if line.startswith("--") and "=" in line.split(maxsplit=1)[0] else None
    option = line[:size].split(maxsplit=1)[0] if line.startswith("--") else line[:2]
    return option, line[len(option) :].lstrip("= \t").strip()


def _refused(option: str, *, where: str) -> EnvironmentSpecError:
    # The value is never shown: an index URL often contains a password.
    if option in _INDEX_OPTIONS:
        return EnvironmentSpecError(
            where,
            f"it sets the package index with {option}, and a bundle never holds that.",
            "Put it into pip's or uv's own configuration, where modelship finds it.",
        )
    advice = _REFUSED.get(option, "Remove it.")
    return EnvironmentSpecError(where, f"the option {option} is not supported here.", advice)


def _malformed(text: str, *, where: str) -> EnvironmentSpecError:
    name = text.split(";", maxsplit=1)[0].strip()
    if re.match(r"(git|hg|svn|bzr)\+", name):
        return _repository("it", where=where)
    local = re.match(r"(\.{0,2}/|~|file:)", name) or name.endswith((".whl", ".tar.gz", ".zip"))
    if local or "://" in name:
        return _unnamed(where)
    return EnvironmentSpecError(
        where,
        f"{redact(text)!r} is not a requirement.",
        "Write it as 'name', 'name==1.2' or 'name>=1,<2'.",
    )


def _check_url(name: str, url: str, *, where: str) -> None:
    parts = urlsplit(url)
    if "+" in parts.scheme:
        raise _repository(name, where=where)
    if parts.scheme != "https":
        raise EnvironmentSpecError(
            where,
            f"{name} comes from a local path or over plain http, which no other machine can use.",
            f"Publish it on a package index, and list {name!r} alone.",
        )
    if "@" in parts.netloc or parts.query:
        raise EnvironmentSpecError(
            where,
            f"the URL of {name} holds a password or a token, which the bundle would then contain.",
            f"List {name!r} alone, and put the index into pip's or uv's own configuration.",
        )
    if "${" in url:
        raise EnvironmentSpecError(
            where,
            f"the URL of {name} holds a variable, whose value an installer would send there.",
            "Write the URL without variables.",
        )


def _repository(name: str, *, where: str) -> EnvironmentSpecError:
    return EnvironmentSpecError(
        where,
        f"{name} comes from a source repository, which can change and has no wheel.",
        "Publish a wheel on a package index, and list its name.",
    )


def _unnamed(where: str) -> EnvironmentSpecError:
    return EnvironmentSpecError(
        where,
        "it is a file or a URL instead of a package.",
        "List packages by name; put your own code next to the scoring script.",
    )
