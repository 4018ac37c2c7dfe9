"""Verdicts of modelship."""

from pathlib import Path

from judging import run

from modelship.errors import CorruptModelError
from modelship.sources.passport import read_passport


def judge(path):
    """Return whether a model is safe to load, as `modelship inspect` says."""
    try:
        return "fine" if read_passport(Path(path)).safe_to_load else "alarm"
    except CorruptModelError:
        return "error"


run(judge, whole=True)
