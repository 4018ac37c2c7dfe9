"""The fault runs: each fault on each server, under a steady load, with its health asked for."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import json
import resource
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from client import Probe, SteadyLoad, head
from fault_cases import CASES, CLIENTS, Case, Scene, Told
from page import write_data, write_figures
from process_tree import ServerProcess, free_port
from tables import NOTHING, Table, markdown, text

if TYPE_CHECKING:
    import argparse

    from material import Material
    from servers import Server

__all__ = ["SERVERS_UNDER_FAULT", "play_faults"]

SERVERS_UNDER_FAULT = ("azmlinfsrv", "azmlinfsrv-typed", "modelship", "modelship-typed")
START_TIMEOUT_S = 60.0
LEAD_S = 0.5
MOST_HEALTH_S = 2.0
OPEN_FILES = 10_000


@dataclass(frozen=True)
class Finding:
    """What one fault did to one server.

    Parameters
    ----------
    fault, server : str
        Their titles.
    answers : str
        What the faulty requests were answered.
    health : str
        How many of the questions for its health were answered, and how soon.
    sent, answered, lost, refused : int
        Of the load beside it: requests sent, answered 200, never answered; connections refused.
    others : str
        Other statuses that the load was answered.
    note : str
        What else there is to tell.
    went_well : bool
        Whether the server did what it has to.
    """

    fault: str
    server: str
    answers: str
    health: str
    sent: int
    answered: int
    lost: int
    refused: int
    others: str
    note: str
    went_well: bool


def play_faults(
    servers: tuple[Server, ...], *, material: Material, options: argparse.Namespace
) -> int:
    """Play each fault on each server; return the exit code."""
    _allow_open_files()
    findings = []
    for case in CASES:
        if options.cases and case.name not in options.cases:
            continue
        for server in servers:
            if case.typed or not server.is_typed:
                played = [_play(case, server, material) for _ in range(case.times)]
                findings.append(functools.reduce(_together, played))
                print(*_row(findings[-1]), sep=" | ", file=sys.stderr, flush=True)
    table = _table(findings)
    print(text(table))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in findings], indent=1) + "\n")
    if options.page:
        write_data(options.page, [table])
        write_figures(options.page, markdown(in_verdicts(table)), section="faults")
    ours = {each.title for each in servers if each.is_ours}
    failed = [each for each in findings if each.server in ours and not each.went_well]
    return 1 if options.require and failed else 0


def _play(case: Case, server: Server, material: Material) -> Finding:
    """Start the server with the script that can go wrong, and make it go wrong."""
    if not server.is_typed:
        server = dataclasses.replace(
            server,
            command=tuple("score_faulty.py" if each == "score.py" else each
                          for each in server.command),
            settings={**server.settings, **case.settings},
        )  # fmt: skip
    port = free_port()
    body = material.body(server, rows=1).read_bytes()
    with ServerProcess(
        material.command(server, port=port), environ=material.environ(server),
        folder=material.folder / "apps", log=material.folder / f"{case.name}-{server.name}.log",
    ) as process:  # fmt: skip
        process.first_answer(
            f"http://127.0.0.1:{port}{server.path}", body=body,
            content_type=server.content_type, timeout_s=START_TIMEOUT_S,
        )  # fmt: skip
        return asyncio.run(_under_load(case, server, process, port=port, body=body))


async def _under_load(
    case: Case, server: Server, process: ServerProcess, *, port: int, body: bytes
) -> Finding:
    """Play a fault while others are served."""
    request = json.loads(body)
    body = json.dumps({**request, **case.load_body}).encode()
    load = SteadyLoad(port, head(server.path, length=len(body)) + body)
    probe = Probe(port)
    sending = asyncio.create_task(load.run(clients=CLIENTS, fresh=case.fresh))
    asking = asyncio.create_task(probe.run())
    await asyncio.sleep(LEAD_S)
    scene = Scene(port, server.path, process, load, request["data"][0])
    try:
        told = await case.play(scene)
        if not case.ends:
            await asyncio.sleep(LEAD_S)
    finally:
        asking.cancel()
        load.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        await sending
    return _finding(case, server, told, load, probe)


def _finding(case: Case, server: Server, told: Told, load: SteadyLoad, probe: Probe) -> Finding:
    """Put together what was seen, and judge it."""
    lost = load.lost(before_s=told.load_before_s)
    others = {status: n for status, n in load.statuses.items() if status not in {0, 200}}
    is_healthy = case.ends or (not probe.failures and probe.worst_s <= MOST_HEALTH_S)
    answers_right = not case.expected or case.expected.issuperset(told.answers)
    asked = len(probe.times_s)
    health = f"{asked - probe.failures} of {asked}, worst {probe.worst_s * 1000:.0f} ms"
    return Finding(
        fault=case.title,
        server=server.title,
        answers=_counted(Counter(told.answers)),
        health="" if case.ends else health,
        sent=len(load.exchanges),
        answered=load.statuses[200],
        lost=lost,
        refused=load.refused,
        others=_counted(Counter(others)),
        note=told.note,
        went_well=is_healthy
        and answers_right
        and lost <= told.may_lose
        and not others
        and not told.fails,
    )


def _together(one: Finding, other: Finding) -> Finding:
    """Return what a fault did that was played twice."""
    counts = ("sent", "answered", "lost", "refused")
    return dataclasses.replace(
        other,
        **{name: getattr(one, name) + getattr(other, name) for name in counts},
        others=one.others or other.others,
        went_well=one.went_well and other.went_well,
    )


def _table(findings: list[Finding]) -> Table:
    """Return the findings as a table."""
    head = ("fault", "server", "answered to it", "health", "requests beside it", "", "verdict")
    return Table(
        "faults",
        "What happens under fault, with 8 clients that go on asking",
        head,
        list(map(_row, findings)),
    )


def in_verdicts(table: Table) -> Table:
    """Return the verdicts alone: a row for each fault, a column for each server."""
    servers = list(dict.fromkeys(row[1] for row in table.rows))
    verdicts = {row[:2]: row[-1] for row in table.rows}
    rows = [
        (fault, *(verdicts.get((fault, server), NOTHING) for server in servers))
        for fault in dict.fromkeys(row[0] for row in table.rows)
    ]
    return Table("verdicts", "Outcome of each fault", ("fault", *servers), rows)


def _row(finding: Finding) -> tuple[str, ...]:
    """Return a finding as a row of the table."""
    beside = f"{finding.sent} sent, {finding.lost} lost"
    if finding.others:
        beside += f", {finding.others}"
    verdict = "passed" if finding.went_well else "FAILED"
    return (
        finding.fault, finding.server, finding.answers, finding.health, beside, finding.note,
        verdict,
    )  # fmt: skip


def _counted(statuses: Counter[int]) -> str:
    """Return statuses and how often they came; 0 is a connection that ended without an answer."""
    return ", ".join(
        f"{count} x {status or 'no answer'}" if count > 1 else str(status or "no answer")
        for status, count in sorted(statuses.items())
    )


def _allow_open_files() -> None:
    """Let this process, and the servers that it starts, hold some thousand connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        limit = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
