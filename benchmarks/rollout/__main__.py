"""What an update costs those who ask meanwhile, and what the address that stays costs each request.

::

    python benchmarks/rollout                   both servers on the target process, 20 updates
    python benchmarks/rollout --target docker   the same on docker
    python benchmarks/rollout --updates 2       fewer, to see that it still runs

Eight clients ask as fast as they are answered, once with connections that they keep and once with a
new one for each request, while one release replaces another. A request is lost if it got no answer
or another status than 200. Then the processor time of a request is taken at the address and at the
port of the instance itself, in turns. The columns of the first table: server, connections,
requests, lost, time from the first gate told to the last one followed, 99th percentile in the
second before an update, the same from the first gate told to the end of the old instance, and
their ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from rollout.clients import Load

from modelship import DeployTarget, ScoringBundle, Serving
from modelship.bundle import Environment
from modelship.targets.docker import DockerBackend
from modelship.targets.process import ProcessBackend
from modelship.testing import script_bundle

SCORE = """
import json
def init():
    pass
def run(raw_data):
    return {factor} * sum(json.loads(raw_data)["data"])
"""
ROUNDS = 5
QUIET_S = 1.0


class Watched:
    """What a backend does beside others, which notes when requests are led elsewhere."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.accepted: list[tuple[float, float]] = []
        self.ended: list[float] = []

    def accept(self, instance: Any, *, on: bool) -> None:
        began = time.monotonic()
        super().accept(instance, on=on)  # type: ignore[misc]
        self.accepted.append((began, time.monotonic()))

    def stop(self, instance: Any, *, grace_s: float = 5.0) -> None:
        super().stop(instance, grace_s=grace_s)  # type: ignore[misc]
        self.ended.append(time.monotonic())


class WatchedProcess(Watched, ProcessBackend):
    """The target process."""


class WatchedDocker(Watched, DockerBackend):
    """The target docker."""


def bundle(folder: Path, factor: int) -> ScoringBundle:
    """Return a bundle whose script answers the sum of its rows, `factor` times."""
    environment = Environment(python="3.11", requirements=())
    place = folder / str(factor)
    return script_bundle(SCORE.format(factor=factor), folder=place, environment=environment)


def port_of(uri: str) -> int:
    """Return the port of a scoring URI."""
    port = urlsplit(uri).port
    assert port
    return port


def switched(backend: Any, serving: Serving, folder: Path, *, kept: bool, updates: int) -> str:
    """Replace a release again and again under load; return what that did, as a row."""
    target = DeployTarget(backend)
    bundles = [bundle(folder, factor) for factor in (1, 2)]
    deployment = target.deploy(bundles[0], name="rollout", serving=serving, show_output=False)
    uri = deployment.scoring_uri
    switch, quiet, moved = [], [], []
    with Load(port_of(uri), kept=kept) as load:
        for number in range(updates):
            time.sleep(QUIET_S)
            quiet.append((time.monotonic() - QUIET_S, time.monotonic()))
            backend.accepted.clear()
            backend.ended.clear()
            deployment.update(bundles[(number + 1) % 2], show_output=False)
            (began, _), (_, led) = backend.accepted[0], backend.accepted[-1]
            switch.append(led - began)
            moved.append((began, backend.ended[-1]))
            assert deployment.scoring_uri == uri
    deployment.delete()
    before, during = p99(load, quiet), p99(load, moved)
    lost = sum(count for what, count in load.counted.items() if what != "200")
    return (
        f"| {backend.name}, {serving.server} | {'kept' if kept else 'new'} | {len(load.took)} "
        f"| {lost} | {statistics.median(switch) * 1e3:.0f} ms, {max(switch) * 1e3:.0f} ms at most "
        f"| {before:.1f} ms | {during:.1f} ms | {during / before:.2f} |"
    )


def p99(load: Load, spans: list[tuple[float, float]]) -> float:
    """Return the 99th percentile of the requests that were answered in these spans, in ms."""
    took = [took for end, took in load.took if any(a <= end <= b for a, b in spans)]
    return statistics.quantiles(took, n=100)[-1] * 1e3


def overhead(serving: Serving, folder: Path, *, kept: bool, seconds: float) -> str:
    """Return the processor time of a request at the address and beside it, as a row."""
    deployment = DeployTarget.open("process").deploy(
        bundle(folder, 1), name="rollout", serving=serving, show_output=False
    )
    marker = deployment.instance.instance_id
    spent: dict[str, list[float]] = {"address": [], "own": []}
    for _ in range(ROUNDS):
        for place, uri in (
            ("address", deployment.scoring_uri),
            ("own", deployment.instance.own_uri),
        ):
            before = processor_s(marker)
            with Load(port_of(uri), kept=kept) as load:
                time.sleep(seconds)
            spent[place].append((processor_s(marker) - before) / len(load.took) * 1e6)
    deployment.delete()
    address, own = (statistics.median(spent[place]) for place in ("address", "own"))
    kind = "kept" if kept else "new"
    return (
        f"| {serving.server} | {kind} | {own:.0f} us | {address:.0f} us | {address - own:+.0f} us |"
    )


def processor_s(marker: str) -> float:
    """Return the processor time so far of all processes of an instance, in seconds."""
    found = (
        each
        for each in psutil.process_iter(["environ", "cpu_times"])
        if (each.info["environ"] or {}).get("MODELSHIP_INSTANCE") == marker
    )
    return float(sum(sum(each.info["cpu_times"][:2]) for each in found))


def main() -> None:
    """Print the rows of both tables."""
    parser = argparse.ArgumentParser(description="The cost of an update.")
    parser.add_argument("--target", choices=["process", "docker"], default="process")
    parser.add_argument("--server", choices=["azmlinfsrv", "modelship"], action="append")
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn of the overhead")
    asked = parser.parse_args()
    servings = [Serving(server=each) for each in asked.server or ("azmlinfsrv", "modelship")]
    base_image = os.environ.get("MODELSHIP_TEST_BASE_IMAGE")
    with tempfile.TemporaryDirectory() as place:
        for serving in servings:
            for kept in (True, False):
                backend = (
                    WatchedProcess()
                    if asked.target == "process"
                    else WatchedDocker(base_image=base_image)
                )
                folder = Path(place)
                print(
                    switched(backend, serving, folder, kept=kept, updates=asked.updates),
                    flush=True,
                )
        for serving in servings if asked.target == "process" else ():
            for kept in (True, False):
                print(overhead(serving, Path(place), kept=kept, seconds=asked.seconds), flush=True)


if __name__ == "__main__":
    main()
