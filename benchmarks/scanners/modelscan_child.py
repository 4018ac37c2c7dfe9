"""Verdicts of modelscan."""

from judging import run
from modelscan.modelscan import ModelScan
from modelscan.settings import DEFAULT_SETTINGS

SCAN = ModelScan(settings=DEFAULT_SETTINGS)


def judge(path):
    """Return what ``modelscan --path`` says of a file; what it skips, it finds nothing in."""
    SCAN.scan(path)
    if SCAN.issues.all_issues:
        return "alarm"
    return "error" if SCAN.errors else "fine"


run(judge)
