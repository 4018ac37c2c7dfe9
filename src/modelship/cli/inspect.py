"""``modelship inspect``: show what a model file contains, without loading it."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

import click

from modelship.cli.check import finding_document
from modelship.cli.completing import files
from modelship.cli.opening import open_model
from modelship.cli.output import answer, say_facts, say_findings
from modelship.cli.shared_options import command
from modelship.shown import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelship.findings import Finding
    from modelship.sources import Model, Passport
    from modelship.tables import Column, Schema

__all__ = ["inspect"]

_NAMES_SHOWN = 6
_MODULES_SHOWN = 12
_COLUMNS_SHOWN = 20
_OF_PASSPORT = (
    *("format", "size_bytes", "unpacked_bytes", "compression", "protocol", "written_by"),
    *("packages", "ir_version", "globals", "dangerous", "unknown", "from_main", "hazards"),
    *("complete", "safe_to_load"),
)
_UNSAFE = 3


@command("Show what can be read from a model file without loading it.", example="inspect model.pkl")
@click.argument("location", metavar="FILE", shell_complete=files)
def inspect(location: str) -> None:
    """Show what can be read from the model FILE.

    Nothing in it is run, so a file that you do not trust is safe to look at. FILE is a pickle, a
    joblib, skops, ONNX, LightGBM or XGBoost file, a folder of them or of MLflow's, or the address
    of a registered model. What it names is judged as `modelship check` does, except for what
    depends on the environment.

    It exits with 3 if FILE is not a complete model, or is not known to be safe to load; otherwise
    with 0, whatever else is found.
    """
    with open_model(location) as model:
        findings = _judge(model)
        answer(_document(model, findings), lambda: _say(model, findings))
        if model.passport.obstacles:
            click.get_current_context().exit(_UNSAFE)


def _judge(model: Model) -> list[Finding]:
    from modelship.checks.model_rules import model_findings

    found = model_findings(model, path=model.path.name, source=(), lock=None)
    return sorted(found, key=lambda each: not each.blocks)


def _document(model: Model, findings: Sequence[Finding]) -> dict[str, object]:
    passport = model.passport
    return {
        "path": str(model.path),
        "sha256": model.digest,
        "holds": model.contents.title,
        "class": model.contents.kind,
        "predicts": model.contents.predicts,
        "schema": json.loads(model.schema.to_json()),
        **{name: getattr(passport, name) for name in _OF_PASSPORT},
        "libraries": dict(passport.libraries),
        "opsets": dict(passport.opsets),
        "findings": [finding_document(each) for each in findings],
    }


def _say(model: Model, findings: Sequence[Finding]) -> None:
    click.secho(str(model.path), bold=True)
    say_facts({name: value for name, value in _facts(model) if value})
    for lines in (_column_lines(model.schema), _lines(model.passport)):
        for place, line in enumerate(lines):
            click.echo(line if place else f"\n{line}")
    click.echo()
    say_findings(findings)


def _facts(model: Model) -> Iterator[tuple[str, str]]:
    passport = model.passport
    how = [passport.format, passport.compression or ""]
    if passport.protocol is not None:
        how.append(f"protocol {passport.protocol}")
    if passport.ir_version:
        how.append(f"IR version {passport.ir_version}")
    yield "format", ", ".join(filter(None, how))
    if len(model.files) > 1:
        yield "files", str(len(model.files))
    yield "size", _size(passport.size_bytes)
    unpacked = passport.unpacked_bytes or 0
    yield "unpacked", _size(unpacked) if unpacked > passport.size_bytes else ""
    yield "sha256", model.digest
    yield "holds", model.contents.told
    from modelship.sources.schema_text import answers, takes

    yield "takes", takes(model.schema)
    yield "answers", answers(model.schema)
    yield "written by", passport.written_by
    yield "operators", ", ".join(f"{domain} {version}" for domain, version in passport.opsets)
    yield "needs", ", ".join(_needs(model))
    yield "read", "" if passport.complete else "not to its end, so more may be named in it"


def _needs(model: Model) -> list[str]:
    """Return the packages that the environment of a service needs, as far as the file shows."""
    from modelship.known_packages import IMPORT_TO_PYPI, provider_of

    passport = model.passport
    _, format_ = model.served
    named = [name for name in passport.packages if name not in {"builtins", "copy_reg"}]
    named += [*format_.requires, *(["pandas"] if model.schema.takes_pandas else [])]
    needed = [provider_of(IMPORT_TO_PYPI.get(name, name)) for name in named]
    versions = {provider_of(library): version for library, version in passport.libraries}
    pinned = [f"{library}=={version}" for library, version in versions.items()]
    return [
        *pinned,
        *(name for name in dict.fromkeys(needed) if name not in versions),
    ]


def _column_lines(schema: Schema) -> Iterator[str]:
    """Yield a line for each column about which something is known, long lists folded."""
    from modelship.sources.schema_text import text_in_words

    known = [
        (text_in_words(each.name or str(at)), _column_facts(each))
        for at, each in enumerate(schema.columns)
    ]
    shown = known[:_COLUMNS_SHOWN]
    width = max((len(name) for name, _ in shown), default=0)
    for name, facts in shown:
        yield f"  {name:<{width}}  {facts}".rstrip()
    if len(known) > len(shown):
        yield f"  and {len(known) - len(shown)} more columns, which --json shows"


def _column_facts(column: Column) -> str:
    from modelship.sources.schema_text import values_in_words

    values = f": {values_in_words(column.categories)}" if column.categories else ""
    gaps = {True: ", may be missing", False: ", never missing", None: ""}[column.missing]
    return f"{column.kind or 'not known'}{values}{gaps}"


def _lines(passport: Passport) -> Iterator[str]:
    """Yield a line for each module that is named: the worst first, long lists folded."""
    colors = {
        **dict.fromkeys(passport.unknown, "yellow"),
        **dict.fromkeys(passport.from_main, "red"),
        **dict.fromkeys(passport.dangerous, "red"),
    }
    modules = _by_module(passport.globals)
    worst_first = sorted(modules, key=lambda each: (_rank(modules[each], colors), each))
    shown = worst_first[:_MODULES_SHOWN]
    width = max(map(len, shown), default=0)
    for module in shown:
        names = modules[module]
        folded = names[:_NAMES_SHOWN]
        told = ", ".join(click.style(text, fg=colors.get(name)) for text, name in folded)
        more = f", and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        yield f"  {module:<{width}}  {told}{more}"
    if rest := len(modules) - len(shown):
        yield f"  and {counted(rest, 'more module')}, which --json shows"


def _rank(names: Sequence[tuple[str, str]], colors: Mapping[str, str]) -> int:
    found = {colors.get(name) for _, name in names}
    return 0 if "red" in found else 1 if "yellow" in found else 2


def _by_module(names: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Group names by module: the names in it, each with its full name.

    In a nested name the module ends before the first part that looks like a class.
    """
    modules = defaultdict(list)
    for name in names:
        parts = name.split(".")
        last = len(parts) - 1
        size = next((place for place in range(1, last) if parts[place][:1].isupper()), last)
        modules[".".join(parts[:size])].append((".".join(parts[size:]), name))
    return dict(modules)


def _size(size_bytes: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit} ({size_bytes} bytes)"
    return f"{size_bytes} bytes"
