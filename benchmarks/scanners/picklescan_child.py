"""Verdicts of picklescan."""

from judging import run
from picklescan.scanner import scan_file_path


def judge(path):
    """Return what ``picklescan --path`` says of a file."""
    found = scan_file_path(path)
    if found.issues_count:
        return "alarm"
    return "error" if found.scan_err else "fine"


run(judge)
