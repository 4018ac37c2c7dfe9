"""Check a bundle against the limits of the target."""

from __future__ import annotations

import math
import re
from keyword import iskeyword
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from modelship.bundle.profile import SERVICE_NAME
from modelship.findings import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.bundle.profile import Profile
    from modelship.checks.subject import Subject
    from modelship.findings import Finding

__all__ = ["as_module_name", "is_module_name", "target_findings"]


def target_findings(
    subject: Subject, *, profile: Profile | None, name: str | None
) -> Iterator[Finding]:
    """Find what the target would reject."""
    if name is not None and not SERVICE_NAME.fullmatch(name):
        yield RULES["MS401"].finding(f"{name!r} is not a valid service name.")
    if profile is None:
        return
    if subject.resources is not None:
        asked = subject.resources
        yield from _range("MS402", asked.cpu_cores, profile.cpu_cores, profile, "cores")
        yield from _range("MS403", asked.memory_gb, profile.memory_gb, profile, "GiB of memory")
    if profile.asks_for_key is False:
        yield RULES["MS404"].finding(f"On {profile.name}, it answers anyone who knows its address.")
    name_of_script = PurePosixPath(subject.entry_script).name
    if profile.imports_script and name_of_script and not is_module_name(name_of_script):
        yield RULES["MS407"].finding(
            f"{profile.name} does not accept a script named {name_of_script!r}: it needs the name "
            "of a Python module.",
            path=subject.entry_script,
            advice=f"Call it {as_module_name(name_of_script)}; process and docker accept either.",
        )
    size_bytes = len((subject.sample_json or "").encode())
    if profile.payload_bytes is not None and size_bytes > profile.payload_bytes:
        yield RULES["MS406"].finding(
            f"The sample request has {size_bytes / 1e6:.1f} MB, and {profile.name} accepts "
            f"{profile.payload_bytes / 1e6:g} MB."
        )


def is_module_name(name: str) -> bool:
    """Return whether a file name is importable as a module, as ``my-score.py`` is not."""
    stem = name.removesuffix(".py")
    return stem.isidentifier() and not iskeyword(stem)


def as_module_name(name: str) -> str:
    """Return the closest file name that can be imported as a module."""
    stem = re.sub(r"\W", "_", name.removesuffix(".py"))
    return f"{stem}.py" if is_module_name(stem) else f"score_{stem}.py"


def _range(
    code: str, asked: float, allowed: tuple[float, float], profile: Profile, unit: str
) -> Iterator[Finding]:
    least, most = allowed
    if not least <= asked <= most:
        bound = f"{least:g} or more" if most == math.inf else f"{least:g} to {most:g}"
        yield RULES[code].finding(
            f"It requests {asked:g} {unit}, and {profile.name} allows {bound}."
        )
