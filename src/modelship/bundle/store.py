"""A bundle on disk: saving it, loading it, and laying it out as a service finds it.

A saved bundle is a folder that people can read::

    bundle.json          what is in it, with digests
    requirements.lock    the environment, locked with hashes
    sample_input.json    the sample request, if there is one
    source/              the scoring script and what lies beside it
    model/               the model's files
"""

from __future__ import annotations

import hashlib
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modelship.bundle.bundle import ScoringBundle
from modelship.bundle.environment import Environment
from modelship.bundle.lock import Lock
from modelship.bundle.resources import Resources
from modelship.bundle.script import SourceFile
from modelship.errors import BundleFormatError, DigestMismatchError, InvalidOptionError, ModelError
from modelship.sources import Model
from modelship.staging import put_in_place, stage_in

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load", "model_folder", "save", "stage", "stage_model", "stage_source"]

FORMAT = 1

_CHUNK_BYTES = 1 << 20


def model_folder(bundle: ScoringBundle) -> str:
    """Return where a service finds the model, below the root of its application."""
    return f"azureml-models/{bundle.model.name}/{bundle.model.version}"


def stage(bundle: ScoringBundle, folder: Path) -> None:
    """Lay the bundle out in `folder` as Azure ML lays it out in ``AML_APP_ROOT``.

    The script's files lie in it, the model's in ``azureml-models/<name>/<version>`` below it.

    Raises
    ------
    DigestMismatchError
        If a model file is not what it was when the bundle was made.
    """
    stage_source(bundle, folder)
    stage_model(bundle, folder / model_folder(bundle))


def stage_source(bundle: ScoringBundle, folder: Path) -> None:
    """Write the script's files below `folder`."""
    for file in bundle.source:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def stage_model(bundle: ScoringBundle, folder: Path) -> None:
    """Copy the model's files below `folder`, and check that they are the ones first seen."""
    for file in bundle.model.files:
        _copy(bundle.model.root / file.path, folder / file.path, sha256=file.sha256)


def save(bundle: ScoringBundle, folder: Path) -> Path:
    """Write `bundle` into `folder`; a bundle that is there already is replaced whole.

    Raises
    ------
    InvalidOptionError
        If the folder holds something that is not a bundle.
    """
    if folder.exists() and not _replaceable(folder):
        raise InvalidOptionError(
            option="folder", found=str(folder), expected="a new or empty folder, or a saved bundle"
        )
    with stage_in(folder.parent) as scratch:
        draft = scratch / "new"
        stage_source(bundle, draft / "source")
        stage_model(bundle, draft / "model")
        (draft / "requirements.lock").write_text(bundle.lock.text)
        if bundle.sample_json is not None:
            (draft / "sample_input.json").write_text(bundle.sample_json + "\n")
        (draft / "bundle.json").write_text(json.dumps(_manifest(bundle), indent=2) + "\n")
        put_in_place(draft, folder, aside=scratch / "old")
    return folder


def load(folder: Path) -> ScoringBundle:
    """Read the bundle in `folder`, and check every digest."""
    manifest = _read_manifest(folder)
    try:
        bundle = _assemble(folder, manifest)
        recorded = manifest["digest"]
    except (KeyError, TypeError, OSError, ValueError, ModelError) as error:
        raise BundleFormatError(path=str(folder), problem=_shown(error)) from error
    if bundle.digest != recorded:
        changed = [
            name for name in bundle.parts if bundle.parts[name] != manifest["parts"].get(name)
        ]
        raise BundleFormatError(
            path=str(folder),
            problem=f"it was changed since it was saved ({', '.join(changed) or 'bundle.json'})",
        )
    return bundle


def _manifest(bundle: ScoringBundle) -> dict[str, Any]:
    model = bundle.model
    return {
        "modelship_bundle": FORMAT,
        "digest": bundle.digest,
        "parts": dict(bundle.parts),
        "entry_script": bundle.entry_script,
        "source": [file.path for file in bundle.source],
        "model": {
            "name": model.name,
            "version": model.version,
            "path": model.path.name,
            "origin": model.origin,
        },
        "environment": {
            "python": bundle.environment.python,
            "locked_python": bundle.lock.python,
            "requirements": list(bundle.environment.requirements),
        },
        "resources": {
            "cpu_cores": bundle.resources.cpu_cores,
            "memory_gb": bundle.resources.memory_gb,
        },
        "tags": dict(bundle.tags),
        "description": bundle.description,
    }


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "bundle.json"
    if not path.is_file():
        raise BundleFormatError(path=str(folder), problem="it holds no bundle.json")
    try:
        manifest = json.loads(path.read_text())
        version = manifest.get("modelship_bundle")
    except (ValueError, AttributeError) as error:
        raise BundleFormatError(path=str(path), problem=f"it is not JSON: {error}") from error
    if version != FORMAT:
        raise BundleFormatError(
            path=str(path), problem=f"its format is {version!r}, and this release reads {FORMAT}"
        )
    return dict(manifest)


def _assemble(folder: Path, manifest: dict[str, Any]) -> ScoringBundle:
    environment = manifest["environment"]
    model = manifest["model"]
    sample = folder / "sample_input.json"
    return ScoringBundle.from_parts(
        model=Model.read(
            _inside(folder / "model", model["path"]),
            name=model["name"],
            version=model["version"],
            origin=model.get("origin", ""),
        ),
        entry_script=manifest["entry_script"],
        source=tuple(
            SourceFile(path, _inside(folder / "source", path).read_bytes())
            for path in manifest["source"]
        ),
        environment=Environment(
            python=environment["python"],
            requirements=tuple(environment["requirements"]),
            origin=str(folder / "bundle.json"),
        ),
        lock=Lock(
            python=environment["locked_python"], text=(folder / "requirements.lock").read_text()
        ),
        sample_json=sample.read_text().rstrip("\n") if sample.is_file() else None,
        resources=Resources(**manifest["resources"]),
        tags=MappingProxyType(dict(sorted(manifest["tags"].items()))),
        description=manifest["description"],
    )


def _inside(folder: Path, relative: str) -> Path:
    """Join a path from a manifest, which nobody vouches for, without leaving `folder`."""
    path = folder / relative
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"the path {relative!r} leads out of it")
    return path


def _shown(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error).rstrip(".")


def _replaceable(folder: Path) -> bool:
    return folder.is_dir() and ((folder / "bundle.json").is_file() or not any(folder.iterdir()))


def _copy(source: Path, destination: Path, *, sha256: str) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as reading, destination.open("wb") as writing:
        while chunk := reading.read(_CHUNK_BYTES):
            digest.update(chunk)
            writing.write(chunk)
    if digest.hexdigest() != sha256:
        destination.unlink()
        raise DigestMismatchError(what=str(source), expected=sha256, found=digest.hexdigest())
    destination.chmod(0o644)
