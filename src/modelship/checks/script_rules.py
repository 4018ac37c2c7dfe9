"""Check the script and the files next to it without running it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modelship.bundle.generated import is_ours
from modelship.checks.answer_rules import answer_findings
from modelship.checks.bundle_facts import surroundings_of
from modelship.checks.doubts import doubted_if
from modelship.checks.files import file_findings
from modelship.checks.functions import function_findings
from modelship.checks.imports import import_findings
from modelship.checks.leaks import log_findings, secret_findings
from modelship.checks.parsing import Script, parse
from modelship.checks.reach import Reach
from modelship.checks.search_path import SearchPath
from modelship.checks.subject import Subject
from modelship.checks.tricks import Tricks
from modelship.findings import RULES, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.bundle.bundle import ScoringBundle
    from modelship.bundle.profile import Profile
    from modelship.findings import Finding
    from modelship.sources import Model

__all__ = ["lost_paths", "script_findings"]

# Models whose predict() is known to return a numpy array.
_ARRAY_MODELS = frozenset({"sklearn", "lightgbm", "xgboost", "catboost"})


def script_findings(subject: Subject, *, profile: Profile | None = None) -> Iterator[Finding]:
    """Find problems of a bundle's script, and of the modules next to it.

    Parameters
    ----------
    subject : Subject
        The bundle.
    profile : Profile, optional
        The place that runs it.
    """
    apart = profile is not None and profile.source_apart and len(subject.source) > 1
    yield from secret_findings(subject.source)
    scripts, unread, entry = _parsed(subject)
    if entry is None:
        yield from (_of_entry(each, subject) for each in unread)
        return
    reach = _reach(subject, scripts, entry=entry)
    yield from (doubted_if(not reach.imports_surely(each.path), each) for each in unread)
    tricks = Tricks(subject.source)
    yield from function_findings(entry, tricks=tricks)
    if subject.lock is not None:
        yield from import_findings(
            reach, tricks=tricks, lock=subject.lock, around=surroundings_of(subject)
        )
    yield from answer_findings(entry, arrays_predicted=_predicts_arrays(subject), tricks=tricks)
    for script in scripts:
        if script.path in reach.certain:
            yield from file_findings(
                script,
                source=subject.source,
                models=subject.models if subject.all_models else None,
                apart_on=profile.name if profile and apart else "",
                reach=reach,
            )
        yield from log_findings(script, is_entry=script is entry)


def _parsed(subject: Subject) -> tuple[list[Script], list[Finding], Script | None]:
    """Return the parsed files, why others cannot be parsed, and the entry script of them."""
    own = [file for file in subject.source if file.path.endswith(".py") and not is_ours(file)]
    parsed = [parse(file, python=subject.python) for file in own]
    scripts = [each for each in parsed if isinstance(each, Script)]
    unread = [each for each in parsed if not isinstance(each, Script)]
    return scripts, unread, next((e for e in scripts if e.path == subject.entry_script), None)


def _reach(subject: Subject, scripts: Sequence[Script], *, entry: Script) -> Reach:
    names = (name for model in subject.models for name in model.passport.globals)
    return Reach(
        scripts,
        entry=entry,
        search=SearchPath(subject.source, python=subject.python),
        needed=tuple({name.rpartition(".")[0] for name in names}),
    )


def _of_entry(unread: Finding, subject: Subject) -> Finding:
    """Return the findings for a script that cannot be read, about which nothing else is known."""
    if unread.code != "MS112" or unread.path != subject.entry_script:
        return unread
    return replace(unread, severity=Severity.ERROR, advice=RULES["MS112"].advice)


def lost_paths(bundle: ScoringBundle, *, models: Sequence[Model]) -> list[Finding]:
    """Find paths that lead to a model of the bundle, but not if the models are `models`.

    Parameters
    ----------
    bundle : ScoringBundle
        The subject of the check.
    models : Sequence[Model]
        Its models with the names and versions that they have in another place.
    """
    subject = Subject(
        entry_script=bundle.entry_script, source=bundle.source, environment=bundle.environment
    )
    scripts, _, entry = _parsed(subject)
    if entry is not None:  # modules that nothing imports cannot lose a path
        reached = _reach(subject, scripts, entry=entry).certain
        scripts = [each for each in scripts if each.path in reached]

    def found(models: Sequence[Model]) -> list[Finding]:
        return [
            each
            for script in scripts
            for each in file_findings(script, source=bundle.source, models=models)
        ]

    before = {(each.path, each.line) for each in found(bundle.models)}
    return [each for each in found(models) if (each.path, each.line) not in before]


def _predicts_arrays(subject: Subject) -> bool:
    """Return whether all classes of the models are of libraries that predict arrays."""
    if not subject.all_models:
        return False
    names = [name for model in subject.models for name in model.passport.globals]
    own = {name.partition(".")[0] for name in names}
    plain = {"numpy", "scipy", "joblib", "builtins", "collections", "copyreg", "_codecs", "pandas"}
    return bool(own & _ARRAY_MODELS) and own <= _ARRAY_MODELS | plain
