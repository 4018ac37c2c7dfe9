"""Check whether the files that the script reads exist in the service."""

from __future__ import annotations

import ast
import difflib
import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelship.bundle.bundle_models import model_ids
from modelship.bundle.layout import MODELS, model_dir, model_files
from modelship.checks.doubts import doubted_if
from modelship.checks.expected_files import Expected, may_be_a_name, read_by, reads_by_name
from modelship.checks.parsing import argument, called
from modelship.checks.script_paths import Places
from modelship.findings import Severity
from modelship.shown import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.bundle.scoring_script import SourceFile
    from modelship.checks.parsing import Script
    from modelship.checks.reach import Reach
    from modelship.checks.script_paths import Place
    from modelship.findings import Finding
    from modelship.sources import Model

__all__ = ["file_findings"]

# Folders that exist in a service's container, whatever the bundle contains.
_EVERYWHERE: Final = ("/tmp", "/dev", "/proc", "/sys", "/etc", "/usr", "/opt", "/run", "/var/tmp")  # noqa: S108 - read from a script
_APP_ROOT: Final = "/var/azureml-app"
_OF_SEVERAL: Final = re.compile(r"\d+/")  # after a model's name: its version, and a file of it
_SHOWN: Final = 3
_ALIKE: Final = 0.6  # of two names, as difflib compares them: one may be a typo of the other


def file_findings(
    script: Script,
    *,
    source: Sequence[SourceFile],
    models: Sequence[Model] | None,
    apart_on: str = "",
    reach: Reach | None = None,
) -> Iterator[Finding]:
    """Find paths that do not exist in the service.

    Parameters
    ----------
    script : Script
        The script, or a module next to it.
    source : Sequence[SourceFile]
        The files that are shipped with it.
    models : Sequence[Model], optional
        The models; without them, paths to models are not checked.
    apart_on : str
        The name of the place, if the source is in a folder below the current one there.
    reach : Reach, optional
        Which of the source runs; a finding in code that may not run is a doubt. Without it, all
        code is assumed to run.
    """
    places = Places(script)
    expected = Expected(script, places)
    unsure = _Unsure(script, reach)
    inner: set[int] = set()
    for node in script.nodes:  # outer expressions come before the nested ones
        # The value of a name is checked where it is assigned.
        if not isinstance(node, ast.expr) or isinstance(node, ast.Name):
            continue
        if id(node) in expected.nodes:
            continue
        place = places.of(node)
        found: list[Finding] = []
        if place is not None and place.root == "model" and models is not None:
            if id(node) not in inner and place not in expected.places:
                found += _below_model_dir(node, place, script, models=models)
            inner.update(id(each) for each in ast.walk(node))
        elif isinstance(node, ast.Call):
            found += _registered(node, script, models=models)
            read = read_by(node)
            target = places.of(read) if read is not None else None
            if target is not None and target.root != "model" and target not in expected.places:
                if apart_on and target.root == "here" and target.path in {f.path for f in source}:
                    found.append(_above(node, target, script, apart_on=apart_on))
                found += _elsewhere(node, target, script, source=source, models=models or ())
            if target is not None and target.root == "absolute" and unsure.about(node):
                # It may exist locally and not in the service, so no trial can settle it.
                found = [replace(each, severity=Severity.WARNING) for each in found]
                yield from found
                continue
        yield from (doubted_if(unsure.about(node), each) for each in found)


class _Unsure:
    """Whether part of a script is sure to run, and finds the files as they are in the bundle."""

    def __init__(self, script: Script, reach: Reach | None) -> None:
        self._script = script
        self._reach = reach
        self._names = {
            id(node.value): node.targets[0].id
            for node in script.nodes
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }

    def about(self, node: ast.AST) -> bool:
        if self._reach is None:
            return False
        name = self._names.get(id(node), "")
        used = not name or self._reach.is_used(self._script, name)
        return (
            self._reach.writes_files
            or not used
            or not self._reach.is_sure(node)
            or not self._is_read(node, name)
            or may_be_a_name(node)
        )

    def _is_read(self, node: ast.AST, name: str) -> bool:
        """Return whether a path, or the name assigned to it, is passed to a call that reads it."""
        if isinstance(node, ast.Call) and read_by(node) is not None:
            return True
        return any(
            part is node or (name and isinstance(part, ast.Name) and part.id == name)
            for call in self._script.nodes
            if isinstance(call, ast.Call) and reads_by_name(call)
            for given in (*call.args, *(each.value for each in call.keywords), call.func)
            for part in ast.walk(given)
        )


