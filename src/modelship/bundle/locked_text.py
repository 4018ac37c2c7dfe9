"""Parse and validate the text of a lock."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.version import Version

from modelship.bundle.requirements import parse_requirement
from modelship.errors import EnvironmentSpecError

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["linux_variables", "lock_problem", "locked_lines", "locked_packages", "without_options"]

_LOCKED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)\s*(?:;(?P<marker>.*))?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]+")
# Readers of such files disagree on other line breaks, and on whether a comment can be continued.
_PLAIN = re.compile(r"[\n -~]*")
_CONTINUED_COMMENT = re.compile(r"^ *#.*\\$", re.MULTILINE)
_LONGEST = 4096


def lock_problem(text: str) -> str:
    """Return why `text` is not a valid lock, or ``""``.

    A lock contains packages of an index or at an https address, with their releases and digests. An
    installer would accept much more from such a file: options that set another index, folders,
    repositories, other files.
    """
    if not _PLAIN.fullmatch(text):
        return "it has characters that are not ASCII"
    if _CONTINUED_COMMENT.search(text):
        return "a comment continues in the next line, which some installers read as a requirement"
    for wanted in _wanted(text):
        if len(wanted) > _LONGEST or not _is_plain(wanted):
            return (
                f"the line {wanted[:80]!a} does not name a package that every machine can install"
            )
    return ""


def _is_plain(wanted: str) -> bool:
    """Return whether a line is a requirement with a marker that can be evaluated."""
    try:
        marker = parse_requirement(wanted, where="the lock").marker
        return marker is None or marker.evaluate(linux_variables("3.11")) in {True, False}
    except (EnvironmentSpecError, ValueError):
        return False


def without_options(text: str) -> str:
    """Remove options such as ``--index-url``, which the user's configuration may make uv write."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("--"))


def locked_lines(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the requirements of a lock, each with its hashes."""
    for line in text.replace("\\\n", " ").split("\n"):
        words, hashes = line.split(), []
        while words and _HASH.fullmatch(words[-1]):
            hashes.append(words.pop())
        if words and not words[0].startswith("#"):
            yield " ".join(words), hashes


def _wanted(text: str) -> Iterator[str]:
    for requirement, _ in locked_lines(text):
        yield requirement


def locked_packages(text: str) -> Iterator[tuple[str, str, Marker | None]]:
    """Yield the name, the version and the marker of each package that a lock pins."""
    for wanted in _wanted(text):
        if match := _LOCKED.match(wanted):
            marker = (match["marker"] or "").strip()
            yield match["name"], match["version"], Marker(marker) if marker else None


def linux_variables(python: str) -> dict[str, str]:
    """Return the marker variables of CPython on Linux, for the last release of a minor version."""
    running = Version(sys.version.split()[0].rstrip("+"))
    # Markers that distinguish patch releases usually exclude the first few.
    full = str(running) if python == f"{running.major}.{running.minor}" else f"{python}.99"
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": python,
        "sys_platform": "linux",
    }
