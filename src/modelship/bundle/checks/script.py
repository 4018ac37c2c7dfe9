"""The rules about the script and what lies beside it, judged without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.bundle.checks.answers import answer_findings
from modelship.bundle.checks.files import file_findings
from modelship.bundle.checks.functions import function_findings
from modelship.bundle.checks.imports import import_findings
from modelship.bundle.checks.leaks import log_findings, secret_findings
from modelship.bundle.checks.parsing import Script, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.bundle.checks.subject import Subject
    from modelship.findings import Finding

__all__ = ["script_findings"]

# Models whose predict() is known to return a numpy array.
_ARRAY_MODELS = frozenset({"sklearn", "lightgbm", "xgboost", "catboost"})


def script_findings(subject: Subject) -> Iterator[Finding]:
    """Find what is wrong with the script of a bundle, and with the modules beside it."""
    yield from secret_findings(subject.source)
    scripts = []
    for file in subject.source:
        if not file.path.endswith(".py"):
            continue
        parsed = parse(file, python=subject.python)
        if isinstance(parsed, Script):
            scripts.append(parsed)
        else:
            yield parsed
    entry = next((each for each in scripts if each.path == subject.entry_script), None)
    if entry is None:
        return
    yield from function_findings(entry)
    if subject.lock is not None:
        yield from import_findings(
            scripts,
            entry=entry,
            source=subject.source,
            lock=subject.lock,
            python=subject.python,
        )
    yield from answer_findings(entry, arrays_predicted=_predicts_arrays(subject))
    for script in scripts:
        yield from file_findings(script, source=subject.source, model=subject.model)
        yield from log_findings(script)


def _predicts_arrays(subject: Subject) -> bool:
    """Tell whether all classes of the model are of libraries that predict arrays."""
    passport = subject.model.passport if subject.model else None
    if passport is None:
        return False
    own = {name.partition(".")[0] for name in passport.globals}
    plain = {"numpy", "scipy", "joblib", "builtins", "collections", "copyreg", "_codecs", "pandas"}
    return bool(own & _ARRAY_MODELS) and own <= _ARRAY_MODELS | plain
