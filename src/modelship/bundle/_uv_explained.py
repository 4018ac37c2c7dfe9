"""What uv's words mean, in one sentence of ours.

The patterns are those of uv 0.5.14 to 0.13; where none fits, the caller says something
general, and uv's own words go along as evidence.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["explain"]

_PACKAGE = r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)"
_VERSION = r"(?P<version>[^\s,;]+?)"

# In the order in which they are tried: what goes wrong on the way to the index first,
# since uv then goes on to speak of packages that it never saw.
_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), sentence)
    for pattern, sentence in (
        (r"No space left on device", "the disk is full"),
        (r"Permission denied", "a file or folder may not be written"),
        (
            r"Hash mismatch for `?(?P<name>[^\s`]+)`?",
            "the index now serves another file for {name} than the one that was locked",
        ),
        (
            r"401 Unauthorized|403 Forbidden|credentials|status code: 40[13]",
            "the package index refuses the user or password that is configured for it",
        ),
        (
            r"network was disabled|\boffline\b",
            "the network is turned off for uv (UV_OFFLINE), and its cache does not hold all packages",
        ),
        (
            r"(dns error|tcp connect error|Connection (refused|reset)|timed out"
            r"|error sending request|invalid peer certificate|Could not connect)",
            "the package index cannot be reached",
        ),
        (
            rf"Because {_PACKAGE} was not found in the (?:package registry|provided package)",
            "the package index has no package named {name!r}",
        ),
        (rf"{_PACKAGE} was not found in the package registry", "there is no package {name!r}"),
        (
            rf"no version of {_PACKAGE}(?:\[[^\]]*\])?={{2,3}}{_VERSION}(?=\s|,)",
            "{name} has no release {version}",
        ),
        (rf"there are no versions of {_PACKAGE}\b", "the package index has no release of {name}"),
        (
            r"does not satisfy Python(?P<python>[<>=!.*,\d ]+?) and "
            rf"{_PACKAGE}(?P<pin>[<>=!~][^\s]*)? depends on Python",
            "{name}{pin} needs Python {python}, and the environment asks for {asked}",
        ),
        (
            rf"{_PACKAGE}=={_VERSION} (?:has no (?:usable )?wheels?|has no (?:source|built))",
            "{name} {version} has no wheel for Python {asked}{on}",
        ),
        (
            rf"(?:all versions of |only |hint: Wheels are required for `){_PACKAGE}`? "
            r"(?:have no (?:usable )?wheels|because building)",
            "no release of {name} that is allowed has a wheel for Python {asked}{on}",
        ),
        (
            r"you require (?P<first>[A-Za-z0-9][^\s,]*) and (?P<second>[A-Za-z0-9][^\s,]*),"
            r" we can conclude",
            "{first} and {second} cannot both hold",
        ),
        (
            r"Because (?P<first>\S+) depends on (?P<second>\S+)(?:,| and) .*?"
            r"you require (?P<third>(?!\S+ and )[^\s,]*[<>=!~][^\s,]*), we can conclude",
            "{first} needs {second}, so {third} cannot hold beside it",
        ),
    )
)


def explain(words: str, *, python: str, on: str = "", otherwise: str) -> str:
    """Return one sentence for what uv said, or `otherwise`.

    Parameters
    ----------
    words : str
        What uv said, redacted.
    python : str
        The version of Python that was asked for.
    on : str
        A place where packages had to fit, such as ``" on x86_64"``.
    otherwise : str
        The sentence where nothing known is found.
    """
    text = " ".join(words.split())
    for pattern, sentence in _PATTERNS:
        if match := pattern.search(text):
            return sentence.format(**_fields(match.groupdict()), asked=python, on=on) + "."
    return otherwise


def _fields(groups: Mapping[str, str | None]) -> dict[str, str]:
    return {name: (value or "").strip(" .,") for name, value in groups.items()}
