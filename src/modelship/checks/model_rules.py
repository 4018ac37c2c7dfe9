"""Check the model by its passport, without loading it."""

from __future__ import annotations

import importlib.util
import math
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from modelship.checks.doubts import doubted_if
from modelship.checks.loading_rules import loading_findings
from modelship.checks.own_modules import OwnModules
from modelship.checks.provided import Provided, is_installed_here
from modelship.checks.skew import skew_findings
from modelship.checks.tricks import Tricks
from modelship.diagnosis.file_errors import MODEL_SUFFIXES
from modelship.findings import RULES, Severity
from modelship.known_modules import (
    every_module_of_python,
    removed_in,
    since_of,
    standard_library,
)
from modelship.known_packages import IMPORT_TO_PYPI
from modelship.shown import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.bundle.lock import Lock
    from modelship.bundle.scoring_script import SourceFile
    from modelship.findings import Finding
    from modelship.sources import Model

__all__ = ["holds_several", "model_findings", "size_findings"]

_SHOWN: Final = 5
# cloudpickle writes a function's bytecode, which only the Python version that compiled it reads.
_BYTECODE: Final = (
    "cloudpickle.cloudpickle._make_function",
    "cloudpickle.cloudpickle._builtin_type",
    "dill._dill._create_code",
)
# Modules of the standard library: the first Python that has each, and the first without it.
_MODULES_OF: Final = {"pathlib._local": ((3, 13), (3, 14)), "re._compiler": ((3, 11), (9, 0))}
_PROTOCOL_5, _READS_PROTOCOL_5 = 5, (3, 8)
# Python 2's names, which unpickling translates, and the name of the main program.
_NO_MODULES: Final = frozenset({"__main__", "__builtin__", "copy_reg", "exceptions"})


def model_findings(
    model: Model,
    *,
    path: str,
    source: Sequence[SourceFile],
    importable: Sequence[SourceFile] = (),
    lock: Lock | None,
    trust_model: bool = False,
    unknown_path: bool = False,
) -> Iterator[Finding]:
    """Find problems of a model, or of loading it where the bundle runs.

    Parameters
    ----------
    model : Model
        The model that the service loads.
    path : str
        The file's path in findings.
    source : Sequence[SourceFile]
        The script and the files next to it.
    importable : Sequence[SourceFile]
        The same, and the modules of folders on Python's path; whether loading runs unsafe code is
        checked as if those folders were not on it.
    lock : Lock, optional
        The environment; without it, the model's requirements are not checked.
    trust_model : bool
        Whether the user trusts the model, whatever loading it runs.
    unknown_path : bool
        Whether the script puts folders on Python's path that cannot be determined.
    """
    beside = OwnModules(source)
    yield from loading_findings(model, path=path, own=beside, trust_model=trust_model)
    own = OwnModules(importable) if importable else beside
    tricks = Tricks(source)
    # With several files, the script may load only some of them.
    unsure = tricks.unpickling or holds_several([model])
    found = [doubted_if(tricks.main or unsure, each) for each in _of_main(model, path=path)]
    missing: set[str] = set()
    if lock is not None:
        for finding, module in _missing(model, lock, own=own, path=path):
            missing.add(module)
            found.append(doubted_if(unsure or unknown_path, finding))
        for finding, name in _not_in_own(model, lock, own=own, path=path):
            found.append(doubted_if(unsure or tricks.assigns(name), finding))
        skewed = skew_findings(model.passport, lock, path=path)
        found += [doubted_if(unsure and each.blocks, each) for each in skewed]
        others = _of_other_pythons(model, lock, path=path)
        found += [doubted_if(unsure or not each.blocks, each) for each in others]
    yield from found
    yield from _unknown(model, but=own.tops | missing, path=path)


def holds_several(models: Sequence[Model]) -> bool:
    """Return whether there are several model files, of which a script may load only some."""
    files = [PurePosixPath(file.path) for model in models for file in model.files]
    return sum(each.suffix in MODEL_SUFFIXES for each in files) > 1


def _of_main(model: Model, *, path: str) -> Iterator[Finding]:
    names = model.passport.from_main
    if names:
        bare = [name.removeprefix("__main__.") for name in names]
        yield RULES["MS303"].finding(
            f"It needs {listed(bare, _SHOWN)} from the program that saved it; the server is a "
            "different program.",
            path=path,
            advice=f"Move {bare[0]} to a module, such as parts.py next to the script, import it "
            "from there, and save the model again.",
        )


def _unknown(model: Model, *, but: set[str], path: str) -> Iterator[Finding]:
    names = [name for name in model.passport.unknown if name.partition(".")[0] not in but]
    if names:
        yield RULES["MS302"].finding(
            f"Loading it would import {listed(names, _SHOWN)}, which no known library contains.",
            path=path,
        )


