"""How fast rows are scored in files, against a bare loop and the engines that others use.

::

    python benchmarks/batch                                 every data set, every contestant
    python benchmarks/batch --data mnist-csv --only bare,modelship
    python benchmarks/batch --rows 10_000_000 --data synthetic
    python benchmarks/batch --json run.json --markdown run.md
    python benchmarks/batch kills --rows 10_000_000         kill the driver and resume, ten times
    python benchmarks/batch memory                          the memory for 1 and 4 times the rows
    python benchmarks/batch --smoke                         few rows, to see that it still runs

Each contestant is started as a new process, reads the files, predicts, and writes the same files
with a column of predictions. All get one thread for each process (``OMP_NUM_THREADS=1`` and the
like, also for Arrow). The bare loop is pyarrow, pandas and ``model.predict()``. All outputs have to
be equal. The time ends with the last row, before an engine is shut down; the cpu seconds are those
of all processes, daemons too. The machines that run this are shared: read the ratios, which are
taken within one repetition, and the cpu seconds, before anything else. MODELSHIP_MNIST_DIR names
the folder of MNIST; without it, digits of scikit-learn are repeated.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path

import platformdirs

sys.path.append(str(Path(__file__).parents[1] / "serving"))

from batch_data import DATA_SETS, Effort
from batch_rounds import Figures, measure
from batch_tables import tables_of
from contestants import CONTESTANTS
from kill_runs import kill_and_resume, memory_growth
from machine import describe_machine
from tables import markdown, text

SMALL = Effort(images=2_000, table=2_000, synthetic=2_000)
SMOKE_DATA = ("mnist-list", "table-csv")
SMOKE_ONLY = ("bare", "modelship")


def main() -> int:
    """Measure what was asked for; return 1 if something failed, or outputs differ."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options = _options()
    if options.what == "kills":
        return kill_and_resume(_synthetic(options), kills=options.kills)
    if options.what == "memory":
        return memory_growth([_synthetic(options, times=each) for each in (1, 4)])
    about = {"machine": describe_machine(), "repetitions": options.repetitions}
    sets = [
        each.prepare(options.folder, options.effort)
        for each in DATA_SETS
        if each.name in options.data
    ]
    figures = measure(
        sets,
        [each for each in CONTESTANTS if each.name in options.only and _is_there(each)],
        cache=options.cache, workers=options.workers, repetitions=options.repetitions,
    )  # fmt: skip
    _report(figures, sets, about, options)
    print(*figures.failures, sep="\n", file=sys.stderr)
    return 1 if figures.failures else 0


def _synthetic(options, *, times: int = 1):
    """Return the synthetic rows, or so many times as many."""
    effort = replace(options.effort, synthetic=times * options.effort.synthetic)
    return DATA_SETS[-1].prepare(options.folder, effort)


def _is_there(contestant) -> bool:
    """Return whether a contestant is available; say why it is not."""
    if why := contestant.missing():
        print(f"not available: {contestant.title}: {why}", file=sys.stderr)
    return not why


def _report(figures: Figures, sets, about, options) -> None:
    """Print the tables; write JSON and Markdown."""
    found = tables_of(figures, sets, options.workers)
    print("\n\n".join(map(text, found)))
    if options.markdown:
        options.markdown.write_text("\n\n".join(map(markdown, found)) + "\n")
    if options.json:
        points = [asdict(each) for each in figures.points]
        content = {**about, "failures": figures.failures, "points": points}
        options.json.write_text(json.dumps(content, indent=1) + "\n")


def _options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/batch", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    data, names = [each.name for each in DATA_SETS], [each.name for each in CONTESTANTS]
    cache = Path(platformdirs.user_cache_dir("modelship"), "benchmarks")
    add = parser.add_argument
    add("what", nargs="?", choices=("speed", "kills", "memory"), default="speed")
    add("--kills", type=int, default=10, help="how often the driver is killed (10)")
    add("--data", type=_names, metavar="NAMES", help=", ".join(data))
    add("--only", type=_names, metavar="NAMES", help=", ".join(names))
    add("--workers", type=_numbers, default=[1, 2], metavar="N,N")
    add("--repetitions", type=int, default=3)
    add("--rows", type=int, help="of the synthetic rows (1,000,000)")
    add("--json", type=Path, metavar="FILE")
    add("--markdown", type=Path, metavar="FILE")
    add("--smoke", action="store_true")
    add("--cache", type=Path, default=cache, help="where the environments are kept")
    add("--folder", type=Path, help="where the data sets are kept (in the cache)")
    options = parser.parse_args()
    options.folder = options.folder or options.cache / "batch-data"
    options.effort = SMALL if options.smoke else Effort()
    if options.rows:
        options.effort = replace(options.effort, synthetic=options.rows)
    if options.smoke:
        options.repetitions = 1
    options.data = options.data or (SMOKE_DATA if options.smoke else data)
    options.only = options.only or (SMOKE_ONLY if options.smoke else names)
    for given, known in ((options.data, data), (options.only, names)):
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return options


def _names(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


if __name__ == "__main__":
    raise SystemExit(main())
