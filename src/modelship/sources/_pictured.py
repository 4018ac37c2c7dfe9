"""Render a model and its passport in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.errors import ModelshipError
from modelship.shown import Html, bold, card, code, facts, folded, lines, mark, table
from modelship.sources.schema_text import answers, takes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.sources.model import Model
    from modelship.sources.passport import Passport
    from modelship.tables import Column, Schema

__all__ = ["model_html", "passport_html"]

_DIGITS: Final = 12
_MOST_NAMES: Final = 100
_MOST_VALUES: Final = 8
_UNIT: Final = 1024


def model_html(model: Model) -> str:
    """Render a model as HTML: its library, whether it is safe to load, and its columns."""
    told: dict[str, object] = {
        "file": model.path,
        "sha256": code(f"{model.digest[:_DIGITS]}…", whole=model.digest),
    }
    parts = []
    try:
        told |= _of_passport(model.passport)
        told["holds"] = model.contents.told
        told |= {"takes": takes(model.schema), "answers": answers(model.schema)}
        parts = _columns(model.schema)
    except (ModelshipError, OSError):  # moved or changed since
        told["now"] = mark("it can no longer be read", "bad")
    return card(f"{model.name}:{model.version}", facts(told), *parts, note=model.format)


def passport_html(passport: Passport) -> str:
    """Render a passport as HTML: the library of the model, and the effects of loading it."""
    names = passport.globals
    more = f", and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    listed = Html("<br>").join(code(name) for name in names[:_MOST_NAMES])
    imports = [folded(f"{len(names)} names that it imports{more}", Html(listed))] if names else []
    return card("Passport", facts(_of_passport(passport)), *imports, note=passport.format)


def _of_passport(passport: Passport) -> dict[str, object]:
    needs = [f"{name} {version}" for name, version in passport.libraries[1:]]
    return {
        "written by": passport.written_by,
        "with": ", ".join([*needs, *passport.packages]),
        "size": _size(passport.size_bytes),
        "loading": _loading(passport.obstacles),
    }


def _loading(obstacles: Sequence[str]) -> Html:
    if not obstacles:
        return mark("runs only the code that rebuilds the model", "good")
    return lines(mark(bold("is not known to be safe"), "bad"), *obstacles[:_MOST_VALUES])


def _columns(schema: Schema) -> list[Html]:
    if not schema.columns:
        return []
    rows = [
        (code(each.name) if each.name else "", each.dtype or each.kind, _values(each))
        for each in schema.columns
    ]
    title = f"{len(rows)} {'column' if len(rows) == 1 else 'columns'}"
    return [folded(title, table(("column", "type", "values"), rows[:_MOST_NAMES]))]


def _values(column: Column) -> str:
    shown = [*map(str, column.categories[:_MOST_VALUES])]
    shown += ["…"] if len(column.categories) > _MOST_VALUES else []
    if column.low is not None and column.high is not None:
        shown.append(f"{column.low:g} to {column.high:g}")
    shown += ["or missing"] if column.missing else []
    return ", ".join(shown)


def _size(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if size < _UNIT:
            return f"{size:.3g} {unit}"
        size /= _UNIT
    return f"{size:.3g} GiB"
