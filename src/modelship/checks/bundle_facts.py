"""Collect the facts about a bundle that explain an exception of its script."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from modelship.bundle.generated import is_generated
from modelship.bundle.layout import model_files
from modelship.bundle.scoring_script import declared_names
from modelship.checks.parsing import Script, parse
from modelship.checks.provided import projects_here
from modelship.diagnosis import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.checks.parsing import Function
    from modelship.checks.subject import Subject

__all__ = ["surroundings_of"]


def surroundings_of(subject: Subject) -> Surroundings:
    """Return the facts known about the bundle with these parts."""
    script = _entry(subject)
    init = script.functions.get("init") if script else None
    passports = [model.passport for model in subject.models]
    source = {file.path: file.content for file in subject.source}
    return Surroundings(
        entry_script=subject.entry_script,
        source=source,
        is_generated=is_generated(source.get(subject.entry_script, b"")),
        beside=subject.left_beside,
        projects=projects_here(),
        model_files=tuple(model_files(subject.models)) if subject.all_models else None,
        model_format=subject.models[0].format if len(subject.models) == 1 else "",
        is_whole=bool(passports) and all(each.complete for each in passports),
        packages_of_model={module for each in passports for module in each.modules},
        python=subject.python,
        locked=subject.lock.versions if subject.lock else None,
        wrote={name: version for each in passports for name, version in each.libraries},
        globals_of_init=None if init is None else declared_names(init),
        bound_in_init=frozenset(_bound(init)) if init else (),
    )


def _entry(subject: Subject) -> Script | None:
    for file in subject.source:
        if file.path == subject.entry_script:
            parsed = parse(file, python=subject.python)
            return parsed if isinstance(parsed, Script) else None
    return None


def _bound(function: Function) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
