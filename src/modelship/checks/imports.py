"""Check whether the modules that the script imports exist in the service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from modelship.checks.doubts import doubted_if
from modelship.checks.provided import Provided
from modelship.diagnosis.remedies import remedy_for_missing
from modelship.findings import Severity
from modelship.known_modules import standard_library

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from modelship.bundle.lock import Lock
    from modelship.checks.parsing import Script
    from modelship.checks.reach import Import, Reach
    from modelship.checks.tricks import Tricks
    from modelship.diagnosis import Surroundings
    from modelship.findings import Finding

__all__ = ["import_findings"]

# "Release history" of scikit-learn: deprecated in 0.21, removed in 0.23.
_EXTERNALS: Final = {
    "sklearn.externals.joblib": "Write import joblib, and list joblib in the environment.",
    "sklearn.externals.six": "Write import six, and list six in the environment.",
}
_EXTERNALS_REMOVED: Final = Version("0.23")
# Modules that inference-schema imports only if these classes are used.
_SCHEMA_NEEDS: Final = {
    "inference_schema.parameter_types.numpy_parameter_type": "numpy",
    "inference_schema.parameter_types.pandas_parameter_type": "pandas",
    "inference_schema.parameter_types.spark_parameter_type": "pyspark",
}


def import_findings(
    reach: Reach, *, tricks: Tricks, lock: Lock, around: Surroundings
) -> Iterator[Finding]:
    """Find imports that will fail, in the entry script and in the modules that it reaches.

    Parameters
    ----------
    reach : Reach
        Which of the source runs.
    tricks : Tricks
        What the source may change at run time about imports.
    lock : Lock
        The environment.
    around : Surroundings
        The facts known about the bundle.
    """
    own = {file.path.partition("/")[0].removesuffix(".py") for file in reach.search.files}
    provided = Provided(lock)
    known = standard_library(around.python or (3, 11))
    unsure = tricks.imports or reach.search.is_unknown
    for script in (each for each in reach.scripts if each.path in reach.certain):
        for each in reach.imports[script.path]:
            top = each.module.partition(".")[0]
            sure = replace(each, certain=each.certain and reach.certain[script.path])
            found: Iterable[Finding] = ()
            if each.level:
                if script is reach.entry:
                    problem = "It uses a relative import, and the server loads it as a top-level "
                    advice = _without_dot(each, around)
                    found = [each.finding("MS104", f"{problem}module.", advice=advice)]
            elif not _EXTERNALS.keys().isdisjoint(each.modules) and _has_no_externals(lock):
                removed = next(name for name in each.modules if name in _EXTERNALS)
                problem = f"{removed} was removed in scikit-learn 0.23."
                found = [each.finding("MS105", problem, advice=_EXTERNALS[removed])]
            elif top not in own and top not in known:
                found = _missing(sure, provided, around)
            yield from (doubted_if(unsure, one) for one in found)
    imported = {each.module.partition(".")[0] for found in reach.imports.values() for each in found}
    others = [script for script in reach.scripts if script is not reach.entry]
    yield from _hidden(others, own=own, known=known, provided=provided, imported=imported)


def _missing(each: Import, provided: Provided, around: Surroundings) -> Iterator[Finding]:
    there = provided.provides(each.module)
    needed = next((_SCHEMA_NEEDS[name] for name in each.modules if name in _SCHEMA_NEEDS), None)
    if there and needed and needed not in provided.lock.versions:
        problem = f"{each.module} needs {needed}, which the environment does not provide."
        yield each.finding("MS104", problem, advice=f"List {needed} in the environment.")
    if there:
        return
    beside, above = _beneath(each, around)
    if beside and not provided.knows(each.module):
        yield _of_a_folder_above(each, beside, above, around)
        return
    top = each.module.partition(".")[0]
    # Certain: the file exists, but not where the script looks for it.
    elsewhere = bool(around.folder_of(top)) or top in around.beside
    problem = (
        f"It imports {top}, which the environment does not provide."
        if there is False
        else f"It imports {top}, and no package in the environment is known to provide it."
    )
    package = provided.package_of(each.module)
    advice = remedy_for_missing(each.module, around=around, package=package)
    found = each.finding("MS104", problem, advice=advice, severity=_severity(each))
    yield doubted_if(there is None and not elsewhere, found)


def _severity(each: Import) -> Severity:
    return Severity.ERROR if each.certain else Severity.WARNING


def _beneath(each: Import, around: Surroundings) -> tuple[str, int]:
    """Return the root's file that an import expects in parent folders, and how many levels up.

    This happens if the folder given as the source directory is a package of a project.
    """
    parts = each.module.split(".")
    for above in range(1, len(parts) + 1):
        for name in parts[above : above + 1] or each.names:
            if file := around.in_root(name):
                return file, above
    return "", 0


def _of_a_folder_above(each: Import, beside: str, above: int, around: Surroundings) -> Finding:
    parts = each.module.split(".")
    rest = ".".join(parts[above:])
    name = beside.partition("/")[0].removesuffix(".py")
    write = (
        f"from {rest} import {', '.join(each.names)}" if rest and each.names else f"import {name}"
    )
    top = parts[0]
    folder = (
        f"parent folder, which contains {top}," if above == 1 else f"folder that contains {top}"
    )
    # The standard library's module of that name would take precedence.
    begin = "Pass" if around.is_of_python(name) else f"Write {write}, or pass"
    advice = f"{begin} the {folder} as source_directory."
    problem = (
        f"It imports {each.module}, and {beside} is in the root of the source directory, with no "
        f"folder {'/'.join(parts[:above])} above it."
    )
    return each.finding("MS104", problem, advice=advice, severity=_severity(each))


def _without_dot(each: Import, around: Surroundings) -> str:
    """Return the absolute import, from the root of the source, of the same module."""
    path = each.path
    folder = PurePosixPath(path).parents[min(each.level, path.count("/") + 1) - 1].as_posix()
    parts = [*([] if folder == "." else folder.split("/")), *filter(None, each.module.split("."))]
    names = ", ".join(each.names)
    first = parts[0] if parts else each.names[0] if each.names else ""
    write = f"from {'.'.join(parts)} import {names}" if parts else f"import {names}"
    if first not in around.roots:
        return (
            f"Write the import without the dot ({write}), and pass the folder of both as "
            "source_directory."
        )
    if around.is_of_python(first):
        # The standard library's module of that name would take precedence.
        rest = ".".join(parts[1:])
        inner = f"from {rest} import {names}" if rest else f"import {names}"
        return f"Write {inner}, and pass the folder {folder} itself as source_directory."
    return f"Write the import without the dot: {write}."


def _has_no_externals(lock: Lock) -> bool:
    try:
        return Version(lock.versions.get("scikit-learn", "99")) >= _EXTERNALS_REMOVED
    except InvalidVersion:
        return True


def _hidden(
    scripts: Sequence[Script],
    *,
    own: set[str],
    known: frozenset[str],
    provided: Provided,
    imported: set[str],
) -> Iterator[Finding]:
    """Find files next to the script that shadow a module which others import."""
    for script in scripts:
        top = script.path.partition("/")[0].removesuffix(".py")
        if "/" in script.path.removesuffix("/__init__.py") or top not in own:
            continue
        what = "the standard library" if top in known else ""
        if not what and provided.provides(top):
            what = provided.package_of(top)
        if what and (top in imported or what == "the standard library"):
            problem = f"It has the same name as the module {top} of {what}: one shadows the other."
            yield script.finding("MS116", problem)
