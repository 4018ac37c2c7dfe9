"""Runs a submitted script: downloads its data first, and sends its metrics afterwards.

``python driver.py SCRIPT ARGUMENT...``, or ``python driver.py -c COMMAND``, runs in the environment
of the script. Azure wraps scripts in the same way: many of them end without ``run.complete()``, and
the SDK sends metrics in batches.

It imports nothing from modelship, and only the SDK besides the standard library.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import traceback
from pathlib import Path

LONGEST_S = 120
OURS = (__file__, runpy.__file__, "<frozen runpy>")
INPUTS = "MODELSHIP_RUN_INPUTS"
PLACEHOLDER = "DatasetConsumptionConfig:"
COMMAND = "-c"


def main() -> None:
    """Run the command line as if it had been started directly."""
    places = bring(json.loads(os.environ.pop(INPUTS, "[]")))
    for placeholder, place in places.items():
        sys.argv = [each.replace(placeholder, place) for each in sys.argv]
    if sys.argv[1] == COMMAND:
        sys.exit(subprocess.call(["/bin/bash", COMMAND, sys.argv[2]]))
    run(sys.argv[1])


def run(script: str) -> None:
    """Run a script."""
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(script).resolve().parent)
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:  # noqa: BLE001 - it is shown
        show(error)
        sys.exit(1)
    finally:
        flush()


def bring(inputs: list[dict[str, str]]) -> dict[str, str]:
    """Download data here; return the placeholder in the arguments for each, and its path."""
    try:
        return {
            each.get("placeholder") or f"{PLACEHOLDER}{each['name']}": bring_one(each)
            for each in inputs
        }
    except Exception as error:  # noqa: BLE001 - it is shown
        show(error)
        sys.exit(
            "[modelship] The data of the run could not be read. Datasets need "
            "azureml-dataset-runtime in its environment, as on Azure."
        )


def bring_one(asked: dict[str, str]) -> str:
    """Download one of the data; return its path."""
    place = bring_path(asked) if "datastore" in asked else bring_dataset(asked)
    os.environ[asked["variable"]] = place
    return place


def bring_path(asked: dict[str, str]) -> str:
    """Download everything under a path on a datastore."""
    from azureml.core import Datastore, Run

    target = Path(asked["path"] or f"INPUT_{asked['name']}").resolve()
    workspace = Run.get_context(allow_offline=False).experiment.workspace
    store = Datastore.get(workspace, asked["datastore"])
    count = store.download(str(target), prefix=asked["prefix"], show_progress=False)
    place = target / asked["prefix"]
    sys.stdout.write(f"[modelship] {count} files of {asked['datastore']} are in {place}.\n")
    return str(place)


def bring_dataset(asked: dict[str, str]) -> str:
    """Download a dataset, unless the script reads it itself; return its path, or its id."""
    place = asked["id"]
    if asked["mechanism"] != "direct":
        from azureml.core import Dataset, Run

        place = str(Path(asked["path"] or f"INPUT_{asked['name']}").resolve())
        workspace = Run.get_context(allow_offline=False).experiment.workspace
        found = Dataset.get_by_id(workspace, asked["id"])
        files = found.download(target_path=place, overwrite=True)
        sys.stdout.write(f"[modelship] {len(files)} files of {asked['name']} are in {place}.\n")
    return place


def show(error: Exception) -> None:
    """Print a traceback without the driver's frames."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in OURS:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def flush() -> None:
    """Send the metrics of the run, if the script has used it."""
    module = sys.modules.get("azureml.core.run")
    if module is None:
        return
    try:
        module.Run.get_context(allow_offline=False).flush(timeout_seconds=LONGEST_S)
    except Exception:  # noqa: BLE001 - what the script did is done
        traceback.print_exc()


if __name__ == "__main__":
    main()
