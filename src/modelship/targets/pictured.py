"""Show a service and its history in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.shown import Html, card, code, facts, folded, lines, link, local_time, mark, table
from modelship.targets.history import Change

if TYPE_CHECKING:
    from modelship.targets.deployment import Deployment

__all__ = ["History", "deployment_html"]

_DIGITS: Final = 12
_TONES: Final = {"serving": "good", "under way": "warn", "failed": "bad", "refused": "bad"}


class History(tuple[Change, ...]):
    """The changes of a name, oldest first; a notebook shows them as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        if not self:
            return card("no changes")
        header = ("#", "began", "by", "what", "release", "outcome", "differs in")
        title = f"{len(self)} change" + ("s" if len(self) > 1 else "")
        return card(title, table(header, map(_row, self)), note="local times")


def _row(change: Change) -> tuple[object, ...]:
    outcome = mark(change.outcome, _TONES.get(change.outcome, "quiet"))
    why = "" if change.outcome == "serving" else change.reason
    release = _digest(change.release.digest)
    began = local_time(change.began_at)
    differs = lines(", ".join(change.differed), why)
    return change.number, began, change.by, change.kind, release, outcome, differs


def deployment_html(deployment: Deployment) -> str:
    """Return the HTML of a service from its record; no request is sent."""
    instance, release = deployment.instance, deployment.release
    known = (release.options or {}).items()
    # Of secrets there are only hashes, which are meaningless to a reader.
    options = {name: value for name, value in known if not name.startswith("secrets")}
    told = {
        "scoring URI": link(deployment.scoring_uri),
        "model": release.model,
        "bundle": _digest(release.bundle),
        "since": local_time(instance.created_at),
        "tags": ", ".join(f"{name}={value}" for name, value in release.tags.items()),
        "description": release.description,
        "problem": mark(instance.broken, "bad") if instance.broken else "",
    }
    how = [folded("how it is served", facts(options))] if options else []
    return card(deployment.name, facts(told), *how, note=f"on {deployment.target}")


def _digest(digest: str) -> Html:
    return code(f"{digest[:_DIGITS]}…", whole=digest) if digest else Html("")
