"""How fast the servers are that can run the same model, and what ours does under fault.

::

    python benchmarks/serving                               every server, three repetitions
    python benchmarks/serving --only azmlinfsrv,modelship   some
    python benchmarks/serving --require                     exit code 1 unless every goal is reached
    python benchmarks/serving --json run.json --page docs/explanation/serving-speed.md
    python benchmarks/serving faults                        what happens when things go wrong
    python benchmarks/serving workers                       what more workers bring, and cost
    python benchmarks/serving --smoke                       once, small, to see that it still runs

It needs wrk (`apt-get install wrk`) and the packages of the group `test`; uv makes an environment
for each server, and keeps it in the cache. The machines that run this are shared: read the
ratios, which are taken within one repetition, and the cpu per request, before anything else.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import platformdirs
from faults import SERVERS_UNDER_FAULT, play_faults
from material import Material
from servers import SERVERS
from speed import SMOKE, measure_speed
from workers import SERVERS_WITH_WORKERS, measure_workers


def main() -> int:
    """Run what was asked for; return the exit code."""
    # So that servers are ended with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options = _options()
    if options.smoke and not (shutil.which("wrk") or os.environ.get("MODELSHIP_REQUIRE_WRK")):
        print("skipped: wrk is not installed")
        return 0
    chosen = tuple(each for each in SERVERS if each.name in options.only)
    with tempfile.TemporaryDirectory(prefix="modelship-serving-") as folder:
        material = Material.prepare(
            Path(folder),
            cache=options.cache,
            version=options.python,
            servers=chosen,
            small=options.smoke,
        )
        if options.what == "faults":
            return play_faults(chosen, material=material, options=options)
        if options.what == "workers":
            return measure_workers(chosen, material=material, options=options)
        return measure_speed(chosen, material=material, options=options)


def _options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/serving", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    names = [each.name for each in SERVERS]
    add = parser.add_argument
    add("what", nargs="?", choices=("speed", "faults", "workers"), default="speed")
    add("--only", type=lambda text: text.split(","), metavar="NAMES", help=", ".join(names))
    add("--repetitions", type=int, default=3)
    add("--seconds", type=float, default=3.0, help="how long each load is sent")
    add("--python", default="3.11", metavar="VERSION", help="what all servers run on (3.11)")
    add("--json", type=Path, metavar="FILE")
    add(
        "--page",
        type=Path,
        metavar="FILE.md",
        help="write the short table between the page's marks, and all tables as CSV beside it",
    )
    add("--picture", type=Path, metavar="FILE.png")
    add(
        "--require",
        action="store_true",
        help="exit code 1 unless every goal is measured and reached",
    )
    add("--smoke", action="store_true")
    default = Path(platformdirs.user_cache_dir("modelship"), "benchmarks")
    add("--cache", type=Path, default=default, help="where the environments are kept")
    add("--cases", type=lambda text: text.split(","), metavar="NAMES", help="of faults, some")
    options = parser.parse_args()
    everything = {"faults": SERVERS_UNDER_FAULT, "workers": SERVERS_WITH_WORKERS}.get(
        options.what, names
    )
    options.only = options.only or (SMOKE if options.smoke else everything)
    if unknown := set(options.only) - set(names):
        parser.error(f"no such server: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
