"""Check the script and the files next to it without running it, and what run() returns."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelship.bundle.generated import is_ours
from modelship.bundle.mini_batch_scripts import RUN_BATCH, takes_mini_batch
from modelship.checks.bundle_facts import surroundings_of
from modelship.checks.doubts import doubted_if
from modelship.checks.files import file_findings
from modelship.checks.functions import called_function, function_findings, is_plain
from modelship.checks.imports import import_findings
from modelship.checks.leaks import log_findings, secret_findings
from modelship.checks.parsing import Script, assigned_once, called, parse
from modelship.checks.reach import Reach
from modelship.checks.search_path import SearchPath
from modelship.checks.subject import Subject
from modelship.checks.tricks import Tricks
from modelship.diagnosis import remedy_of
from modelship.findings import RULES, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.bundle.bundle import ScoringBundle
    from modelship.bundle.profile import Profile
    from modelship.checks.parsing import Function
    from modelship.findings import Finding
    from modelship.sources import Model

__all__ = ["lost_paths", "script_findings"]

# Models whose predict() is known to return a numpy array.
_ARRAY_MODELS = frozenset({"sklearn", "lightgbm", "xgboost", "catboost"})
# NumPy functions that return an array, or a scalar that json.dumps cannot serialize.
_ARRAYS: Final = frozenset(
    (
        *("array", "asarray", "concatenate", "vstack", "hstack", "stack", "argsort", "argmax"),
        *("argmin", "zeros", "ones", "arange", "linspace", "squeeze", "float32", "float16"),
        *("int64", "int32", "int8", "uint8", "bool_", "int_"),
    )
)
_PREDICTIONS: Final = frozenset(
    {"predict", "predict_proba", "predict_log_proba", "decision_function"}
)
_FRAMES: Final = frozenset({"DataFrame", "Series"})


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
    yield from _answer_findings(entry, arrays_predicted=_predicts_arrays(subject), tricks=tricks)
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


# --- what run() returns ---------------------------------------------------------------


def _answer_findings(
    script: Script, *, arrays_predicted: bool, tricks: Tricks
) -> Iterator[Finding]:
    """Find values returned by run() that the server cannot serialize, or serializes twice.

    Parameters
    ----------
    script : Script
        The entry script.
    arrays_predicted : bool
        Whether the model's predict() is certain to return a numpy array.
    tricks : Tricks
        What the source may change at run time about its answers.
    """
    run = called_function(script, "run")
    if run is None:
        return
    if is_plain(run) and takes_mini_batch(run) and RUN_BATCH not in script.names:
        name = run.args.args[0].arg if run.args.args else "mini_batch"
        problem = f"run({name}) is that of a batch endpoint, and no service sends it a mini-batch."
        yield script.finding("MS119", problem, run)
        return
    # A decorator may change the return value.
    unsure = tricks.encoding or not is_plain(run)
    own_predict = any(map(tricks.defines, _PREDICTIONS))
    models = _loaded(script) if arrays_predicted and not own_predict else frozenset()
    found = _findings(script, run, models=models)
    yield from (doubted_if(unsure, each) for each in found)


def _loaded(script: Script) -> frozenset[str]:
    """Return the names that a script assigns to what it loads."""
    return frozenset(
        target.id
        for node in script.nodes
        if isinstance(node, ast.Assign) and "load" in called(node.value).lower()
        for target in node.targets
        if isinstance(target, ast.Name)
    )


def _findings(script: Script, run: Function, *, models: frozenset[str]) -> Iterator[Finding]:
    answers = _Answers(run, models=models)
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _own(run)):
        problem = "run() is a generator, which the server cannot serialize."
        advice = "Collect the yielded values in a list, and return the list."
        yield script.finding("MS107", problem, run, advice=advice)
        return
    for node in _own(run):
        if not isinstance(node, ast.Return) or node.value is None:
            continue
        if what := answers.unserializable(node.value):
            problem = f"run() returns {what}, which the server cannot serialize: it answers 500."
            yield script.finding("MS107", problem, node, advice=_advice(what))
        elif called(answers.value_of(node.value)) == "json.dumps":
            problem = "run() returns JSON text, and the server encodes it a second time."
            yield script.finding("MS108", problem, node)


def _advice(what: str) -> str:
    """Return what to write instead of an answer; for an array, the rule's own text says it."""
    kind = what.split("(", maxsplit=1)[0].rpartition(" ")[2].rpartition(".")[2]
    return "" if kind in _ARRAYS or "array" in what else remedy_of([kind])


class _Answers:
    """The values of the expressions of run(), as far as they are certain."""

    def __init__(self, run: Function, *, models: frozenset[str]) -> None:
        self._values = assigned_once(_own(run))
        self._models = models

    def value_of(self, node: ast.expr) -> ast.expr:
        """Return the value of a name, if a single assignment determines it."""
        seen: set[str] = set()
        while isinstance(node, ast.Name) and node.id in self._values and node.id not in seen:
            seen.add(node.id)
            node = self._values[node.id]
        return node

    def unserializable(self, node: ast.expr) -> str:  # noqa: PLR0911 - one for each kind of node
        """Return the part of the value of `node` that has no JSON form, or ``""``."""
        node = self.value_of(node)
        if isinstance(node, ast.Dict):
            return self._first(node.values)
        if isinstance(node, (ast.List, ast.Tuple)):
            return self._first(node.elts)
        if isinstance(node, ast.IfExp):
            return self._first([node.body, node.orelse])
        if isinstance(node, (ast.Set, ast.SetComp)):
            return "a set"
        if isinstance(node, ast.GeneratorExp):
            return "a generator"
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
            return "bytes"
        return self._of_call(node) if isinstance(node, ast.Call) else ""

    def _first(self, nodes: list[ast.expr]) -> str:
        return next((what for each in nodes if (what := self.unserializable(each))), "")

    def _of_call(self, node: ast.Call) -> str:
        module, _, name = called(node).rpartition(".")
        if module in {"np", "numpy"} and name in _ARRAYS:
            return f"what {module}.{name}() makes"
        if module in {"pd", "pandas"} and name in _FRAMES:
            return f"a pandas {name}"
        if self._predicts(node):
            return f"a numpy array, from {name}()"
        if isinstance(node.func, ast.Attribute) and node.func.attr == "encode" and not node.args:
            return "bytes"
        return {"set": "a set", "bytes": "bytes"}.get(called(node), "")

    def _predicts(self, node: ast.Call) -> bool:
        by, _, name = called(node).rpartition(".")
        return by in self._models and name in _PREDICTIONS


def _own(function: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function, excluding those of nested functions."""
    waiting: list[ast.AST] = list(function.body)
    for node in waiting:
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))