def _below_model_dir(
    node: ast.expr, place: Place, script: Script, *, models: Sequence[Model]
) -> Iterator[Finding]:
    files = model_files(models)
    if place.path == "." or any(f"{file}/".startswith(f"{place.path}/") for file in files):
        return
    if place.path.startswith("..") or any(sign in place.path for sign in "*?["):
        return  # a path to another model, or a pattern
    if not files:
        problem = f"It looks for the model file {place.path!r}, and the bundle has no model."
        advice = "Add the model that the script loads to the bundle."
        yield script.finding("MS106", problem, node, advice=advice)
        return
    close = [file for file in files if f"/{file}".endswith(f"/{place.path}")]
    close = close or difflib.get_close_matches(place.path, files, n=1, cutoff=0.0)
    folder = "the model's folder" if len(models) == 1 else "the folder of its models"
    held = listed([*map(repr, files)], _SHOWN)
    problem = f"It looks for {place.path!r} in {folder}, which holds {held}."
    advice = _way_to_models(place.path, close[0], models=models)
    yield script.finding("MS106", problem, node, advice=advice)


def _way_to_models(path: str, file: str, *, models: Sequence[Model]) -> str:
    name, _, rest = path.partition("/")
    if len(models) == 1 and _OF_SEVERAL.match(rest):
        return (
            f"Give the bundle each model that the script loads, {name!r} among them: a single "
            f"a single model has no separate folder, and is {file!r} in AZUREML_MODEL_DIR."
        )
    write = f"Write os.path.join(os.environ['AZUREML_MODEL_DIR'], {file!r})"
    wanted, there = posixpath.basename(path), posixpath.basename(file)
    if difflib.SequenceMatcher(None, wanted, there).ratio() >= _ALIKE:
        return f"{write}."
    return f"{write}, or make the bundle of a folder that holds {wanted} too."


def _registered(
    node: ast.Call, script: Script, *, models: Sequence[Model] | None
) -> Iterator[Finding]:
    """Find Model.get_model_path() of a model or version that is not the bundle's."""
    if models is None or not called(node).endswith("Model.get_model_path"):
        return
    given = argument(node, 0, "model_name"), argument(node, 1, "version")
    name, version = (getattr(each, "value", None) for each in given)
    if not isinstance(name, str):
        return
    versions = [model.version for model in models if model.name == name]
    if not versions or (isinstance(version, int) and str(version) not in versions):
        asked = repr(name) + (f", version {version}" if versions else "")
        ids = model_ids(models)
        have = f"this one is {ids}" if len(models) == 1 else f"these are {ids or 'none'}"
        problem = f"It requests the registered model {asked}, and {have}."
        yield script.finding("MS106", problem, node)


def _above(node: ast.Call, place: Place, script: Script, *, apart_on: str) -> Finding:
    way = posixpath.relpath(place.path, posixpath.dirname(script.path) or ".")
    problem = (
        f"It opens {place.path!r} in the current folder, and on {apart_on} the files of the source "
        "directory are in a subfolder of it."
    )
    advice = f"Write os.path.join(os.path.dirname(__file__), {way!r})."
    return script.finding("MS109", problem, node, advice=advice)


def _elsewhere(
    node: ast.Call,
    place: Place,
    script: Script,
    *,
    source: Sequence[SourceFile],
    models: Sequence[Model],
) -> Iterator[Finding]:
    there = {file.path for file in source}
    if place.root == "here" and place.path.startswith(f"{MODELS}/"):
        there |= {f"{model_dir(models)}/{file}" for file in model_files(models)}
    if place.root in {"here", "source"} and place.path in there:
        return
    if place.root == "absolute" and place.path.startswith((*_EVERYWHERE, _APP_ROOT)):
        return
    name = place.path.rpartition("/")[2]
    mine = [file for file in model_files(models) if file.endswith(name)]
    if mine:
        problem = f"It reads the model from {place.path!r}, which does not exist in a service."
        advice = f"Write os.path.join(os.environ['AZUREML_MODEL_DIR'], {mine[0]!r})."
        yield script.finding("MS106", problem, node, advice=advice)
    else:
        problem = f"It reads {place.path!r}, which is not part of the bundle."
        same = [path for path in there if path.rpartition("/")[2] == name]
        advice = f"Write os.path.join(os.path.dirname(__file__), …) to {same[0]!r}." if same else ""
        yield script.finding("MS109", problem, node, advice=advice)
