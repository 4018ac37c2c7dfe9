"""Find categorical columns whose categories neither the model's file nor the sample declares.

XGBoost before 3.1 stores the codes of categories and not the categories. It takes plain numbers for
the codes, and returns wrong predictions without an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.bundle.generated import is_generated
from modelship.findings import RULES
from modelship.tables import Schema, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.bundle.scoring_script import SourceFile
    from modelship.findings import Finding
    from modelship.sources import Model

__all__ = ["undeclared_categories"]

_NUMERIC: Final = frozenset({"", "integer", "number", "boolean"})
_SHOWN: Final = 5


def undeclared_categories(
    model: Model, *, path: str, source: Sequence[SourceFile], entry_script: str
) -> Iterator[Finding]:
    """Find categorical columns that the generated script converts to plain numbers.

    Parameters
    ----------
    model : Model
        The bundle's only model.
    path : str
        The file's path in findings.
    source : Sequence[SourceFile]
        The script, and the files shipped with it.
    entry_script : str
        The script's path.
    """
    names = _undeclared(model, {file.path: file.content for file in source}, entry_script)
    if names:
        columns = ", ".join(map(repr, names[:_SHOWN])) + (", ..." if names[_SHOWN:] else "")
        noun = "column" if len(names) == 1 else "columns"
        yield RULES["MS309"].finding(
            f"The model takes categories in the {noun} {columns}, and neither its file nor the "
            "sample contains them: it interprets plain numbers as category codes.",
            path=path,
        )


def _undeclared(model: Model, files: dict[str, bytes], entry_script: str) -> list[str]:
    is_xgboost = any(name.startswith("xgboost.") for name in model.passport.globals)
    open_columns = {
        each.name for each in model.schema.columns if not each.kind and each.missing is True
    }
    if not is_xgboost or not open_columns or not is_generated(files.get(entry_script, b"")):
        return []
    try:
        schema = Schema.from_json(files.get("schema.json", b"").decode())
    except (SchemaError, UnicodeDecodeError):
        return []
    return [
        each.name
        for each in schema.columns
        if each.name in open_columns and each.kind in _NUMERIC and each.dtype != "category"
    ]
