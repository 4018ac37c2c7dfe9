"""The measurement: each repetition goes once round the servers, so that noise hits all alike.

Each repetition begins with another server, so that none always runs at the same moment.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from figures import Figures, Launch, Point
from material import ROWS, Material
from process_tree import ServerFailedError, ServerProcess, free_port
from wrk import Load, send_load

if TYPE_CHECKING:
    from servers import Server

__all__ = ["Effort", "measure"]

START_TIMEOUT_S = 60.0
WARM_UP_CLIENTS = 8


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Parameters
    ----------
    repetitions : int
        How often each server is started and measured.
    duration_s : float
        How long each load is sent.
    clients : tuple[int, ...]
        The connections of the loads.
    """

    repetitions: int
    duration_s: float
    clients: tuple[int, ...]

    @property
    def warm_up_s(self) -> float:
        """How long each server is loaded before it is measured, for each size of body."""
        return min(0.5, self.duration_s / 3)


def measure(servers: tuple[Server, ...], *, material: Material, effort: Effort) -> Figures:
    """Measure `servers`; say on stderr what is going on."""
    points: list[Point] = []
    launches: list[Launch] = []
    failures: list[str] = []
    for repetition in range(effort.repetitions):
        for server in _rotated(servers, by=repetition * len(servers) // effort.repetitions):
            print(f"repetition {repetition + 1}: {server.name}", file=sys.stderr, flush=True)
            try:
                found, launch = _visit(server, material, effort, repetition)
            except ServerFailedError as error:
                print(f"{server.name} failed: {error}", file=sys.stderr, flush=True)
                failures.append(f"{server.name}, repetition {repetition + 1}: {error}")
                continue
            points += found
            launches.append(launch)
    return Figures(points, launches, failures)


def _rotated(servers: tuple[Server, ...], *, by: int) -> tuple[Server, ...]:
    """Return the servers in the order of one repetition."""
    return servers[by:] + servers[:by]


def _visit(
    server: Server, material: Material, effort: Effort, repetition: int
) -> tuple[list[Point], Launch]:
    """Start one server, see that its answers are right, load it, end it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}{server.path}"
    with ServerProcess(
        material.command(server, port=port), environ=material.environ(server),
        folder=material.folder / "apps", log=material.folder / f"{server.name}.log",
    ) as process:  # fmt: skip
        start_s = _check(process, server, material, url)
        send = partial(_send, server, material, url)
        for rows in ROWS:
            send(rows=rows, clients=WARM_UP_CLIENTS, duration_s=effort.warm_up_s)
        loads = product(ROWS, effort.clients) if server.measured else ()
        points = []
        for rows, clients in loads:
            process.settle()
            before_s = process.cpu_s()
            load = send(rows=rows, clients=clients, duration_s=effort.duration_s)
            cpu_ms = (process.cpu_s() - before_s) * 1000 / max(1, load.requests)
            points.append(
                Point(server.name, repetition, rows, clients, cpu_ms=cpu_ms, **asdict(load))
            )
        return points, Launch(server.name, repetition, start_s, process.pss_bytes() / 2**20)


def _check(process: ServerProcess, server: Server, material: Material, url: str) -> float:
    """Return the seconds to the first answer; refuse a server whose answers are not right."""
    start_s = 0.0
    for rows in ROWS:
        since_start_s, answer = process.first_answer(
            url, body=material.body(server, rows=rows).read_bytes(),
            content_type=server.content_type, timeout_s=START_TIMEOUT_S,
        )  # fmt: skip
        start_s = start_s or since_start_s
        found = answer["predictions"] if isinstance(answer, dict) else answer
        if found != material.predictions(rows=rows):
            raise ServerFailedError(f"it does not answer what the model predicts: {answer!r}")
    return start_s


def _send(
    server: Server, material: Material, url: str, *, rows: int, clients: int, duration_s: float
) -> Load:
    """Send one load."""
    return send_load(
        url, body=material.body(server, rows=rows), content_type=server.content_type,
        clients=clients, duration_s=duration_s,
    )  # fmt: skip
