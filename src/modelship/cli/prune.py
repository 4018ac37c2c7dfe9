"""``modelship prune``: remove what no service uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelship.cli.output import answer, say_table
from modelship.cli.shared_options import command
from modelship.progress import showing

if TYPE_CHECKING:
    from modelship.targets.pruning import Pruned

__all__ = ["prune"]

_HOUR_S = 3600.0
_STEP = 1000


@command("Remove what no service uses.", example="prune --dry-run")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, without removing it.")
@click.option(
    "--unused-for",
    "unused_for_h",
    metavar="HOURS",
    type=click.FloatRange(min=0),
    default=24.0,
    help="Hours that environments, images and files must be unused [default: 24].",
)
def prune(*, dry_run: bool, unused_for_h: float) -> None:
    """Remove what no service needs any more, and say what that frees.

    Environments and images in which nothing runs, copies of the server of another release of
    modelship, releases that no history goes back to, and what was half written when a process was
    ended. What a service runs on, or a rollback needs, stays. It waits for a deployment that is
    under way, and gives up after 10 seconds.
    """
    from modelship.targets.pruning import prune as removing

    with showing("Look for unused files"):
        found = removing(dry_run=dry_run, unused_for_s=unused_for_h * _HOUR_S)
    things = [
        {"kind": each.kind, "name": each.name, "size_bytes": each.size_bytes, "why": each.why}
        for each in found.leftovers
    ]
    total = {"size_bytes": found.size_bytes, "notes": list(found.notes)}
    answer({"dry_run": dry_run, "removed": things, **total}, lambda: _say(found, dry_run=dry_run))


def _say(found: Pruned, *, dry_run: bool) -> None:
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    if not found.leftovers:
        click.echo("Nothing to remove.")
        return
    rows = [(each.kind, _shown(each.size_bytes), each.name, each.why) for each in found.leftovers]
    say_table(("what", "size", "where", "why"), rows)
    click.echo(f"{_shown(found.size_bytes)} {'would be freed' if dry_run else 'freed'}")


def _shown(size_bytes: float) -> str:
    """Format a size for people, in decimal units."""
    for unit in ("B", "kB", "MB"):
        if size_bytes < _STEP:
            return f"{size_bytes:.0f} {unit}"
        size_bytes /= _STEP
    return f"{size_bytes:.1f} GB"
