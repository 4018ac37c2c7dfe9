"""Verdicts of fickling."""

import os
import zipfile

from fickling.loader import scan_file, scan_zip_archive
from judging import run


def judge(path):
    """Return what ``fickling --check-safety`` says of a file."""
    if zipfile.is_zipfile(path):
        found = scan_zip_archive(path, graceful=True)
        results = found if isinstance(found, list) else [found]
    else:
        results = [scan_file(path, graceful=True, json_output_path=os.devnull)]
    if not all(each.is_safe for each in results if not each.errors):
        return "alarm"
    return "error" if any(each.errors for each in results) else "fine"


run(judge)
