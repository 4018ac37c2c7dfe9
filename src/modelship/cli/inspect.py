"""``modelship inspect``: what a model's file tells of itself, without loading it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelship.cli.options import json_option
from modelship.cli.output import as_json_is_asked, emit, say_facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelship.sources import Model

__all__ = ["inspect"]

_DANGEROUS = 3
_MOST_NAMES = 8


@click.command(
    short_help="Tell what is in a model, without loading it.",
    epilog="Example: modelship inspect model.pkl",
)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@json_option
def inspect(path: Path) -> None:
    """Tell what is in the model FILE, which may be a folder, without loading it.

    Nothing in it is run, so a file that you do not trust is safe to look at. The exit code is 3 if
    loading it would run code that belongs into no model.
    """
    from modelship.sources import Model

    model = Model.read(path)
    if as_json_is_asked():
        emit(_document(model))
    else:
        _say(model)
    if model.passport.dangerous:
        click.get_current_context().exit(_DANGEROUS)


def _document(model: Model) -> dict[str, object]:
    passport = model.passport
    return {
        "path": str(model.path),
        "format": passport.format,
        "size_bytes": passport.size_bytes,
        "sha256": model.digest,
        "compression": passport.compression,
        "protocol": passport.protocol,
        "written_by": passport.written_by,
        "libraries": dict(passport.libraries),
        "opsets": dict(passport.opsets),
        "packages": list(passport.packages),
        "globals": list(passport.globals),
        "dangerous": list(passport.dangerous),
        "unknown": list(passport.unknown),
        "from_main": list(passport.from_main),
        "complete": passport.complete,
    }


def _say(model: Model) -> None:
    passport = model.passport
    about = [passport.format, passport.compression or ""]
    if passport.protocol is not None:
        about.append(f"protocol {passport.protocol}")
    facts = {
        "format": ", ".join(filter(None, about)),
        "size": _size(passport.size_bytes),
        "sha256": model.digest,
        "written by": passport.written_by or "not told in the file",
        "operators": ", ".join(f"{domain} {version}" for domain, version in passport.opsets),
        "needs": ", ".join(passport.packages),
    }
    click.echo(str(model.path))
    say_facts({name: value for name, value in facts.items() if value})
    _say_names("loading imports", set(passport.globals) - {*passport.dangerous})
    if not passport.complete:
        click.echo("It was not read to its end, so more may be named in it.")
    if passport.from_main:
        click.secho("From the program that saved it, so that no other can load it:", fg="yellow")
        _say_lines(passport.from_main, color="yellow")
    if passport.unknown:
        click.secho("Of no library that is known; see that you trust who wrote it:", fg="yellow")
        _say_lines(passport.unknown, color="yellow")
    if passport.dangerous:
        click.secho("Runs code when it is loaded. Do not load it:", fg="red", bold=True)
        _say_lines(passport.dangerous, color="red")


def _say_names(title: str, names: set[str]) -> None:
    """Print names by module, a line each; of many in one module the first few."""
    modules: dict[str, list[str]] = {}
    for name in sorted(names):
        module, _, attribute = name.rpartition(".")
        modules.setdefault(module, []).append(attribute)
    if modules:
        click.echo(f"  {title}")
    for module, attributes in modules.items():
        shown = ", ".join(attributes[:_MOST_NAMES])
        more = len(attributes) - _MOST_NAMES
        click.echo(f"    {module}: {shown}{f' and {more} more' if more > 0 else ''}")


def _say_lines(names: Iterable[str], *, color: str) -> None:
    for name in names:
        click.secho(f"    {name}", fg=color)


def _size(size_bytes: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} bytes"
