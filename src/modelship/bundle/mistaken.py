"""Describe a path that was mistaken for a bundle or a model, and what to do with it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.errors import BundleFormatError, CorruptModelError, ModelshipError, nearest
from modelship.shown import listed
from modelship.sources import Model
from modelship.sources.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Thing", "require_bundle", "require_model", "thing_at"]

_MANIFEST: Final = "bundle.json"
_SETTINGS: Final = "modelship.yaml"
_AGAIN: Final = "Save it again with ScoringBundle.save() (modelship bundle)."
_MOST_ENTRIES: Final = 1000
_MOST_SHOWN: Final = 3
_MOST_TEXT_BYTES: Final = 2**20
_MOST_MODEL_BYTES: Final = 2**30
_DEFINED: Final = re.compile(r"^(?:async )?def (\w+)", re.MULTILINE)
_DATA: Final = frozenset({".csv", ".tsv", ".parquet", ".npz", ".npy", ".feather", ".arrow"})
_ARCHIVES: Final = frozenset({".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z"})


@dataclass(frozen=True)
class Thing:
    """The kind of file or folder at a path.

    Parameters
    ----------
    what : str
        A description, such as ``"a scoring script"``.
    advice : str
        One thing to do with it, as a sentence.
    is_model : bool
        Whether a bundle can be created from it.
    """

    what: str
    advice: str
    is_model: bool = False


def require_bundle(folder: Path) -> None:
    """Raise BundleFormatError if `folder` is not a saved bundle, complete or not."""
    if not (folder / _MANIFEST).is_file():
        thing = thing_at(folder)
        raise BundleFormatError(str(folder), f"it is {thing.what}", thing.advice)


def require_model(path: Path) -> None:
    """Raise CorruptModelError if `path` is not a model that a script can load."""
    thing = thing_at(path)
    if not thing.is_model:
        raise CorruptModelError(str(path), f"it is {thing.what}", thing.advice)


def thing_at(path: Path) -> Thing:
    """Return the kind of thing at a path, from its name and the start of its content."""
    try:
        if path.is_dir():
            return _folder(path)
        return _file(path) if path.exists() else _nothing(path)
    except OSError as error:
        advice = "See who may read it: ls -ld " + _typed(path) + "."
        return Thing(f"not readable ({error.strerror})", advice)


def _nothing(path: Path) -> Thing:
    if path.is_symlink():
        return Thing("a link to a file that is gone", "Give the file itself.")
    near = [each.parent.name for each in path.parent.glob(f"*/{_MANIFEST}")]
    if (path.parent / _MANIFEST).exists():
        advice = f"Give the folder of the bundle: {_typed(path.parent)}."
    elif near:
        advice = f"Saved bundles next to it: {listed(sorted(near), _MOST_SHOWN)}."
    else:
        advice = f"Create a bundle there: {_bundling('MODEL', to=_typed(path))}."
    return Thing(f"missing: no such file or folder{nearest(path.name, near)}", advice)


# --- files ------------------------------------------------------------------------------


def _file(path: Path) -> Thing:
    if path.name == _MANIFEST:
        return Thing("one file of a saved bundle", f"Give the folder: {path.parent}.")
    suffix = path.suffix.lower()
    if suffix == ".py":
        return _python(path)
    if suffix in {".yml", ".yaml"}:
        return _yaml(path)
    if suffix == ".txt" and "requirements" in path.name.lower():
        return _environment(path, "a requirements file")
    if suffix in _DATA:
        advice = f"Evaluate a model on it: modelship evaluate MODEL --data {_typed(path)}."
        return Thing("a data file", advice)
    return _model(path) or _other(path, suffix)


def _python(path: Path) -> Thing:
    if not _is_script(path):
        return Thing("a Python file without init() and run()", _with_script("score.py"))
    return Thing("a scoring script", _with_script(_typed(path)))


def _with_script(script: str) -> str:
    return f"Create a bundle with it: {_bundling('MODEL', f'--entry-script {script}')}."


def _yaml(path: Path) -> Thing:
    import yaml

    try:
        content = yaml.safe_load(_text(path))
    except yaml.YAMLError:
        content = None
    if path.name == _SETTINGS or (isinstance(content, dict) and {"model", "services"} & {*content}):
        return Thing("a file of settings", _configured(path))
    if isinstance(content, dict) and "dependencies" in content:
        return _environment(path, "a conda environment file")
    return Thing("a YAML file", _of_model())


def _configured(path: Path) -> str:
    return f"Leave the path out, and name the file: --config {_typed(path)}."


def _environment(path: Path, what: str) -> Thing:
    command = _bundling("MODEL", f"--environment {_typed(path)}")
    return Thing(what, f"Create a bundle with it: {command}.")


def _model(path: Path) -> Thing | None:
    """Return a model of a known format, or None; large files are recognized by name alone."""
    if path.stat().st_size > _MOST_MODEL_BYTES:
        named = [each.name for each in FORMATS if each.is_named(path)]
        return _of_format(path, named[0]) if named else None
    try:
        model = Model.read(path)
    except ModelshipError as error:
        if any(each.is_named(path) for each in FORMATS):
            problem = getattr(error, "problem", error.message)
            return Thing(f"a model file, and {problem}", error.hint, is_model=True)
        return None
    known = {each.name for each in FORMATS if each.script or each.loader}
    return _of_format(path, model.format) if model.format in known else None


def _of_format(path: Path, name: str) -> Thing:
    command = _bundling(_typed(path))
    return Thing(f"a model ({name})", f"Create a bundle of it first: {command}.", is_model=True)


def _other(path: Path, suffix: str) -> Thing:
    if suffix == ".json":
        command = _bundling("MODEL", f"--sample-input {_typed(path)}")
        return Thing("a JSON file", f"If it is a request, give it with the model: {command}.")
    if suffix in _ARCHIVES:
        return Thing("an archive", "Unpack it, and give what is in it.")
    return Thing("a file that is not of a known model format", _of_model())


# --- folders ----------------------------------------------------------------------------


def _folder(path: Path) -> Thing:
    entries = sorted(each for each, _ in zip(path.iterdir(), range(_MOST_ENTRIES), strict=False))
    names = {each.name for each in entries}
    return (
        _of_bundle(path, names)
        or _of_project(path, names)
        or _bundles_in(path, entries)
        or _parts_in(path, entries)
    )


def _of_project(path: Path, names: set[str]) -> Thing | None:
    if not names - {".DS_Store", ".gitkeep"}:
        command = _bundling("MODEL", to=_typed(path))
        return Thing("an empty folder", f"Create a bundle there: {command}.")
    if _SETTINGS in names:
        return Thing(f"a folder with {_SETTINGS}", _configured(path / _SETTINGS))
    if "MLmodel" in names:
        command = _bundling(_typed(path))
        return Thing("an MLflow model", f"Create a bundle of it first: {command}.", is_model=True)
    return None


def _of_bundle(path: Path, names: set[str]) -> Thing | None:
    if _MANIFEST in names:
        advice = f"Serve it: modelship deploy {_typed(path)} -n NAME."
        return Thing("a saved bundle already", advice)
    if path.name in {"source", "models", "model"} and (path.parent / _MANIFEST).is_file():
        return Thing("a part of a saved bundle", f"Give the whole folder: {path.parent}.")
    if {"source", "requirements.lock"} <= names:
        return Thing(f"a saved bundle without its {_MANIFEST}", _AGAIN)
    return None


def _bundles_in(path: Path, entries: Sequence[Path]) -> Thing | None:
    bundles = [each.name for each in entries if (each / _MANIFEST).is_file()]
    if not bundles:
        return None
    advice = f"Give one of them, such as {path / bundles[0]}."
    return Thing(f"a folder with saved bundles ({listed(bundles, _MOST_SHOWN)})", advice)


def _parts_in(path: Path, entries: Sequence[Path]) -> Thing:
    """Return the parts of a bundle in a folder: a scoring script, models, or both."""
    files = [each for each in entries if each.is_file()]
    scripts = [each.name for each in files if each.suffix == ".py" and _is_script(each)]
    models = [each for each in files if any(known.is_named(each) for known in FORMATS)]
    words = [
        *([f"the scoring script {scripts[0]}"] if scripts else []),
        *([f"the model {listed([each.name for each in models], _MOST_SHOWN)}"] if models else []),
    ]
    if not words:
        return Thing("a folder without a bundle, a model or a scoring script", _of_model())
    model = _typed(models[0]) if models else "MODEL"
    script = f"--source-directory {_typed(path)} --entry-script {scripts[0]}" if scripts else ""
    advice = f"Create a bundle of it: {_bundling(model, script)}."
    return Thing(f"a folder with {' and '.join(words)}", advice)


# --- words ------------------------------------------------------------------------------


def _bundling(model: str, with_: str = "", *, to: str = "bundle") -> str:
    return " ".join(part for part in ("modelship bundle", model, with_, "-o", to) if part)


def _of_model() -> str:
    return f"Create a bundle of your model: {_bundling('MODEL')}."


def _typed(path: Path) -> str:
    return shlex.quote(str(path))


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MOST_TEXT_BYTES).decode("utf-8-sig", errors="replace")


def _is_script(path: Path) -> bool:
    """Return whether a file defines the functions of a scoring script."""
    return {"init", "run"} <= {*_DEFINED.findall(_text(path))}
