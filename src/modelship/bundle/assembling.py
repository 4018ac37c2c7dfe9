"""Assemble a bundle from the files of its folder, which are untrusted."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modelship.bundle.bundle import ScoringBundle
from modelship.bundle.environment import Environment
from modelship.bundle.lock import Lock, lock_problem
from modelship.bundle.payload import parse_sample
from modelship.bundle.resources import Resources
from modelship.bundle.source_folder import MOST_SOURCE_BYTES, SourceFile, files_below
from modelship.documents import DocumentError, read_regular
from modelship.sources import Model
from modelship.tables import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["MODEL_OF_FORMAT_2", "assemble"]

MODEL_OF_FORMAT_2 = "model"
_MOST_LOCK_BYTES = 64 * 2**20
_MOST_SAMPLE_BYTES = 2**30
_MOST_SCHEMA_BYTES = 16 * 2**20


def assemble(folder: Path, manifest: Mapping[str, Any]) -> ScoringBundle:
    """Return the bundle that `manifest` describes, from the files of its folder."""
    environment = manifest["environment"]
    return ScoringBundle.from_parts(
        models=tuple(_read_models(folder, manifest)),
        entry_script=manifest["entry_script"],
        source=tuple(_read_source(folder, manifest["source"])),
        environment=Environment(
            python=environment["python"],
            requirements=tuple(environment["requirements"]),
            inferred=environment.get("inferred", False),
            origin=str(folder / "bundle.json"),
        ),
        lock=Lock(python=environment["locked_python"], text=_read_lock(folder)),
        schema=_read_schema(folder) if "schema" in manifest["parts"] else Schema(),
        sample_json=_read_sample(folder),
        resources=Resources(**manifest["resources"]),
        tags=MappingProxyType(dict(sorted(manifest["tags"].items()))),
        description=manifest["description"],
        left_beside=tuple(manifest.get("left_beside", ())),
    )


def _read_models(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Model]:
    if "models" not in manifest:
        yield _read_model(folder, manifest["model"], MODEL_OF_FORMAT_2)
        return
    for model in manifest["models"]:
        yield _read_model(folder, model, "models", model["name"], model["version"])


def _read_model(folder: Path, model: Mapping[str, Any], *parts: str) -> Model:
    _refuse_links(folder, *parts, model["path"])
    return Model.read(
        folder.joinpath(*parts, model["path"]),
        name=model["name"],
        version=model["version"],
        origin=model.get("origin", ""),
    )


def _read_source(folder: Path, paths: Iterable[str]) -> Iterator[SourceFile]:
    left = MOST_SOURCE_BYTES
    for path in paths:
        _refuse_links(folder, "source", *path.split("/"))
        content = read_regular(folder / "source" / path, most_bytes=left)
        left -= len(content)
        yield SourceFile(path, content)


def _read_lock(folder: Path) -> str:
    text = read_regular(folder / "requirements.lock", most_bytes=_MOST_LOCK_BYTES).decode()
    if problem := lock_problem(text):
        raise DocumentError(f"in its requirements.lock, {problem}")
    return text


def _read_sample(folder: Path) -> str | None:
    path = folder / "sample_input.json"
    if not os.path.lexists(path):
        return None
    text = read_regular(path, most_bytes=_MOST_SAMPLE_BYTES).decode().rstrip("\n")
    parse_sample(text)
    return text


def _read_schema(folder: Path) -> Schema:
    return Schema.from_json(
        read_regular(folder / "schema.json", most_bytes=_MOST_SCHEMA_BYTES).decode()
    )


def _refuse_links(folder: Path, *parts: str) -> None:
    """Refuse a link on the path of a file: a saved bundle has none, and it may lead anywhere."""
    steps = [folder.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    last = steps[-1]
    below = files_below(last) if last.is_dir() and not last.is_symlink() else ()
    for path in (*steps, *below):
        if path.is_symlink():
            shown = path.relative_to(folder).as_posix()
            raise DocumentError(f"{shown!r} in it is a link, and a saved bundle has none")
