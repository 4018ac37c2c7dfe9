"""The rules about what the place allows that is to run the bundle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modelship.bundle.profile import SERVICE_NAME
from modelship.findings import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.bundle.checks.subject import Subject
    from modelship.bundle.profile import Profile
    from modelship.findings import Finding

__all__ = ["target_findings"]


def target_findings(
    subject: Subject, *, profile: Profile | None, name: str | None
) -> Iterator[Finding]:
    """Find what the place would refuse."""
    if name is not None and not SERVICE_NAME.fullmatch(name):
        yield RULES["MS401"].finding(f"{name!r} is no name of a service.")
    if profile is None:
        return
    if subject.resources is not None:
        asked = subject.resources
        yield from _range("MS402", asked.cpu_cores, profile.cpu_cores, profile, "cores")
        yield from _range("MS403", asked.memory_gb, profile.memory_gb, profile, "GiB of memory")
    if profile.asks_for_key is False:
        yield RULES["MS404"].finding(
            f"On {profile.name}, it answers anybody who finds its address."
        )
    size_bytes = len((subject.sample_json or "").encode())
    if profile.payload_bytes is not None and size_bytes > profile.payload_bytes:
        yield RULES["MS406"].finding(
            f"The sample request has {size_bytes / 1e6:.1f} MB, and {profile.name} takes "
            f"{profile.payload_bytes / 1e6:g} MB."
        )


def _range(
    code: str, asked: float, allowed: tuple[float, float], profile: Profile, unit: str
) -> Iterator[Finding]:
    least, most = allowed
    if not least <= asked <= most:
        bound = f"{least:g} or more" if most == math.inf else f"{least:g} to {most:g}"
        yield RULES[code].finding(
            f"It asks for {asked:g} {unit}, and {profile.name} gives {bound}."
        )
