"""Explain errors of uv in one sentence, with a remedy.

The patterns are those of uv 0.12 and 0.13; if none matches, uv's own message, which is included as
evidence, is all there is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True)
class Explanation:
    """The problem, the advice, and the package concerned; all may be empty."""

    problem: str = ""
    advice: str = ""
    package: str = ""


_NAME = r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)"

_NEWER = (
    "Give an environment with a newer release of {name} or with another Python; "
    "evaluating the model there shows whether it answers the same."
)

# In the order in which they are tried: first the problems of reaching the index, since uv then
# continues with messages about packages that it never saw.
_KNOWN = (
    (r"No space left on device", "the disk is full", "Free disk space, and try again."),
    (
        r"Permission denied",
        "a file or a folder cannot be written",
        "uv's output names it; check who owns it.",
    ),
    (
        r"Hash mismatch for `?(?P<name>[^\s`]+)`?",
        "the package index serves another file for {name} than the one that was locked",
        "Find out who changed it; to accept the new file, create the bundle again.",
    ),
    (
        r"\b(401 Unauthorized|403 Forbidden)\b|(lack of valid|missing|invalid) \S*credentials",
        "the package index refuses the user or the password that is configured for it",
        "Correct it in pip's or uv's configuration, or in ~/.netrc.",
    ),
    (
        r"network (was|is) disabled",
        "uv may not use the network (UV_OFFLINE), and its cache does not hold all packages",
        "Unset UV_OFFLINE once.",
    ),
    (
        (
            r"dns error|tcp connect error|connection (refused|reset)|error sending request"
            r"|operation timed out|peer certificate|request failed after"
        ),
        "the package index cannot be reached",
        "Check the network, and the index, proxy and certificate in pip's or uv's configuration.",
    ),
    (
        rf"(?:Because |\band ){_NAME} was not found in (?:the package registry|the provided)",
        "the package index has no package named {name!r}",
        "Check the spelling; a private index belongs in pip's or uv's configuration.",
    ),
    (
        rf"no versions? of {_NAME}(?:\[[^\]]*\])?(?P<pin>[=<>~!][^\s]*?)?(?=,? and |, we |\s)",
        "the package index has no release {name}{pin}",
        "Require an existing release.",
    ),
    (
        (
            rf"you require {_NAME}(?P<pin>[<>=!~]\S*) and (?P=name)(?P<other>[<>=!~]\S*?), "
            r"which are incompatible"
        ),
        "{name}{pin} and {name}{other} cannot both hold",
        "Correct one of the two.",
    ),
    (
        (
            r"does not satisfy Python(?P<python>[<>=!.*,\d ]+?) and "
            rf"{_NAME}(?P<pin>[<>=!~][^\s]*)? depends on Python"
        ),
        "{name}{pin} needs Python {python}, and the environment asks for {asked}",
        "Require another Python, or another release of {name}.",
    ),
    (
        rf"{_NAME}==(?P<version>\S+?) has no (?:usable |`[^`]*`-compatible )?wheels?",
        "{name} {version} has no wheel for Python {asked}{on}",
        _NEWER,
    ),
    (
        rf"hint: Wheels are required for `{_NAME}`",
        "no release of {name} that is allowed has a wheel for Python {asked}{on}",
        _NEWER,
    ),
)

_PATTERNS = tuple((re.compile(row[0], re.IGNORECASE), *row[1:]) for row in _KNOWN)


def explain(words: str, *, python: str, on: str = "") -> Explanation:
    """Explain uv's message in one sentence; empty if no known cause is found.

    Parameters
    ----------
    words : str
        The message of uv, redacted.
    python : str
        The requested version of Python.
    on : str
        The platform that packages had to support, such as ``" on x86_64"``.
    """
    text = " ".join(words.split())
    for pattern, problem, advice in _PATTERNS:
        if match := pattern.search(text):
            groups = {key: (value or "").strip(" .,") for key, value in match.groupdict().items()}
            fields = groups | {"asked": python, "on": on}
            return Explanation(
                problem.format(**fields) + ".", advice.format(**fields), fields.get("name", "")
            )
    return Explanation()
