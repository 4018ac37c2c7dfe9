"""The speed run: measures, prints the tables, and writes them wherever they were asked for."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from environments import versions
from goals import Outcome, outcomes
from machine import describe_machine
from page import write_data, write_figures
from picture import draw
from rounds import Effort, measure
from tables import in_short, markdown, tables, text
from wrk import require_wrk

if TYPE_CHECKING:
    import argparse

    from figures import Figures
    from material import Material
    from servers import Server

__all__ = ["SMOKE", "measure_speed"]

SMOKE = ("azmlinfsrv", "modelship", "modelship-typed")
SMOKE_EFFORT = Effort(repetitions=1, duration_s=0.3, clients=(8,))
CLIENTS = (1, 8, 32)


def measure_speed(
    servers: tuple[Server, ...], *, material: Material, options: argparse.Namespace
) -> int:
    """Measure `servers`; return 1 if one failed, or a goal that is required is not reached."""
    require_wrk()
    effort = Effort(options.repetitions, options.seconds, CLIENTS)
    if options.smoke:
        effort = SMOKE_EFFORT
    about = {
        "machine": describe_machine(),
        "packages": _packages(servers, material),
        "repetitions": effort.repetitions,
        "duration_s": effort.duration_s,
    }
    figures = measure(servers, material=material, effort=effort)
    _report(figures, about, effort, options)
    failures = [
        *figures.failures,
        *(
            f"{each.name}: {count} requests failed"
            for each in servers
            if (count := figures.errors(server=each.name))
        ),
    ]
    print(*failures, sep="\n", file=sys.stderr)
    missed = options.require and not all(each.is_reached for each in outcomes(figures))
    return 1 if failures or missed else 0


def _report(
    figures: Figures, about: dict[str, object], effort: Effort, options: argparse.Namespace
) -> None:
    """Print the tables; write JSON, picture and page."""
    found = tables(figures, clients=effort.clients)
    print("\n\n".join(map(text, found)))
    if options.json:
        goals = [_as_json(each) for each in outcomes(figures)]
        content = {**about, "goals": goals, **figures.as_json()}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    if options.picture:
        draw(figures, file=options.picture)
    if options.page:
        content = "\n\n".join([_sentence(about), markdown(in_short(found)), _reached(figures)])
        write_data(options.page, found)
        write_figures(options.page, content, section="figures", picture=options.picture)


def _reached(figures: Figures) -> str:
    """Return how many goals are reached, and which are not."""
    measured = [each for each in outcomes(figures) if each.found]
    missed = [each.name for each in measured if not each.is_reached]
    reached = f"{len(measured) - len(missed)} of {len(measured)} goals are met"
    return f"{reached}; missed: {'; '.join(missed)}." if missed else f"{reached}."


def _packages(servers: tuple[Server, ...], material: Material) -> dict[str, str]:
    """Return the versions of what is compared."""
    found: dict[str, str] = {}
    for name in sorted({each.environment for each in servers}):
        found |= versions(material.build(name))
    return dict(sorted(found.items(), key=lambda item: (item[0] != "Python", item[0])))


def _sentence(about: dict[str, object]) -> str:
    """Return what a reader has to know about a run."""
    machine = about["machine"]
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores shared by server and "
        f"client, {machine['memory_gib']} GiB, {machine['system']}; "
        f"{about['duration_s']:g} s for each load, {about['repetitions']} times. "
        + ", ".join(f"{name} {version}" for name, version in about["packages"].items())
        + "."
    )


def _as_json(outcome: Outcome) -> dict[str, object]:
    found = outcome.found
    return {
        "name": outcome.name,
        "found": None if found is None else [found.low, found.median, found.high],
        "bound": outcome.bound,
        "at_least": outcome.at_least,
        "verdict": outcome.verdict,
    }
