"""Print tables and lines for people, and one JSON document for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

import click

from modelship.cli.wording import COMMAND, hint_of, message_of, text_of, worded
from modelship.findings import RULES, Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelship.errors import ModelshipError
    from modelship.findings import Diagnosis, Finding
    from modelship.sources import Model
    from modelship.targets import Deployment

__all__ = [
    "answer",
    "as_json_is_asked",
    "ask_for_json",
    "deployment_document",
    "diagnosis_document",
    "emit",
    "error_document",
    "fail",
    "note_on_address",
    "say_diagnosis",
    "say_facts",
    "say_findings",
    "say_table",
    "say_trusted",
    "use_json",
]

_AS_JSON = "modelship.as_json"
_UNBOUNDED = 100_000  # columns; a table in a file or a pipe is never truncated


def use_json(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click calls it
    """Record the running command, and whether ``--json`` was given; for the callback."""
    ctx.meta[_AS_JSON] = value
    ctx.meta[COMMAND] = ctx


def ask_for_json(ctx: click.Context) -> None:
    """Make an error a JSON document, unless the command has no ``--json``."""
    ctx.meta[_AS_JSON] = True


def as_json_is_asked() -> bool:
    """Return whether the running command was given ``--json``."""
    return bool(click.get_current_context().meta.get(_AS_JSON))


def emit(document: object) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(document, indent=2))


def answer(document: object, in_words: Callable[[], object]) -> None:
    """Print `document` with ``--json``; otherwise call `in_words`, which prints it for people."""
    if as_json_is_asked():
        emit(document)
    else:
        in_words()


def fail(error: ModelshipError, *, document: Mapping[str, Any] | None = None) -> NoReturn:
    """Print `error` on stderr and exit with its code.

    With ``--json`` it is also printed on stdout as the key ``error`` of `document`, so that stdout
    always has one document.
    """
    if as_json_is_asked():
        emit({**(document or {}), "error": error_document(error)})
    click.echo(click.style("error: ", fg="red", bold=True) + text_of(error), err=True)
    click.get_current_context().exit(error.exit_code)


def error_document(error: ModelshipError) -> dict[str, object]:
    """Return an error as JSON values."""
    document: dict[str, object] = {
        "type": type(error).__name__,
        "message": message_of(error),
        "evidence": error.evidence,
        "hint": hint_of(error),
        "exit_code": error.exit_code,
    }
    if error.aftermath:
        document["aftermath"] = error.aftermath
    if error.doubts:
        document["doubts"] = [worded(each) for each in error.doubts]
    diagnosis = getattr(error, "diagnosis", None)
    return {**document, "diagnosis": diagnosis_document(diagnosis)} if diagnosis else document


def diagnosis_document(diagnosis: Diagnosis | None) -> dict[str, object] | None:
    """Return a diagnosis as JSON values, if there is one."""
    if diagnosis is None:
        return None
    return {
        "code": diagnosis.code,
        "rule": RULES[diagnosis.code].name,
        "cause": diagnosis.problem,
        "where": diagnosis.where,
        "evidence": list(diagnosis.evidence),
        "remedy": worded(diagnosis.advice),
    }


def say_diagnosis(diagnosis: Diagnosis) -> None:
    """Print the cause, its location, its evidence, and the advice."""
    head = click.style(diagnosis.code, fg="red", bold=True)
    click.echo(f"{head}  {diagnosis.where}".rstrip())
    click.echo(f"  {diagnosis.problem}")
    for line in diagnosis.evidence:
        click.echo(click.style(f"  | {line}", dim=True))
    click.echo(click.style(f"  > {worded(diagnosis.advice)}", bold=True))


def deployment_document(deployment: Deployment) -> dict[str, object]:
    """Return the fields of a deployment as JSON values."""
    instance, release = deployment.instance, deployment.release
    return {
        "name": deployment.name,
        "target": deployment.target,
        "state": str(deployment.state),
        "scoring_uri": deployment.scoring_uri,
        "swagger_uri": deployment.swagger_uri,
        "digest": deployment.digest,
        "release": release.digest,
        "model": release.model,
        "created_at": instance.created_at,
        "description": release.description,
        "tags": dict(release.tags),
        "problem": instance.broken,
        "lost_uri": instance.lost_uri,
    }


def note_on_address(lost_uri: str) -> str:
    """Return what to do about the address that a service has lost."""
    return f"a restart ended its address {lost_uri}; to return to it, deploy its bundle again"


def say_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in header:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(_literal(cell) for cell in row))
    _print(table)


def say_facts(facts: Mapping[str, str]) -> None:
    """Print names and values in two columns."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(_literal(f"  {name}"), _literal(value))
    _print(table)


def say_findings(findings: Sequence[Finding]) -> None:
    """Print the findings of a check: errors in red first, each with its advice."""
    for each in findings:
        color = "red" if each.blocks else "yellow"
        head = click.style(f"{each.severity} {each.code}", fg=color, bold=True)
        click.echo(f"{head}  {each.where}".rstrip())
        click.echo(f"  {each.problem}")
        for line in each.evidence.splitlines():
            click.echo(click.style(f"  | {line}", dim=True))
        click.echo(click.style(f"  > {worded(each.advice)}", bold=True))
    click.echo(Findings(findings).summary)


def say_trusted(model: Model) -> None:
    """Print on stderr why a model is not safe to load, since it is loaded anyway."""
    for reason in model.passport.obstacles:
        click.secho(f"trusted {model.path.name}: {reason}", fg="yellow", err=True)


def _literal(text: str) -> Any:
    from rich.text import Text

    return Text(text)  # square brackets in names and paths are not markup


def _print(table: Any) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_UNBOUNDED)
    with console.capture() as captured:
        console.print(table)
    # Trailing spaces are useless.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))
