"""Generate the scoring script of a model and the files next to it.

The script uses a copy of :mod:`modelship.tables` and the schema, which are next to it.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from keyword import iskeyword
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Final, Literal

from modelship.bundle.generated_loading import lines_of, loading_of
from modelship.bundle.openapi import descriptions
from modelship.bundle.source_folder import SourceFile, read_folder
from modelship.errors import EntryScriptError, InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.sources import Model
    from modelship.sources.formats import ScriptLines
    from modelship.tables import Outputs, Schema

__all__ = ["TABLES", "Output", "generate_source", "holds_no_more", "is_generated", "is_ours"]

Output = Literal["labels", "proba"]
"""The outputs of a generated script: predictions, or also the probability of each class."""

SCRIPT: Final = "score.py"

TABLES: Final = "modelship_tables"
"""The name of the copy of :mod:`modelship.tables` next to a script."""

_OURS: Final = Path(__file__).parent.parent / "tables"

_TABLE = '''\
"""Score rows with the model {title}: {{"{shown}": rows}} in, predictions out.

{rows}
"""

import os

{imports}
from modelship_tables import Refused, Table

table = Table.beside(__file__{options})


def init():
    """Load the model once, when the service starts."""
    global model
    {loading}


def run(raw_data):
    """Predict one value for each row of a request; one that does not fit gets the status 400."""
    try:
        return run_table(table.read(raw_data))
    except Refused as refused:
        return refused.response()


def run_table({rows_name}):
    """Do what run() does, on the rows themselves: modelship's server reads them from Arrow."""
    return {predict}
{run_array}'''

_RUN_ARRAY: Final = """

# modelship's server reads rows of numbers from the bytes, with no list in between.
run_array = run_table
"""

_ROWS: Final = {
    "table": "A row is an object by column, or a list in the order of schema.json, which lies "
    "next to this script.",
    "values": "A row is one value, such as a text.",
    "records": "A row is an object with arbitrary keys.",
    "array": "A row is a list of numbers.",
}
_LISTS: Final = "A row is a list; numbers, texts and others in it stay what they are."

_ANSWERS: Final = {
    "labels": "table.answer(table.ask(model.predict, {rows}))",
    "proba": "table.answer_proba(\n"
    "        table.ask(model.predict, {rows}), model.predict_proba({rows}), model.classes_\n"
    "    )",
}
_FUNCTIONS: Final = frozenset({"init", "run", "run_array", "run_table"})
_VALUES: Final = frozenset({"table", "run_array"})


def generate_source(
    models: Sequence[Model],
    *,
    schema: Schema,
    key: str = "data",
    output: Output = "labels",
    validate: bool = True,
    source_directory: str | Path | None = None,
) -> tuple[str, tuple[SourceFile, ...]]:
    """Write a scoring script for the one model of a bundle, and the files next to it.

    It runs unchanged on Azure ML's server.

    Parameters
    ----------
    models : Sequence[Model]
        The models of the bundle.
    schema : Schema
        The schema of the model.
    key : str
        The key of the rows in a request; ``""`` if the request itself is the rows.
    output : {"labels", "proba"}
        Whether the script answers labels or probabilities.
    validate : bool
        Whether the script rejects a value that does not match the kind of its column.
    source_directory : str or Path, optional
        A folder whose files are included, such as the modules that the model was created with.

    Returns
    -------
    tuple
        The path of the script, and the files, sorted by path.

    Raises
    ------
    EntryScriptError
        If there is not exactly one model, if no script can be generated for it, or if an included
        file has the name of a generated one.
    InvalidOptionError
        If `output` is neither of the two, or is ``"proba"`` for a model without probabilities.
    """
    written = _written(models, schema=schema, key=key, output=output, validate=validate)
    given = () if source_directory is None else read_folder(Path(source_directory))
    if taken := {file.path for file in written} & {file.path for file in given}:
        path = min(taken)
        problem = f"a file of this name is in {source_directory}, and modelship generates one."
        advice = f"Pass entry_script={path!r} if it is your scoring script; otherwise rename it."
        raise EntryScriptError(path=path, problem=problem, advice=advice)
    return SCRIPT, tuple(sorted([*written, *given], key=lambda file: file.path))


def _written(
    models: Sequence[Model], *, schema: Schema, key: str, output: Output, validate: bool
) -> list[SourceFile]:
    if output not in [*_ANSWERS]:
        raise InvalidOptionError("output", output, "'labels' or 'proba'")
    model, lines = lines_of(models)
    model_file, _ = model.served
    loading = loading_of(lines, model=model, schema=schema)
    if output == "proba":
        _require_probabilities(schema.outputs)
    key = key or "data"  # every table accepts a request that itself is the rows
    options = "" if key == "data" else f", key={key!r}"
    options += "" if validate else ", validate=False"
    is_plain = _is_of_numbers(schema) and _is_parameter(key)
    rows = key if is_plain else "data"
    text = _TABLE.format(
        title=_title(model_file),
        shown=_words(key) or "...",
        rows=_ROWS.get(schema.form, _LISTS),
        options=options,
        imports="\n".join(lines.imports),
        loading=loading,
        rows_name=rows,
        predict=_ANSWERS[output].format(rows=rows),
        run_array=_RUN_ARRAY if is_plain else "",
    )
    files = [_script(text), _file("schema.json", schema.to_json())]
    if schema.columns:
        documents = descriptions(model, schema=schema, key=key, has_probabilities=output == "proba")
        files += [_file(path, document) for path, document in documents.items()]
    return [*files, *(_natives(lines) or _tables())]


def is_generated(script: bytes) -> bool:
    """Return whether :func:`generate_source` generated a scoring script."""
    text = script.decode("utf-8", errors="replace")
    return bool(_shape(_TABLE).fullmatch(text)) and holds_no_more(text)


@cache
def _shape(template: str) -> re.Pattern[str]:
    """Return the pattern of the texts that a template generates, with any values filled in."""
    parts = [literal for literal, *_ in Formatter().parse(template)]
    return re.compile("(?s:.*)".join(map(re.escape, parts)))


def _require_probabilities(outputs: Outputs) -> None:
    if outputs.probabilities is False or outputs.task == "regression":
        found = "'proba', and the model has no predict_proba()"
        raise InvalidOptionError("output", found, "'labels' for this model")


@cache
def _ours() -> Mapping[str, SourceFile]:
    """Return the files of :mod:`modelship.tables`, by the paths of their copies."""
    files = {f"{TABLES}/{file.relative_to(_OURS).as_posix()}": file for file in _OURS.rglob("*.py")}
    return {path: SourceFile(path, files[path].read_bytes()) for path in sorted(files)}


def is_ours(file: SourceFile) -> bool:
    """Return whether a file is an unchanged part of the copy of :mod:`modelship.tables`."""
    return _ours().get(file.path) == file


def _tables() -> list[SourceFile]:
    """Return the copy of :mod:`modelship.tables`, without the modules for native files."""
    return [file for path, file in _ours().items() if path.count("/") == 1]


def _natives(lines: ScriptLines) -> list[SourceFile]:
    """Return the copy with the modules for a native file, or an empty list if none are needed."""
    if not lines.natives:
        return []
    names = [f"{TABLES}/natives/{name}.py" for name in ("__init__", *lines.natives)]
    return [*_tables(), *(_ours()[name] for name in names)]


def _is_of_numbers(schema: Schema) -> bool:
    """Return whether all rows of numbers match a schema."""
    is_nameless = schema.form in {"array", ""}
    return is_nameless and {column.kind for column in schema.columns} <= {"", "integer", "number"}


def _is_parameter(key: str) -> bool:
    """Return whether `key` can be the name of a parameter in the script."""
    is_name = key.isascii() and key.isidentifier() and not iskeyword(key)
    return is_name and key not in {"model", "table", "__debug__"}


def _words(text: str) -> str:
    """Return a text if it is safe to insert into a docstring, or ``""``."""
    return text if re.fullmatch(r"[\w ./@+-]+", text) else ""


def _title(model_file: str) -> str:
    return repr(model_file) if _words(model_file) else "of this bundle"


def _script(text: str) -> SourceFile:
    if holds_no_more(text):
        return _file(SCRIPT, text)
    problem = "the script generated for this model is not as expected."
    advice = "Rename the model file and the key of the sample; use only letters and digits."
    raise EntryScriptError(path=SCRIPT, problem=problem, advice=advice)


def _file(path: str, text: str) -> SourceFile:
    # An unpaired surrogate, as in a name that is not UTF-8, is written as a JSON escape.
    return SourceFile(path, text.encode(errors="backslashreplace"))


def holds_no_more(text: str) -> bool:
    """Return whether a script contains only a docstring, imports, and a generated script's names.

    Parameters
    ----------
    text : str
        The script.
    """
    try:
        docstring, *rest = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    is_text = isinstance(docstring, ast.Expr) and isinstance(docstring.value, ast.Constant)
    return is_text and all(map(_is_expected, rest))


def _is_expected(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef):
        return statement.name in _FUNCTIONS and not statement.decorator_list
    if isinstance(statement, ast.Assign):
        [target, *more] = statement.targets
        return isinstance(target, ast.Name) and target.id in _VALUES and not more
    return isinstance(statement, (ast.Import, ast.ImportFrom))
