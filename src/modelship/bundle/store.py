"""Save and load bundles, and lay one out as a service expects it.

A saved bundle is a readable folder::

    bundle.json          what is in it, with digests
    requirements.lock    the environment, locked with hashes
    sample_input.json    the sample request, if there is one
    schema.json          what the model takes and answers, if that is known
    source/              the scoring script and the files next to it
    models/              each model's files, in <name>/<version>

A bundle of the earlier format 2 has one model, with its files in ``model/``; that format can still
be loaded.

``bundle.json`` lists the files of the bundle. Other files are ignored: they are never read, copied
or run. A link in place of a listed file, or of one of its parent folders, is rejected.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.bundle.assembling import FORMAT, MODEL_OF_FORMAT_2, assemble, read_manifest
from modelship.bundle.layout import MODELS, model_folder
from modelship.bundle.mistaken import require_bundle
from modelship.documents import parse, read_regular
from modelship.errors import BundleFormatError, InvalidOptionError, ModelshipError
from modelship.sources.model_files import copy_checked
from modelship.staging import put_in_place, stage_in, storing
from modelship.tables import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelship.bundle.bundle import ScoringBundle

__all__ = ["load", "save", "stage", "stage_models", "stage_source"]

_FILES = frozenset(("bundle.json", "requirements.lock", "sample_input.json", "schema.json"))
_ENTRIES = _FILES | {"source", "models", MODEL_OF_FORMAT_2}
_MOST_MANIFEST_BYTES = 16 * 2**20


def stage(bundle: ScoringBundle, folder: Path, *, source: str = ".") -> None:
    """Lay the bundle out in `folder` as Azure ML does in ``AML_APP_ROOT``.

    The files of the script are in it, or in its subfolder `source`; those of each model are in
    ``azureml-models/<name>/<version>``.

    Raises
    ------
    DigestMismatchError
        If a model file has changed since the bundle was created.
    """
    stage_source(bundle, folder / source)
    stage_models(bundle, folder)


def stage_source(bundle: ScoringBundle, folder: Path) -> None:
    """Write the files of the script below `folder`."""
    for file in bundle.source:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def stage_models(bundle: ScoringBundle, folder: Path) -> None:
    """Copy the model files below `folder`, and check their digests.

    They have the same paths as in a service, relative to the root of its application.
    """
    (folder / MODELS).mkdir(parents=True, exist_ok=True)
    for model in bundle.models:
        copy_checked(model, folder / model_folder(model.name, model.version))


def save(
    bundle: ScoringBundle, folder: Path, *, like: Iterable[Path] = (), ours: bool = False
) -> Path:
    """Write `bundle` into `folder`, and replace a bundle that is already there as a whole.

    Parameters
    ----------
    bundle : ScoringBundle
        The bundle to save.
    folder : Path
        Where.
    like : Iterable[Path]
        Saved bundles that are never modified: identical model files are hard links to theirs
        instead of copies.
    ours : bool
        Whether the folder depends on ``MODELSHIP_HOME``; otherwise the user chose it.

    Raises
    ------
    InvalidOptionError
        If the folder contains something other than a bundle.
    StorageError
        If the folder cannot be written.
    """
    if os.path.lexists(folder) and not _replaceable(folder):
        raise InvalidOptionError(
            option="folder", found=str(folder), expected="a new or empty folder, or a saved bundle"
        )
    with storing(folder, ours=ours), stage_in(folder.parent) as scratch:
        draft = scratch / "new"
        stage_source(bundle, draft / "source")
        for model in bundle.models:
            place = Path("models", model.name, model.version)
            copy_checked(model, draft / place, like=[each / place for each in like])
        (draft / "requirements.lock").write_text(bundle.lock.text)
        if bundle.sample_json is not None:
            (draft / "sample_input.json").write_text(bundle.sample_json + "\n")
        if bundle.schema != Schema():
            (draft / "schema.json").write_text(bundle.schema.to_json(), encoding="utf-8")
        (draft / "bundle.json").write_text(json.dumps(_manifest(bundle), indent=2) + "\n")
        put_in_place(draft, folder, aside=scratch / "old")
    return folder


def load(folder: Path) -> ScoringBundle:
    """Load the bundle in `folder`, and check all digests.

    Files that ``bundle.json`` does not list are never read, copied or run.

    Raises
    ------
    BundleFormatError
        If it is not in the format that :func:`save` writes.
    """
    require_bundle(folder)
    try:
        manifest = read_manifest(
            read_regular(folder / "bundle.json", most_bytes=_MOST_MANIFEST_BYTES)
        )
        bundle = assemble(folder, manifest)
        found = bundle.digest
    except FileNotFoundError as error:
        problem = f"it has no {_shown_path(error, folder)}"
        raise BundleFormatError(path=str(folder), problem=problem) from error
    except OSError as error:
        problem = f"{_shown_path(error, folder)} cannot be read ({error.strerror or error})"
        raise BundleFormatError(path=str(folder), problem=problem) from error
    except (ValueError, ModelshipError) as error:
        raise BundleFormatError(path=str(folder), problem=_shown(error)) from error
    if found != manifest["digest"] or bundle.parts != manifest["parts"]:
        changed = [
            name for name in bundle.parts if bundle.parts[name] != manifest["parts"].get(name)
        ]
        raise BundleFormatError(
            path=str(folder),
            problem=f"it was changed since it was saved ({', '.join(changed) or 'bundle.json'})",
        )
    return bundle


def _manifest(bundle: ScoringBundle) -> dict[str, Any]:
    return {
        "modelship_bundle": FORMAT,
        "digest": bundle.digest,
        "parts": dict(bundle.parts),
        "entry_script": bundle.entry_script,
        "source": [file.path for file in bundle.source],
        "models": [
            {
                "name": model.name,
                "version": model.version,
                "path": model.path.name,
                "origin": model.origin,
            }
            for model in bundle.models
        ],
        "environment": {
            "python": bundle.environment.python,
            "locked_python": bundle.lock.python,
            "requirements": list(bundle.environment.requirements),
            **({"inferred": True} if bundle.environment.inferred else {}),
        },
        "resources": {
            "cpu_cores": bundle.resources.cpu_cores,
            "memory_gb": bundle.resources.memory_gb,
        },
        "tags": dict(bundle.tags),
        "description": bundle.description,
        **({"left_beside": [*bundle.left_beside]} if bundle.left_beside else {}),
    }


def _shown(error: Exception) -> str:
    message = error.message if isinstance(error, ModelshipError) else str(error)
    return message.rstrip(".")


def _shown_path(error: OSError, folder: Path) -> str:
    """Return the path of an OSError, relative to the bundle if possible."""
    path = Path(str(error.filename or "a file"))
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _replaceable(folder: Path) -> bool:
    """Return whether `folder` is empty, or contains a saved bundle and no other files."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    entries = {entry.name for entry in folder.iterdir()}
    if not entries:
        return True
    try:
        found = parse(read_regular(folder / "bundle.json", most_bytes=_MOST_MANIFEST_BYTES))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and "modelship_bundle" in found and entries <= _ENTRIES
