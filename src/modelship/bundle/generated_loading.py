"""Generate the code that loads the model in a generated script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.errors import EntryScriptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.sources import Model
    from modelship.sources.formats import ScriptLines
    from modelship.tables import Schema

__all__ = ["lines_of", "loading_of"]


_ALWAYS_TRUSTED: Final = frozenset(("builtins", "numpy"))


def lines_of(models: Sequence[Model]) -> tuple[Model, ScriptLines]:
    """Return the only model, and its lines of the script.

    Raises
    ------
    EntryScriptError
        If there is not exactly one model, if no script can be generated for its format, or if its
        file contains nothing that predicts.
    """
    place = "."
    if len(models) != 1:
        problem = f"no script is generated for {len(models)} models: define what run() returns."
        place = "; each model is in AZUREML_MODEL_DIR/<name>/<version>." if models else "."
    elif models[0].contents.predicts is False:
        problem = _of_contents(models[0])
    elif (lines := models[0].script_lines) is None:
        problem = f"no script can be generated for a model of the format {models[0].format!r}."
    else:
        return models[0], lines
    advice = f"Write score.py with init() and run(raw_data), and pass it as entry_script{place}"
    raise EntryScriptError(path="score.py", problem=problem, advice=advice)


def _of_contents(model: Model) -> str:
    held = model.contents.title
    if model.path.is_file():
        lacking = ", which has no predict()" if model.contents.kind else ""
        return f"the model file {model.path.name} holds {held}{lacking}."
    return f"{model.path.name} is {held}."


def _trusted(model: Model) -> list[str]:
    """Return the types that a file may create: all that it names, except the dangerous ones."""
    named = {*model.passport.globals} - {*model.passport.dangerous}
    return sorted(name for name in named if name.partition(".")[0] not in _ALWAYS_TRUSTED)


def loading_of(lines: ScriptLines, *, model: Model, schema: Schema) -> str:
    """Return the statement that loads a model, with the labels that are missing in its file."""
    of_all = schema.outputs.labels
    named = len(of_all) == 1 and schema.outputs.probabilities is not False
    labels = f", classes={[*of_all[0]]!r}" if named else ""
    path = f'os.path.join(os.environ["AZUREML_MODEL_DIR"], {model.served[0]!r})'
    classes = "" if model.schema.outputs.labels == of_all else labels
    load = lines.load.format(
        path="file" if lines.opens else path,
        labels=labels,
        classes=classes,
        trusted=_trusted(model),
    )
    key = model.contents.key
    statement = f"model = {load}" if key is None else f"model = {load}[{key!r}]"
    return f'with open({path}, "rb") as file:\n        {statement}' if lines.opens else statement
