"""What can go wrong, each as a function that makes it happen under a steady load."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from client import FAILURES, SteadyLoad, ask, head, read_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import psutil
    from process_tree import ServerProcess

__all__ = ["CASES", "Case", "Scene", "Told"]

BIG_BYTES = 150 * 2**20
IDLE = 2000
SLOW_S = 13.0
LEAKS, LEAK_MIB = 40, 32
ANSWER_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Scene:
    """Where a fault happens: a server under load."""

    port: int
    path: str
    process: ServerProcess
    load: SteadyLoad
    row: list[float]

    async def post(self, body: bytes) -> int:
        """Send one body beside the load; return the status, 0 if there was no answer."""
        request = head(self.path, length=len(body)) + body
        return (await ask(self.port, request, timeout_s=ANSWER_TIMEOUT_S))[0]

    def busiest(self) -> psutil.Process:
        """Return the process that scores: no process below it, and the most cpu time."""
        leaves = [each for each in self.process.processes() if not each.children()]
        return max(leaves, key=lambda each: sum(each.cpu_times()[:2]))


@dataclass(frozen=True)
class Told:
    """What came of a fault.

    Parameters
    ----------
    answers : tuple[int, ...]
        The statuses of the faulty requests; 0 where a connection ended without an answer.
    may_lose : int
        How many requests of the load may be lost by rights.
    note : str
        What else there is to tell.
    fails : bool
        Whether it did not go as it should, for a reason that the note tells.
    load_before_s : float
        Only what was sent before this moment, by `time.perf_counter`, had to be answered.
    """

    answers: tuple[int, ...] = ()
    may_lose: int = 0
    note: str = ""
    fails: bool = False
    load_before_s: float = float("inf")


@dataclass(frozen=True)
class Case:
    """A fault.

    Parameters
    ----------
    name : str
        What `--cases` takes.
    title : str
        What the table says.
    play : Callable
        Makes it happen.
    expected : frozenset[int]
        The statuses that the faulty request may be answered.
    settings : dict[str, str]
        Variables for the server.
    typed : bool
        Whether it is worth playing with a typed script.
    load_body : dict
        Added to the body of the load.
    ends : bool
        Whether the server ends in it, so that its health is not asked for.
    fresh : int
        How many clients there are beside the others that make a connection for each request.
    times : int
        How often it is played, each time on a server of its own.
    """

    name: str
    title: str
    play: Callable[[Scene], Awaitable[Told]]
    expected: frozenset[int] = frozenset()
    settings: dict[str, str] = field(default_factory=dict)
    typed: bool = False
    load_body: dict[str, object] = field(default_factory=dict)
    ends: bool = False
    fresh: int = 0
    times: int = 1


def _body(make: Callable[[list[float]], bytes]) -> Callable[[Scene], Awaitable[Told]]:
    """Return a fault that is one body, sent ten times."""

    async def play(scene: Scene) -> Told:
        body = make(scene.row)
        return Told(tuple([await scene.post(body) for _ in range(10)]))

    return play


async def _big(scene: Scene) -> Told:
    """A right request in a body of 150 MiB."""
    body = json.dumps({"data": [scene.row]}).encode()
    started_s = time.perf_counter()
    status = await scene.post(body + b" " * (BIG_BYTES - len(body)))
    return Told((status,), note=f"answered in {time.perf_counter() - started_s:.2f} s")


def _trickle(start: bytes) -> Callable[[Scene], Awaitable[Told]]:
    """Return a fault that sends `start`, and then a byte a second."""

    async def play(scene: Scene) -> Told:
        reader, writer = await asyncio.open_connection("127.0.0.1", scene.port)
        answer = asyncio.ensure_future(read_answer(reader))
        started_s = time.perf_counter()
        with contextlib.suppress(*FAILURES):
            writer.write(start)
            while not answer.done() and time.perf_counter() - started_s < SLOW_S:
                writer.write(b"x")
                await asyncio.wait([answer], timeout=1)
        lasted_s = time.perf_counter() - started_s
        closed = answer.done()
        answer.cancel()
        writer.close()
        status = 0
        with contextlib.suppress(asyncio.CancelledError, *FAILURES):
            status = (await answer)[0]
        note = f"ended by the server after {lasted_s:.1f} s" if closed else "left open"
        return Told((status,), note=note)

    return play


async def _idle(scene: Scene) -> Told:
    """2,000 connections that say nothing; then one of them speaks."""
    opened = []
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        async with asyncio.timeout(10):
            while len(opened) < IDLE:
                opened.append(await asyncio.open_connection("127.0.0.1", scene.port))
    await asyncio.sleep(2)
    body = json.dumps({"data": [scene.row]}).encode()
    status = 0
    with contextlib.suppress(*FAILURES):
        reader, writer = opened[0]
        writer.write(head(scene.path, length=len(body)) + body)
        async with asyncio.timeout(5):
            status = (await read_answer(reader))[0]
    for _, writer in opened:
        writer.close()
    return Told((status,), note=f"{len(opened)} opened", fails=len(opened) < IDLE)


async def _kill(scene: Scene) -> Told:
    """SIGKILL to a worker under load; what it had accepted may be lost, and nothing else."""
    await asyncio.sleep(1)
    worker = scene.busiest()
    held = [each for each in worker.net_connections("tcp") if each.status == "ESTABLISHED"]
    killed_s = time.perf_counter()
    worker.kill()
    await asyncio.sleep(2)
    slowest_s = max(
        (each.took_s for each in scene.load.exchanges if each.sent_s + each.took_s > killed_s),
        default=0.0,
    )
    return Told(
        may_lose=len(held),
        note=f"it held {len(held)} connections; slowest answer after it {slowest_s:.2f} s",
    )


async def _terminate(scene: Scene) -> Told:
    """SIGTERM under load: all that was sent before it is answered, and the server ends with 0."""
    await asyncio.sleep(1)
    told_s = time.perf_counter()
    scene.process.root.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(scene.process.wait, timeout_s=40.0)
    took_s = time.perf_counter() - told_s
    late = [each for each in scene.load.exchanges if not each.status and each.sent_s >= told_s]
    kept = sum(not each.is_first for each in late)
    return Told(
        note=f"exit code {code} after {took_s:.2f} s; not answered of what was sent after it: "
        f"{kept} on kept connections, {len(late) - kept} on new ones",
        fails=code != 0, load_before_s=told_s,
    )  # fmt: skip


async def _drain(scene: Scene) -> Told:
    """SIGTERM under load, and nothing may be lost: what was not connected was refused."""
    await asyncio.sleep(0.5)
    scene.process.root.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(scene.process.wait, timeout_s=40.0)
    return Told(fails=code != 0)


def _endless(fault: str) -> Callable[[Scene], Awaitable[Told]]:
    """Return a fault that is a run() that never ends."""

    async def play(scene: Scene) -> Told:
        started_s = time.perf_counter()
        status = await scene.post(json.dumps({"fault": fault}).encode())
        took_s = time.perf_counter() - started_s
        await asyncio.sleep(1)
        # What its process had accepted goes with it, where it has to be ended.
        return Told((status,), may_lose=0 if status else CLIENTS, note=f"after {took_s:.1f} s")

    return play


async def _leak(scene: Scene) -> Told:
    """A run() that keeps 32 MiB of each request."""
    body = {"fault": "leak", "mib": LEAK_MIB, "data": [scene.row]}
    answers, most_bytes = [], 0
    for _ in range(LEAKS):
        answers.append(await scene.post(json.dumps(body).encode()))
        most_bytes = max(most_bytes, await asyncio.to_thread(scene.process.pss_bytes))
    note = f"{LEAKS * LEAK_MIB} MiB leaked, at most {most_bytes / 2**20:.0f} MiB held"
    return Told(tuple(answers), note=note)


CLIENTS = 8
TIMEOUTS = {"SCORING_TIMEOUT_MS": "2000", "WORKER_TIMEOUT": "6"}
RUN_FAILED = frozenset({500})
HEAD = b"POST /score HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
BODY = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6000\r\n\r\n"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


CASES = (
    Case("malformed", "malformed JSON", _body(lambda row: _json({"data": [row]})[:-9]),
         frozenset({400, 500}), typed=True),
    Case("shape", "wrong shape", _body(lambda row: _json({"data": [row[:-1]]})),
         RUN_FAILED, typed=True),
    Case("ragged", "ragged rows", _body(lambda row: _json({"data": [row, row[:-1]]})),
         RUN_FAILED, typed=True),
    Case("nan", "NaN", _body(lambda row: _json({"data": [[float("nan"), *row[1:]]]})),
         RUN_FAILED, typed=True),
    Case("empty", "empty body", _body(lambda _: b""), frozenset({400, 500}), typed=True),
    Case("big", "body of 150 MiB", _big, frozenset({200}), typed=True),
    Case("slow-head", "head at a byte a second", _trickle(HEAD), frozenset({0, 408})),
    Case("slow-body", "body at a byte a second", _trickle(BODY), frozenset({0, 408})),
    Case("idle", "2,000 idle connections", _idle, frozenset({200})),
    Case("kill", "a worker killed with SIGKILL", _kill, settings={"WORKER_COUNT": "2"}),
    Case("term", "SIGTERM", _terminate, ends=True,
         load_body={"fault": "take_time", "seconds": 0.02}),
    Case("drain", "SIGTERM, 20 times, half of the clients with new connections", _drain,
         ends=True, typed=True, fresh=CLIENTS, times=20),
    Case("drain-workers", "the same with two workers", _drain, ends=True, fresh=CLIENTS, times=20,
         settings={"WORKER_COUNT": "2"}),
    Case("endless", "a run() that never ends", _endless("never_end"), RUN_FAILED,
         settings=TIMEOUTS),
    Case("endless-c", "a run() that never ends, in C code", _endless("never_end_in_c"),
         frozenset({0, 500, 503}), settings=TIMEOUTS),
    Case("leak", "a run() that leaks", _leak, frozenset({200}),
         settings={"MODELSHIP_MEMORY_MB": "768"}),
)  # fmt: skip
