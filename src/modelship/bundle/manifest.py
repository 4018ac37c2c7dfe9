"""Validate ``bundle.json``, which is untrusted."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.layout import models_problem, script_problem, source_problem
from modelship.documents import (
    DocumentError,
    choice,
    listing,
    mapping,
    number,
    parse,
    record,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORMAT", "read_manifest"]

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
