"""What a child does: give its verdict on each file that it is told of, one line for each.

A verdict is ``alarm``, ``error`` (it could not say) or ``fine``; each has SECONDS at most. This
runs in the environments of the scanners, and so needs nothing.
"""

import json
import os
import resource
import signal
import sys
import warnings
from pathlib import Path

SECONDS = 20
MEMORY_BYTES = 4 * 2**30


def files_of(path):
    """Return the file, or all that are in the folder."""
    place = Path(path)
    found = sorted(place.rglob("*")) if place.is_dir() else [place]
    return [str(each) for each in found if each.is_file()]


def expired(*_):
    """Give up on a file."""
    raise TimeoutError(f"it took more than {SECONDS} s")


def verdict(judge, path, *, whole):
    """Return the worst verdict on the files that are at `path`."""
    signal.signal(signal.SIGALRM, expired)
    signal.alarm(SECONDS)
    try:
        said = [judge(each) for each in ([path] if whole else files_of(path))]
    except BaseException:  # noqa: BLE001 - whatever goes wrong, it could not say
        return "error"
    finally:
        signal.alarm(0)
    return next((each for each in ("alarm", "error") if each in said), "fine")


def run(judge, *, whole=False):
    """Answer each line of standard input, a path as JSON; `whole` passes on folders as they are."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever a scanner prints
    for line in sys.stdin:
        answers.write(verdict(judge, json.loads(line), whole=whole) + "\n")
        answers.flush()
