"""Generate clients in other languages with established OpenAPI generators.

uv installs openapi-python-client into a temporary environment, and ``npx`` runs openapi-ts, so that
neither is a dependency of modelship.
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
from modelship.client.naming import named_for_python, named_for_typescript
from modelship.client.readme import python_readme, typescript_readme
from modelship.errors import ClientGenerationError, InvalidOptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["generate_client"]

_PYTHON: Final = "openapi-python-client==0.29.1"
_TYPESCRIPT: Final = ("typescript@5.9", "@hey-api/openapi-ts@0.92.0")
_TIMEOUT_S: Final = 300.0
_SHOWN_LINES: Final = 12
_LEFT_OUT: Final = shutil.ignore_patterns(".ruff_cache")


def generate_client(
    document: Mapping[str, Any], *, language: str, folder: str | Path, uri: str = ""
) -> Path:
    """Generate a client from the description of a service, and return its folder.

    Parameters
    ----------
    document : Mapping[str, object]
        An OpenAPI 3 document, such as :attr:`ServiceDescription.document`.
    language : {"python", "typescript"}
        The language of the client.
    folder : str or Path
        A new or an empty folder. The client is written to it completely, or not at all.
    uri : str
        The scoring URI of the service, for the usage section of the README.

    Raises
    ------
    InvalidOptionError
        If the language is unknown, or the folder is not empty.
    ClientGenerationError
        If the generator is not installed, cannot be downloaded, or fails.
    """
    folder = Path(folder)
    if language not in _GENERATORS:
        expected = f"{' or '.join(LANGUAGES)}{nearest(language, LANGUAGES)}"
        raise InvalidOptionError("language", language, expected)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidOptionError("output", str(folder), "a new or an empty folder")
    with tempfile.TemporaryDirectory(prefix="modelship-client-") as scratch:
        made = Path(scratch, "made")
        _GENERATORS[language](document, made, uri.removesuffix("/score"))
        shutil.copytree(made, folder, dirs_exist_ok=True, ignore=_LEFT_OUT)
    return folder


def _generate_python(document: Mapping[str, Any], folder: Path, uri: str) -> None:
    named = named_for_python(document)
    source = folder.with_name("openapi.json")
    source.write_text(json.dumps(named.document), encoding="utf-8")
    environment = folder.with_name("environment")
    for command, asks_index in (
        (["venv", "--quiet", str(environment)], False),
        (["pip", "install", "--quiet", "--python", str(environment), _PYTHON], True),
    ):
        outcome = run_uv(command, timeout_s=_TIMEOUT_S, asks_index=asks_index)
        if not outcome.ok:
            raise _failed("python", f"{_PYTHON} cannot be installed", outcome.words)
    program = environment / "bin" / "openapi-python-client"
    arguments = ["generate", "--path", source, "--output-path", folder, "--meta", "pdm"]
    said = _run([program, *arguments], language="python")
    called = [*folder.glob("*/api/default/score.py")]
    if not called:  # it only warns about operations that it cannot generate
        raise _failed("python", "the generator left out the call to the service", said)
    named.put_back(folder)
    page = python_readme(document, package=called[0].parents[2].name, named=named, uri=uri)
    (folder / "README.md").write_text(page, encoding="utf-8")


def _generate_typescript(document: Mapping[str, Any], folder: Path, uri: str) -> None:
    npx = shutil.which("npx")
    if npx is None:
        raise ClientGenerationError(
            language="typescript",
            problem="the program npx is not installed",
            advice="Install Node.js, which includes it.",
        )
    packages = [argument for package in _TYPESCRIPT for argument in ("--package", package)]
    source = folder.with_name("openapi.json")
    source.write_text(json.dumps(named_for_typescript(document)), encoding="utf-8")
    arguments = ["openapi-ts", "--input", source, "--output", folder, "--silent"]
    _run([npx, "--yes", *packages, *arguments], language="typescript")
    page = typescript_readme(document, uri=uri)
    (folder / "README.md").write_text(page, encoding="utf-8")


def _run(command: Sequence[object], *, language: str) -> str:
    try:
        done = run(command, timeout_s=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise _failed(language, f"the generator was not done in {_TIMEOUT_S:g} s", "") from None
    if done.returncode:
        said = done.stderr or done.stdout
        raise _failed(language, f"the generator ended with exit code {done.returncode}", said)
    return done.stderr or done.stdout


def _failed(language: str, problem: str, said: str) -> ClientGenerationError:
    return ClientGenerationError(
        language=language,
        problem=problem,
        advice="Fix what it says; the package index of the language must be reachable.",
        said="\n".join(said.strip().splitlines()[-_SHOWN_LINES:]),
    )


_GENERATORS: Final[Mapping[str, Callable[[Mapping[str, Any], Path, str], None]]] = MappingProxyType(
    dict(zip(LANGUAGES, (_generate_python, _generate_typescript), strict=True))
)
