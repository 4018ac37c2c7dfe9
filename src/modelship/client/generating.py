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
from modelship.client.naming import Named, argument_of, named_for_python, named_for_typescript
from modelship.errors import ClientGenerationError, InvalidOptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["generate_client", "generated_package", "python_readme", "typescript_readme"]

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
    package = generated_package(folder, said)
    named.put_back(folder)
    page = python_readme(document, package=package, named=named, uri=uri)
    (folder / "README.md").write_text(page, encoding="utf-8")


def generated_package(folder: Path, said: str) -> str:
    """Return the name of the Python package that the generator has written.

    Parameters
    ----------
    folder : Path
        The folder it was written to.
    said : str
        The output of the generator.

    Raises
    ------
    ClientGenerationError
        If it lacks the call to the service.
    """
    called = [*folder.glob("*/api/default/score.py")]
    if not called:  # it only warns about operations that it cannot generate
        raise _failed("python", "the generator left out the call to the service", said)
    return called[0].parents[2].name


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


_PLACE: Final = "http://127.0.0.1:5001"
_AGAIN: Final = (
    "It was generated from the description of the service: generate it again when the columns "
    "change."
)


def python_readme(document: Mapping[str, Any], *, package: str, named: Named, uri: str) -> str:
    """Return the README of a Python package.

    Parameters
    ----------
    document : Mapping[str, object]
        The description of the service.
    package : str
        The name of the package.
    named : Named
        The generator's input, with the real names of the columns.
    uri : str
        The address without ``/score``; empty if unknown.
    """
    row, columns = _example(document), named.columns.get("Row", {})
    key = argument_of(next(iter(named.columns.get("ServiceInput", {})), "data"))
    rows = [f"    {argument_of(key)}={_python(row.get(name))}," for key, name in columns.items()]
    made = ["row = Row(", *rows, ")"] if columns else [f"row = {row!r}"]
    names = "Row, ServiceInput" if columns else "ServiceInput"
    use = (
        f"from {package} import Client",
        f"from {package}.api.default import score",
        f"from {package}.models import {names}",
        "",
        *made,
        f'with Client(base_url="{uri or _PLACE}") as client:',
        f"    print(score.sync(client=client, body=ServiceInput({key}=[row])))",
    )
    renamed = [
        f"| `{argument_of(key)}` | {_code(name)} |"
        for key, name in columns.items()
        if argument_of(key) != name
    ]
    table = ("", "These arguments stand for columns with other names:", "", "| argument | column |")
    return _page(
        document,
        "Install it with `pip install .` in this folder. Then",
        _block("python", use),
        "If the service asks for a key, take `AuthenticatedClient(base_url=..., token=KEY)` of "
        f"`{package}` for the client.",
        *(("\n".join((*table, "|---|---|", *renamed)).strip(),) if renamed else ()),
    )


def typescript_readme(document: Mapping[str, Any], *, uri: str) -> str:
    """Return the README of a TypeScript folder; `uri` is the address without ``/score``."""
    rows = {_key(document): [_example(document)]}
    body = json.dumps(rows, ensure_ascii=False, indent=2)
    # A plain key would set the prototype of the object.
    body = body.replace('"__proto__":', '["__proto__"]:')
    use = (
        "import { client } from './client.gen';",
        "import { score } from './sdk.gen';",
        "",
        f"client.setConfig({{ baseUrl: '{uri or _PLACE}' }});",
        f"const {{ data, error }} = await score({{ body: {body} }});",
        "console.log(data ?? error);",
    )
    return _page(
        document,
        "Copy this folder into a project; it needs no package, since it calls `fetch`. "
        'Then, in an ES module (`"type": "module"` in package.json), as `await` needs it:',
        _block("ts", use),
        "If the service asks for a key, add `auth: KEY` to `setConfig`.",
    )


def _page(document: Mapping[str, Any], *parts: str) -> str:
    info = document.get("info", {})
    model = document.get("x-modelship-model") or {}
    title = str(info.get("title") or "Scoring service")
    of = f", which serves the model {model['name']}, version {model['version']}" if model else ""
    about = f"A client of the service {title}{of}. {_AGAIN}"
    return "\n\n".join((f"# Client of {title}", about, *parts)) + "\n"


def _block(language: str, lines: tuple[str, ...]) -> str:
    code = "\n".join(lines)
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language}\n{code}\n{fence}"


def _schemas(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = document.get("components", {}).get("schemas", {})
    return found


def _key(document: Mapping[str, Any]) -> str:
    return next(iter(_schemas(document).get("ServiceInput", {}).get("properties", {})), "data")


def _example(document: Mapping[str, Any]) -> Any:
    """Return a row of the sample, or else one with valid values for its columns."""
    rows = _schemas(document).get("ServiceInput", {}).get("example", {}).get(_key(document))
    if rows:
        return rows[0]
    properties = _schemas(document).get("Row", {}).get("properties", {})
    return {name: column.get("example") for name, column in properties.items()}


def _python(value: Any) -> str:
    return ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)


def _code(name: str) -> str:
    """Return a name as Markdown code in a table, with invisible characters escaped."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"
