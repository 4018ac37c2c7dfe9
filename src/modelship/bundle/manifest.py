"""``bundle.json``: what it has to look like. Whoever hands a bundle over may have written it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.layout import script_problem, source_problem
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

FORMAT: Final = 2
"""Since 2, the digest covers the requirements beside the lock."""

_DIGEST: Final = text(pattern=r"[0-9a-f]{64}", said="64 hexadecimal digits")
_NAME: Final = text(pattern=r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}", said="a name as Azure ML takes it")
_PATH: Final = text(most=4096, encoding="surrogateescape")
_PYTHON: Final = text(pattern=r"3\.\d{1,3}(\.\d{1,3})?", said="a version of Python such as '3.11'")
_PARTS: Final = (
    *("model", "script", "environment", "sample_input", "resources"),
    *("tags", "description"),
)
_SCHEMA: Final = record(
    {
        "modelship_bundle": choice(FORMAT),
        "digest": _DIGEST,
        "parts": record(dict.fromkeys(_PARTS, _DIGEST)),
        "entry_script": text(most=1024),
        "source": listing(_PATH, most=20_000),
        "model": record(
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
        ),
        "environment": record(
            {
                "python": _PYTHON,
                "locked_python": _PYTHON,
                "requirements": listing(text(most=4096), most=5000),
            }
        ),
        "resources": record({"cpu_cores": number(above=0), "memory_gb": number(above=0)}),
        "tags": mapping(text()),
        "description": text(),
    }
)


def read_manifest(content: bytes) -> Mapping[str, Any]:
    """Return what ``bundle.json`` says, checked.

    Raises
    ------
    DocumentError
        If it is not what :meth:`ScoringBundle.save` writes.
    """
    found = parse(content)
    version = found.get("modelship_bundle") if isinstance(found, dict) else None
    if isinstance(found, dict) and version != FORMAT:
        raise DocumentError(f"its format is {version!r:.60}, and this release reads {FORMAT}")
    manifest: Mapping[str, Any] = _SCHEMA(found, "")
    problem = source_problem(manifest["source"])
    if problem:
        raise DocumentError(f"its source holds {problem}")
    script = manifest["entry_script"]
    problem = script_problem(script, manifest["source"])
    if problem:
        raise DocumentError(f"its entry_script is {script!r:.80}: {problem}")
    return manifest