def _missing(
    model: Model, lock: Lock, *, own: OwnModules, path: str
) -> Iterator[tuple[Finding, str]]:
    """Find modules that neither the environment nor the bundle provides."""
    provided = Provided(lock)
    known = standard_library(lock.minor) | own.tops | _NO_MODULES
    for top in sorted({*model.passport.modules} - known):
        if top in every_module_of_python() or provided.provides(top):
            continue  # of another Python version, which is another rule
        if top in IMPORT_TO_PYPI or is_installed_here(top):
            package = provided.package_of(top)
            problem = f"It was created with {package}, which is not in the environment."
            advice = f"List {package} in the environment."
            yield RULES["MS208"].finding(problem, path=path, advice=advice), top
        else:
            certain = provided.provides(top) is False or _is_code_of_ones_own(top)
            elsewhere, beneath = own.folder_of(top), own.beneath(top, model.passport.globals)
            advice = _way_to(top, elsewhere=elsewhere, beneath=beneath)
            certain = certain or bool(elsewhere or beneath)
            finding = RULES["MS304"].finding(
                f"It needs the module {top}, which is neither in the environment nor next to "
                "the script.",
                path=path,
                advice=advice,
                severity=Severity.ERROR if certain else Severity.WARNING,
            )
            yield finding, top


def _way_to(top: str, *, elsewhere: str, beneath: str) -> str:
    """Return the advice for a module that a model needs and that is not found."""
    if elsewhere:
        return (
            f"Only the root of the source folder is searched: pass the folder {elsewhere} itself "
            "as source_directory."
        )
    if beneath:
        return (
            f"{beneath} is in the root of the source directory: pass the folder that holds {top} "
            "as source_directory."
        )
    return (
        f"Put {top}.py next to the script, and pass their folder as source_directory; or list the "
        "package that contains it."
    )


def _is_code_of_ones_own(top: str) -> bool:
    """Return whether a module is importable here though no package provides it."""
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _not_in_own(
    model: Model, lock: Lock, *, own: OwnModules, path: str
) -> Iterator[tuple[Finding, str]]:
    """Find names that the modules next to the script should define and do not."""
    for name in model.passport.globals:
        if name.partition(".")[0] not in own.tops - standard_library(lock.minor):
            continue
        lack = own.lack(name, python=lock.minor)
        if lack:
            finding = RULES["MS304"].finding(
                f"It needs {name}, and {lack}.",
                path=path,
                advice="Put the modules that the model was saved with next to the script.",
            )
            yield finding, name.rpartition(".")[2]


def _of_other_pythons(model: Model, lock: Lock, *, path: str) -> Iterator[Finding]:
    """Find modules missing from the standard library of the environment's Python."""
    python = lock.minor
    there = standard_library(python)
    names = model.passport.globals
    gone = {
        top
        for top in model.passport.modules
        if top in every_module_of_python() and top not in there
    }
    gone |= {
        module
        for module, (since, until) in _MODULES_OF.items()
        if not since <= python < until and any(name.startswith(f"{module}.") for name in names)
    }
    for module in sorted(gone):
        yield RULES["MS206"].finding(
            f"It needs the module {module}, which Python {lock.python} does not have.",
            path=path,
            advice=f"Require {_python_with(module)} in the environment.",
        )
    if model.passport.protocol == _PROTOCOL_5 and python < _READS_PROTOCOL_5:
        yield RULES["MS206"].finding(
            f"It is a pickle of protocol 5, which Python {lock.python} cannot read.", path=path
        )
    if any(name in names for name in _BYTECODE):
        yield RULES["MS206"].finding(
            f"It contains functions compiled by one version of Python; unless that was "
            f"{lock.python}, they do not load.",
            path=path,
            severity=Severity.WARNING,
        )


def _python_with(module: str) -> str:
    """Return a Python version that has a module which others lack."""
    since = _MODULES_OF[module][0] if module in _MODULES_OF else since_of(module)
    if since is None and (until := removed_in(module)):
        since = (until[0], until[1] - 1)
    return f"Python {since[0]}.{since[1]}" if since else "the Python that wrote the model"


def size_findings(models: Sequence[Model], *, memory_bytes: int) -> Iterator[Finding]:
    """Find whether the models together need more memory than the service requests."""
    on_disk = sum(file.size_bytes for model in models for file in model.files)
    size_bytes = sum(map(_size_bytes, models))
    if size_bytes * 2 > memory_bytes:
        what = "unpacked" if size_bytes > on_disk else "on disk"
        it, path = ("It has", models[0].path.name) if len(models) == 1 else ("Its models have", "")
        yield RULES["MS307"].finding(
            f"{it} {size_bytes / 2**30:.2g} GiB {what}, and the service requests "
            f"{memory_bytes / 2**30:.2g} GiB of memory.",
            path=path,
            advice=f"Request more, such as memory_gb={math.ceil(20 * size_bytes / 2**30) / 10}.",
            severity=Severity.ERROR if size_bytes > memory_bytes else Severity.WARNING,
        )


def _size_bytes(model: Model) -> int:
    on_disk = sum(file.size_bytes for file in model.files)
    return max(on_disk, model.passport.unpacked_bytes or 0)
