"""Remove the folder of locks and environments that runs of the tests share, unless one still runs.

``python tests/remove_cache.py FOLDER``: each run holds ``FOLDER.lock`` shared (``conftest.py``).
"""

import fcntl
import shutil
import sys
from contextlib import suppress
from pathlib import Path


def main(folder: str) -> None:
    with suppress(BlockingIOError), Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
