"""Runs a submitted script and sends what it has logged, whichever way it ends.

``python driver.py SCRIPT ARGUMENT...`` runs in the environment of the script. Azure wraps scripts
in the same way: many of them end without ``run.complete()``, and the SDK sends metrics in batches.

It imports nothing of modelship and nothing outside the standard library.
"""

from __future__ import annotations

import runpy
import sys
import traceback
from pathlib import Path

LONGEST_S = 120
OURS = (__file__, runpy.__file__, "<frozen runpy>")


def main(script: str) -> None:
    """Run the script as if it had been started itself."""
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(script).resolve().parent)
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:  # noqa: BLE001 - it is shown
        show(error)
        sys.exit(1)
    finally:
        flush()


def show(error: Exception) -> None:
    """Print a traceback as if there were no driver."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in OURS:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def flush() -> None:
    """Send the metrics of the run, if the script has asked for it."""
    module = sys.modules.get("azureml.core.run")
    if module is None:
        return
    try:
        module.Run.get_context(allow_offline=False).flush(timeout_seconds=LONGEST_S)
    except Exception:  # noqa: BLE001 - what the script did is done
        traceback.print_exc()


if __name__ == "__main__":
    main(sys.argv[1])
