"""Call a scoring script's ``run(mini_batch)``, as Azure's batch deployments do.

It stands by itself, and needs only the standard library: a copy of it runs in the environment of
the script. ``python mini_batches.py SCRIPT`` is a worker, which a pool of workers talks to: it
calls ``init()``, and writes a line of JSON, ``{"ready": true}`` or ``{"error": TEXT}``. For each
line that it then reads, ``{"items": [PATH, ...]}`` or ``{"pieces": [FIELDS, ...]}`` for rows of
tables, it calls ``run()``, and writes the fields of :class:`MiniBatchResult`. What the script
prints goes to standard error.

The rules come from [1] "Author scoring scripts for batch deployments" and "Deploy and score image
models" of Azure's documentation, [2] the docstrings of ``ParallelRunConfig`` in
azureml-pipeline-steps and of ``BatchDeployment`` in azure-ai-ml, [3] issues 1448 and 1486 of
Azure/MachineLearningNotebooks. Where these say nothing, the rule is an assumption.

========================================================================================= ======
rule                                                                                      from
========================================================================================= ======
``init()`` is called once in each process, before its first mini-batch                    [1]
``run()`` gets a list of paths, and returns a DataFrame, a list or an array               [1]
for a tabular input, ``run()`` gets a DataFrame; its rows are the items                   [2]
each element returned stands for one item that succeeded, whatever its value, even None   [1]
fewer elements than items are failures of the items that are missing                      [2]
more elements than items are no failure                                                   [3]
an exception of ``run()`` is a failure of the whole mini-batch, which is tried again      [2]
another type, and None, too                                                               assumed
an element of a list is written as ``str(element)``, on a line of its own                 [1]
a DataFrame is written without header and index, with spaces between its columns          [1, 3]
arguments of the command line are those of the script: it may parse them in ``init()``    [2]
a script without ``init()`` needs none                                                    assumed
========================================================================================= ======
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BatchScript", "MiniBatchResult", "is_table", "result_of", "run_mini_batch"]


@dataclass(frozen=True)
class BatchScript:
    """The two functions of a scoring script.

    Parameters
    ----------
    init : Callable
        Prepares the process.
    run : Callable
        Scores one mini-batch.
    """

    init: Callable[[], Any]
    run: Callable[[Any], Any]

    @classmethod
    def load(cls, path: str) -> BatchScript:
        """Import a script; its folder becomes the first place of imports.

        Raises
        ------
        Exception
            Any that the script raises on import.
        TypeError
            If it has no function ``run``.
        """
        place = Path(path).resolve()
        sys.path.insert(0, str(place.parent))
        spec = importlib.util.spec_from_file_location(place.stem, place)
        if spec is None or spec.loader is None:
            raise TypeError(f"{place.name} is not a Python file: its name must end in .py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[place.stem] = module  # so that what it defines can be pickled
        spec.loader.exec_module(module)
        run = getattr(module, "run", None)
        if not callable(run):
            raise TypeError(f"{place.name} has no function run(mini_batch): add one")
        return cls(getattr(module, "init", _nothing), run)


@dataclass(frozen=True)
class MiniBatchResult:
    """What came of one mini-batch.

    Parameters
    ----------
    items : int
        How many items it had.
    rows : int
        How many elements were returned.
    text : str
        The elements as text, each on a line of its own, for ``append_row``.
    error : str
        Why the whole mini-batch failed: a traceback; ``""`` if it did not.
    """

    items: int
    rows: int = 0
    text: str = ""
    error: str = ""

    @property
    def failed(self) -> int:
        """How many of the items failed."""
        return max(0, self.items - self.rows)


def run_mini_batch(run: Callable[[Any], Any], items: Any) -> MiniBatchResult:
    """Call ``run()`` with a mini-batch; an exception is part of the result.

    Parameters
    ----------
    run : Callable
        The function of the script.
    items : Sequence[str] or DataFrame
        The paths of the files, or rows.
    """
    try:
        return result_of(run(items if is_table(items) else list(items)), items=len(items))
    except Exception as error:  # noqa: BLE001 - it is the result
        return MiniBatchResult(len(items), error=_shown(error))


def result_of(returned: Any, *, items: int) -> MiniBatchResult:
    """Return the result of a mini-batch of this many items, from what ``run()`` returned.

    Raises
    ------
    TypeError
        If that is not a DataFrame, a list or an array.
    """
    if is_table(returned):
        table = returned.to_csv(header=False, index=False, sep=" ")
        return MiniBatchResult(items, len(returned), table)
    if isinstance(returned, (str, bytes, dict)) or not hasattr(returned, "__len__"):
        raise TypeError(
            f"run() returned {type(returned).__name__}, not a list, an array or a DataFrame: "
            "return one element for each item of the mini-batch"
        )
    lines = [f"{each}\n" for each in returned]
    return MiniBatchResult(items, len(lines), "".join(lines))


def is_table(returned: Any) -> bool:
    """Return whether it is a DataFrame of pandas, which is imported only by scripts."""
    return hasattr(returned, "to_csv") and hasattr(returned, "columns")


def _nothing() -> None:
    pass


def _shown(error: Exception) -> str:
    """Return a traceback without the frames of this module."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


# --- a worker -------------------------------------------------------------------------------------


def main() -> int:
    """Serve a pool of workers; return the exit code."""
    questions, answers = _pipes()
    sys.argv = sys.argv[1:]
    sys.path.pop(0)  # the folder of this module: its names are not the script's
    try:
        script = BatchScript.load(sys.argv[0])
        script.init()
    except Exception as error:  # noqa: BLE001 - the pool shows it
        _say(answers, {"error": _shown(error)})
        return 1
    _say(answers, {"ready": True})
    for line in questions:
        _say(answers, asdict(_answered(script, json.loads(line))))
    return 0


def _answered(script: BatchScript, question: dict[str, Any]) -> MiniBatchResult:
    if "pieces" not in question:
        return run_mini_batch(script.run, question["items"])
    pieces = question["pieces"]
    try:
        frame = _table_frames().frame_of(pieces)
    except Exception as error:  # noqa: BLE001 - such as a file that is no table
        return MiniBatchResult(sum(each["rows"] for each in pieces), error=_shown(error))
    return run_mini_batch(script.run, frame)


def _table_frames() -> Any:
    """Return the module next to this one, which cannot be imported by its name here."""
    spec = importlib.util.spec_from_file_location("", Path(__file__).with_name("table_frames.py"))
    if spec is None or spec.loader is None:
        raise ImportError("table_frames.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _pipes() -> tuple[IO[str], IO[str]]:
    """Return the pipes to the pool, which the script's own output and input do not disturb."""
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return questions, answers


def _say(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
