"""Validate ``bundle.json``, and assemble a bundle from its folder; all of it is untrusted."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.bundle import ScoringBundle
from modelship.bundle.environment import Environment
from modelship.bundle.layout import models_problem, script_problem, source_problem
from modelship.bundle.lock import Lock, lock_problem
from modelship.bundle.payload import parse_sample
from modelship.bundle.resources import Resources
from modelship.bundle.source_folder import MOST_SOURCE_BYTES, SourceFile, files_below
from modelship.documents import (
    DocumentError,
    choice,
    listing,
    mapping,
    number,
    parse,
    read_regular,
    record,
    text,
)
from modelship.sources import Model
from modelship.tables import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["FORMAT", "MODEL_OF_FORMAT_2", "assemble", "read_manifest"]

MODEL_OF_FORMAT_2 = "model"
_MOST_LOCK_BYTES = 64 * 2**20
_MOST_SAMPLE_BYTES = 2**30
_MOST_SCHEMA_BYTES = 16 * 2**20

FORMAT: Final = 3
"""The format version.

Since 2, the digest also covers the requirements; since 3, a bundle has any number of models. Format
2 can still be read: its one model has the same digest.
"""

_DIGEST: Final = text(pattern=r"[0-9a-f]{64}", said="64 hexadecimal digits")
_NAME: Final = text(pattern=r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}", said="a name as Azure ML takes it")
_PATH: Final = text(most=4096, encoding="surrogateescape")
_PYTHON: Final = text(pattern=r"3\.\d{1,3}(\.\d{1,3})?", said="a version of Python such as '3.11'")
_PARTS: Final = (
    *("model", "script", "environment", "sample_input", "resources"),
    *("tags", "description"),
)
_MOST_MODELS: Final = 1000
_MODEL: Final = record(
    {
        "name": _NAME,
        "version": _NAME,
        "path": text(
            pattern=r"(?!\.\.?$)[^/\x00]{1,255}",
            said="the name of one file or folder",
            encoding="surrogateescape",
        ),
    },
    {"origin": text(pattern=r"(azureml://\S*)?", said="an azureml:// URI", most=2000)},
)
_MODULE: Final = text(pattern=r"\w{1,255}", said="the name of a module")
_MOST_MODULES: Final = 1000
_FIELDS: Final = MappingProxyType(
    {
        "digest": _DIGEST,
        "parts": record(dict.fromkeys(_PARTS, _DIGEST), {"schema": _DIGEST}),
        "entry_script": text(most=1024),
        "source": listing(_PATH, most=20_000),
        "environment": record(
            {
                "python": _PYTHON,
                "locked_python": _PYTHON,
                "requirements": listing(text(most=4096), most=5000),
            },
            {"inferred": choice(True)},
        ),
        "resources": record({"cpu_cores": number(above=0), "memory_gb": number(above=0)}),
        "tags": mapping(text()),
        "description": text(),
    }
)
_SCHEMAS: Final = MappingProxyType(
    {
        2: record({"modelship_bundle": choice(2), "model": _MODEL, **_FIELDS}),
        3: record(
            {
                "modelship_bundle": choice(3),
                "models": listing(_MODEL, most=_MOST_MODELS),
                **_FIELDS,
            },
            {"left_beside": listing(_MODULE, most=_MOST_MODULES)},
        ),
    }
)


def read_manifest(content: bytes) -> Mapping[str, Any]:
    """Return the validated content of ``bundle.json``.

    Raises
    ------
    DocumentError
        If it is not in the format that :meth:`ScoringBundle.save` writes.
    """
    found = parse(content)
    version = found.get("modelship_bundle") if isinstance(found, dict) else None
    if isinstance(found, dict) and version not in (2, FORMAT):
        raise DocumentError(f"its format is {version!r:.60}, and this release reads 2 and {FORMAT}")
    manifest: Mapping[str, Any] = _SCHEMAS[FORMAT if version is None else version](found, "")
    problem = models_problem((each["name"], each["version"]) for each in manifest.get("models", ()))
    if problem:
        raise DocumentError(f"of its models, {problem}")
    problem = source_problem(manifest["source"])
    if problem:
        raise DocumentError(f"its source holds {problem}")
    script = manifest["entry_script"]
    problem = script_problem(script, manifest["source"])
    if problem:
        raise DocumentError(f"its entry_script is {script!r:.80}: {problem}")
    return manifest


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
    found = read_regular(folder / "requirements.lock", most_bytes=_MOST_LOCK_BYTES).decode()
    if problem := lock_problem(found):
        raise DocumentError(f"in its requirements.lock, {problem}")
    return found


def _read_sample(folder: Path) -> str | None:
    path = folder / "sample_input.json"
    if not os.path.lexists(path):
        return None
    found = read_regular(path, most_bytes=_MOST_SAMPLE_BYTES).decode().rstrip("\n")
    parse_sample(found)
    return found


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
