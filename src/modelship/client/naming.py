"""Replace names that are invalid in a target language while a client is generated.

openapi-python-client converts both ``a b`` and ``a-b`` to ``a_b``, and then omits the whole table;
from a label it drops all characters other than letters. So each column gets a unique argument name
here, and its real name is restored in the generated code.
"""

from __future__ import annotations

import copy
import keyword
import unicodedata
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Named", "argument_of", "named_for_python", "named_for_typescript"]

# Names that the generated code of a table uses itself.
_TAKEN: Final = frozenset(
    (
        *("additional_keys", "additional_properties", "cast", "cls", "d", "datetime"),
        *("field_dict", "from_dict", "isoparse", "json", "prop", "prop_name", "refusal", "row"),
        *("self", "service_input", "src_dict", "to_dict", "uuid"),
    )
)
_FALLBACK: Final = "column"


class Named:
    """A description whose column names are valid Python arguments.

    Attributes
    ----------
    document : dict[str, object]
        The description, with these names.
    columns : dict[str, dict[str, str]]
        The real name of each column, by schema and by the name in the document.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document: dict[str, Any] = copy.deepcopy(dict(document))
        schemas = self.document.get("components", {}).get("schemas", {})
        self.columns = {name: _rename(schema) for name, schema in schemas.items()}

    def put_back(self, folder: Path) -> None:
        """Restore the real names in the generated modules of the schemas."""
        for schema, columns in self.columns.items():
            for file in folder.glob(f"*/models/{_module(schema)}.py"):
                source = file.read_text(encoding="utf-8")
                for key, name in columns.items():
                    source = source.replace(f'"{key}"', _literal(name)) if key != name else source
                file.write_text(source, encoding="utf-8")


def named_for_python(document: Mapping[str, Any]) -> Named:
    """Return `document` with names that openapi-python-client supports."""
    named = Named(document)
    _drop_odd_labels(named.document.get("components", {}))
    return named


def named_for_typescript(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return `document` for openapi-ts: ``__proto__`` would replace an object's prototype."""
    found: dict[str, Any] = copy.deepcopy(dict(document))
    for schema in found.get("components", {}).get("schemas", {}).values():
        if schema.get("properties", {}).pop("__proto__", None) is not None:
            schema["required"] = [name for name in schema["required"] if name != "__proto__"]
            schema["additionalProperties"] = True
    return found


def argument_of(key: str) -> str:
    """Return the argument that the generator creates for a key of :attr:`Named.columns`."""
    import builtins

    is_reserved = keyword.iskeyword(key) or key in {*dir(builtins), "true", "false"} - {"id"}
    return f"{key}_" if is_reserved else key


def _rename(schema: dict[str, Any]) -> dict[str, str]:
    """Rename the properties of `schema` where needed; return the names by the new keys."""
    properties = schema.get("properties", {})
    keys = _keys(properties)
    if properties:
        schema["properties"] = {keys[name]: value for name, value in properties.items()}
    if "required" in schema:
        schema["required"] = [keys[name] for name in schema["required"]]
    return {key: name for name, key in keys.items()}


def _keys(names: Iterable[str]) -> dict[str, str]:
    """Return a unique key for each of `names`; valid names keep theirs."""
    keys: dict[str, str] = {}
    for name in sorted(names, key=lambda name: _slug(name) != name):
        base = key = _slug(name)
        count = 1
        while key in keys.values():
            count += 1
            key = f"{base}_{count}"
        keys[name] = key
    return {name: keys[name] for name in names}


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower())
    kept = "".join(each if each.isidentifier() or each.isdecimal() else "_" for each in plain)
    words = "_".join(filter(None, kept.split("_")))
    if not words or not words.isidentifier():
        return f"{_FALLBACK}_{words}".rstrip("_")
    return f"{words}_{_FALLBACK}" if words in _TAKEN else words


def _module(schema: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in schema).lstrip("_")


def _literal(name: str) -> str:
    """Return `name` as a Python literal, in double quotes if it needs no escapes."""
    return f'"{name}"' if name.isprintable() and not set(name) & {'"', "\\"} else ascii(name)


def _drop_odd_labels(schema: Any) -> None:
    """Drop labels that the generator would change or confuse; the column stays text."""
    if isinstance(schema, list):
        for each in schema:
            _drop_odd_labels(each)
    elif isinstance(schema, dict):
        labels = schema.get("enum")
        if isinstance(labels, list) and not _are_plain(labels):
            del schema["enum"]
        for each in schema.values():
            _drop_odd_labels(each)


def _are_plain(labels: list[Any]) -> bool:
    slugs = {_slug(label) for label in labels if isinstance(label, str) and label.isprintable()}
    return len(slugs) == len(labels) and not any(slug.startswith(_FALLBACK) for slug in slugs)
