"""Write the README of a generated client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from modelship.client.naming import Named, argument_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["python_readme", "typescript_readme"]

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
