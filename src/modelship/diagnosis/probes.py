"""Judge failed probes of a container by what its server did at that time.

The log of an online endpoint begins with the events of its container, each with a time; the output
of the server follows. A probe that failed before the server was ready explains nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from modelship.findings import RULES, Diagnosis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.diagnosis.timeline import Timeline

__all__ = ["failed_before_ready", "init_outlasts_probes"]

_FAILED: Final = "iveness probe failed"
_TIME_OF_EVENT = re.compile(r"\bTime: (?P<day>\d{4}-\d\d-\d\d)T(?P<time>\d\d:\d\d:\d\d)")


def failed_before_ready(line: str, timeline: Timeline) -> bool:
    """Return whether an event of a container precedes the time at which its server was ready."""
    match = _TIME_OF_EVENT.search(line)
    return bool(match and timeline.ready_at > f"{match['day']} {match['time']}")


def init_outlasts_probes(lines: Sequence[str], timeline: Timeline) -> tuple[int, Diagnosis] | None:
    """Return the last failed liveness probe, and its diagnosis, if ``init()`` has not ended."""
    if not timeline.is_in_init:
        return None
    failed = [number for number, line in enumerate(lines) if _FAILED in line]
    if not failed:
        return None
    return failed[-1], RULES["MS504"].diagnosis(
        "The liveness probe gave up while init() was still running.",
        evidence=(lines[failed[-1]].strip(),),
        advice="Raise initial_delay of liveness_probe (10 s by default), or load less in init().",
    )
