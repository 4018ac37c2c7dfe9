"""Check the signatures of init() and run()."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from modelship.bundle.mini_batch_scripts import RUN_BATCH
from modelship.bundle.scoring_script import bound_names, declared_names
from modelship.checks.doubts import doubted_if
from modelship.checks.parsing import argument, called, dotted, targets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.checks.parsing import Function, Script
    from modelship.checks.tricks import Tricks
    from modelship.findings import Finding

__all__ = ["called_function", "function_findings", "is_plain"]

_HEADERS: Final = "request_headers"
_RAW_HTTP: Final = "rawhttp"
_INPUT_SCHEMA: Final = "input_schema"
_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# Decorators that keep the signature unchanged.
_TRANSPARENT: Final = frozenset({_RAW_HTTP, _INPUT_SCHEMA, "output_schema"})


def function_findings(script: Script, *, tricks: Tricks) -> Iterator[Finding]:
    """Find problems of init() and run() in the entry script.

    Parameters
    ----------
    script : Script
        The entry script.
    tricks : Tricks
        What the source may change at run time about names.
    """
    for name in ("init", "run"):
        if name not in script.names | declared_names(script.tree) and "*" not in script.names:
            found = script.finding("MS102", f"It does not define {name}().")
            yield doubted_if(tricks.names, found)
    init, run = called_function(script, "init"), called_function(script, "run")
    for function in (init, run):
        if isinstance(function, ast.AsyncFunctionDef) and is_plain(function):
            problem = f"{function.name}() is asynchronous, and the server does not wait for it."
            advice = f"Write def {function.name}(…): without async."
            yield script.finding("MS113", problem, function, advice=advice)
    if init is not None and not init.decorator_list and (wanted := _required(init)):
        problem = f"init() requires {wanted[0]!r}, and the server calls it without arguments."
        advice = "Write def init(): without parameters."
        yield script.finding("MS103", problem, init, advice=advice)
    if run is not None:
        yield from _judge_run(run, script)
    own = called_function(script, RUN_BATCH)
    if own is not None and is_plain(own) and (problem := _bad_batch_signature(own)):
        advice = f"Write def {RUN_BATCH}(mini_batch): with one parameter."
        yield script.finding("MS103", problem, own, advice=advice)
    if init is not None and run is not None:
        for name, lost in _lost_names(script, init=init, run=run):
            yield doubted_if(tricks.names or name in declared_names(script.tree), lost)


def called_function(script: Script, name: str) -> Function | None:
    """Return a function that the server calls, unless its name is also bound to something else."""
    function = script.functions.get(name)
    return (
        None if name in declared_names(script.tree) or _is_bound_again(script, name) else function
    )


def _is_bound_again(script: Script, name: str) -> bool:
    bound = [each for each in script.statements if name in bound_names([each])]
    return len([each for each in bound if not isinstance(each, (ast.If, ast.Try))]) > 1


def is_plain(function: Function) -> bool:
    """Return whether no decorator may change a function."""
    return _TRANSPARENT.issuperset(map(_decorator, function.decorator_list))


def _judge_run(run: Function, script: Script) -> Iterator[Finding]:
    decorators = [_decorator(each) for each in run.decorator_list]
    if _RAW_HTTP in decorators and _INPUT_SCHEMA in decorators:
        problem = "run() is decorated with both @rawhttp and @input_schema."
        yield script.finding("MS114", problem, run)
    if not is_plain(run):
        return  # another decorator may change the signature
    if problem := _bad_signature(run, schema=_INPUT_SCHEMA in decorators):
        yield script.finding("MS103", problem, run)
    yield from _schema_of_nothing(run, script)


def _bad_signature(run: Function, *, schema: bool) -> str:
    parameters = run.args
    if parameters.posonlyargs or parameters.vararg or parameters.kwarg:
        return "run() has positional-only parameters, *args or **kwargs, which the server rejects."
    names = [each.arg for each in (*parameters.args, *parameters.kwonlyargs)]
    if not [name for name in names if name != _HEADERS]:
        return "run() has no parameter for the request."
    if schema:
        return ""
    extra = [name for name in _required(run) if name not in (names[0], _HEADERS)]
    if extra and names[0] != _HEADERS:
        return f"run() also requires {extra[0]!r}, and the server passes only the request."
    return ""


def _bad_batch_signature(function: Function) -> str:
    wanted = _required(function)
    if isinstance(function, ast.AsyncFunctionDef):
        return f"{RUN_BATCH}() is asynchronous, and nothing waits for it."
    if len(wanted) > 1:
        return f"{RUN_BATCH}() also requires {wanted[1]!r}, and is called with the mini-batch only."
    positional = (*function.args.posonlyargs, *function.args.args)
    if not positional and function.args.vararg is None:
        return f"{RUN_BATCH}() has no parameter for the mini-batch."
    return ""


def _required(function: Function) -> list[str]:
    """Return the parameters without a default."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    without = positional[: len(positional) - len(arguments.defaults)]
    keyword = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return [each.arg for each in without] + [each.arg for each, value in keyword if value is None]


def _decorator(node: ast.expr) -> str:
    return (called(node) or dotted(node)).rpartition(".")[2]


def _schema_of_nothing(run: Function, script: Script) -> Iterator[Finding]:
    """Find an @input_schema for a parameter that run() does not have."""
    names = {each.arg for each in (*run.args.args, *run.args.kwonlyargs)}
    for node in run.decorator_list:
        if not isinstance(node, ast.Call) or _decorator(node) != _INPUT_SCHEMA:
            continue
        first = argument(node, 0, "param_name")
        if isinstance(first, ast.Constant) and first.value not in names:
            problem = f"@input_schema describes {first.value!r}, and run() has no such parameter."
            yield script.finding("MS117", problem, node)


def _lost_names(script: Script, *, init: Function, run: Function) -> Iterator[tuple[str, Finding]]:
    """Find names that init() binds locally and run() looks up in the module."""
    lost = _names(init, ast.Store)
    wanted = _names(run, ast.Load).keys() - _own_names(run)
    for name in sorted((lost.keys() - declared_names(init)) & wanted):
        if name in script.names and not _is_placeholder(script, name):
            continue
        problem = f"init() assigns {name!r} to a local variable, which run() cannot access."
        advice = f"Write global {name} in init(), before the assignment."
        yield name, script.finding("MS115", problem, lost[name], advice=advice)


def _own_names(function: Function) -> set[str]:
    """Return the names that a function, or one nested in it, binds locally."""
    names = {*_names(function, ast.Store)}
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom, *_SCOPES)):
            names |= bound_names([node])
    return names


def _names(function: Function, context: type[ast.expr_context]) -> dict[str, ast.Name]:
    """Return the names that a function stores or loads, each with the first place."""
    found: dict[str, ast.Name] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, context):
            found.setdefault(node.id, node)
    return found


def _is_placeholder(script: Script, name: str) -> bool:
    """Return whether the module binds `name` only to None."""
    values = [
        statement.value
        for statement in script.statements
        if isinstance(statement, (ast.Assign, ast.AnnAssign))
        for target in targets_of(statement)
        if isinstance(target, ast.Name) and target.id == name
    ]
    return bool(values) and all(
        value is None or (isinstance(value, ast.Constant) and value.value is None)
        for value in values
    )
