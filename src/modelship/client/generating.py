"""Clients in other programs' languages, made by well-kept generators from OpenAPI.

openapi-python-client is installed by uv into an environment that is thrown away, and openapi-ts
runs by ``npx``, so that neither is a dependency of modelship.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle._uv import run_uv
from modelship.bundle.programs import run
from modelship.client.languages import LANGUAGES
from modelship.errors import ClientGenerationError, InvalidOptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["generate_client"]

_PYTHON: Final = "openapi-python-client==0.29.1"
_TYPESCRIPT: Final = ("typescript@5.9", "@hey-api/openapi-ts@0.92.0")
_TIMEOUT_S: Final = 300.0
_SHOWN_LINES: Final = 12


def generate_client(document: Mapping[str, Any], *, language: str, folder: str | Path) -> Path:
    """Generate a client from the description of a service, and return its folder.

    Parameters
    ----------
    document : Mapping[str, object]
        OpenAPI 3, as :attr:`ServiceDescription.document` has it.
    language : {"python", "typescript"}
        The language of the client.
    folder : str or Path
        A new or an empty folder. What is generated is there whole, or not at all.

    Raises
    ------
    InvalidOptionError
        If the language is not known, or the folder holds something.
    ClientGenerationError
        If the generator is not installed, cannot be fetched, or fails.
    """
    folder = Path(folder)
    if language not in _GENERATORS:
        expected = f"{' or '.join(LANGUAGES)}{nearest(language, LANGUAGES)}"
        raise InvalidOptionError("language", language, expected)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidOptionError("output", str(folder), "a new or an empty folder")
    with tempfile.TemporaryDirectory(prefix="modelship-client-") as scratch:
        source, made = Path(scratch, "openapi.json"), Path(scratch, "made")
        source.write_text(json.dumps(document), encoding="utf-8")
        _GENERATORS[language](source, made)
        shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder


def _generate_python(document: Path, folder: Path) -> None:
    environment = document.with_name("environment")
    for command, asks_index in (
        (["venv", "--quiet", str(environment)], False),
        (["pip", "install", "--quiet", "--python", str(environment), _PYTHON], True),
    ):
        outcome = run_uv(command, timeout_s=_TIMEOUT_S, asks_index=asks_index)
        if not outcome.ok:
            raise _failed("python", f"{_PYTHON} cannot be installed", outcome.words)
    program = environment / "bin" / "openapi-python-client"
    arguments = ["generate", "--path", document, "--output-path", folder, "--meta", "pdm"]
    _run([program, *arguments], language="python")


def _generate_typescript(document: Path, folder: Path) -> None:
    npx = shutil.which("npx")
    if npx is None:
        raise ClientGenerationError(
            language="typescript",
            problem="there is no program npx",
            advice="Install Node.js, which brings it.",
        )
    packages = [argument for package in _TYPESCRIPT for argument in ("--package", package)]
    arguments = ["openapi-ts", "--input", document, "--output", folder, "--silent"]
    _run([npx, "--yes", *packages, *arguments], language="typescript")


def _run(command: Sequence[object], *, language: str) -> None:
    try:
        done = run(command, timeout_s=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise _failed(language, f"the generator was not done in {_TIMEOUT_S:g} s", "") from None
    if done.returncode:
        said = done.stderr or done.stdout
        raise _failed(language, f"the generator ended with exit code {done.returncode}", said)


def _failed(language: str, problem: str, said: str) -> ClientGenerationError:
    return ClientGenerationError(
        language=language,
        problem=problem,
        advice="Fix what it says; the package index of the language has to be reachable.",
        said="\n".join(said.strip().splitlines()[-_SHOWN_LINES:]),
    )


_GENERATORS: Final[Mapping[str, Callable[[Path, Path], None]]] = MappingProxyType(
    dict(zip(LANGUAGES, (_generate_python, _generate_typescript), strict=True))
)
