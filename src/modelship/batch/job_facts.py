"""Note what a job runs with, in its output folder: for people, not for resuming it."""

from __future__ import annotations

import json
import os
import platform
import re
from datetime import datetime, timezone
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Final

from modelship.batch.output_files import output_files
from modelship.batch.output_names import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelship.batch.engines import Engine
    from modelship.bundle import ScoringBundle

__all__ = ["facts_in", "note_facts"]

_FILE: Final = f"{OURS}/facts.json"
_MOST_PACKAGES: Final = 500
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")  # of an object in memory


def note_facts(output: str | Path, bundle: ScoringBundle, engine: Engine) -> None:
    """Write what the current run of a job runs with."""
    lock = bundle.lock
    facts = {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "models": [f"{each.name}:{each.version} ({each.format})" for each in bundle.models],
        "script": bundle.entry_script,
        "python": lock.python,
        "packages": [f"{name} {version}" for name, version in lock.versions.items()],
        "engine": _ADDRESS.sub("", repr(engine)),
        "modelship": _release(),
        "machine": f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores",
    }
    output_files(output).write(_FILE, json.dumps(facts, indent=1), durable=False)


@cache
def _release() -> str:
    return metadata.version("modelship-ml")


def facts_in(output: str | Path) -> Mapping[str, str]:
    """Return what the last run of a job ran with, as texts by name; empty if it is not known."""
    try:
        found = json.loads(output_files(output).read(_FILE))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): _text(value) for name, value in found.items()}


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value[:_MOST_PACKAGES]))
    return str(value)
