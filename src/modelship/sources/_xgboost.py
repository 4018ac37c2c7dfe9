"""Read XGBoost files: JSON or UBJSON, in the format of ``Booster.save_model``.

Both encode the same document; its schema is ``doc/model.schema`` of XGBoost. Since 3.1 it also
contains the categories of pandas columns (``cats`` of ``gradient_booster.model``).
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from modelship.sources._outlines import read_outline, read_ubjson
from modelship.sources._pickled import note_pickles
from modelship.sources._stream import MalformedError
from modelship.sources._trees import TreeCheck
from modelship.sources._values import Findings
from modelship.tables import Column, Outputs, Schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelship.sources._parts import Described, Part
    from modelship.tables.schema import Label

__all__ = ["BEGINS", "KEPT_OF_CATS", "KINDS", "categories_of", "is_xgboost", "read_xgboost"]

_UBJSON: Final = b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner"
BEGINS: Final = (_UBJSON, b"{l\x00\x00\x00\x07learner", b"{i\x07learner", b"{U\x07learner", b"{")
_JSON: Final = re.compile(
    rb'\{\s*(?:"version"\s*:\s*\[[\d,\s]*\]\s*,\s*)?"learner"\s*:\s*\{\s*'
    rb'"(?:attributes|feature_names|feature_types|gradient_booster|learner_model_param|objective)"'
)
_FIRST_BYTES: Final = 512
_LEAST_BYTES: Final = 64  # fewer than in any model
KEPT_OF_CATS: Final = ("offsets", "values", "feature_segments")
_KEPT: Final = ("version", *KEPT_OF_CATS, "best_iteration")
_MAX_NAME: Final = 1000
_MAX_LABELS: Final = 10_000
KINDS: Final = {
    "int": "integer",
    "i": "boolean",
    "c": "category",
    "float": "number",
    "q": "number",
}
_OF_TWO: Final = ("binary:logistic", "binary:logitraw", "binary:hinge")
_OF_MANY: Final = ("multi:softprob", "multi:softmax")
_VERSION_PARTS: Final = 3


def is_xgboost(path: Path) -> bool:
    """Return whether a file that starts as JSON or UBJSON continues as an XGBoost model."""
    with path.open("rb") as file:
        first = file.read(_FIRST_BYTES)
    is_binary = first.startswith(BEGINS[:-1]) and len(first) > _LEAST_BYTES
    return is_binary or bool(_JSON.match(first))


def read_xgboost(part: Part) -> Described:
    """Read an XGBoost file, except the numbers of its trees.

    Raises
    ------
    EndedEarlyError
        If the file is truncated.
    MalformedError
        If it is not an XGBoost model.
    UndescribedError
        If reading it takes too long, or it is larger or nested deeper than in a model.
    """
    trees = TreeCheck()
    document = _read(part, trees)
    if not isinstance(document, dict):
        raise MalformedError("it has no learner")
    learner = _object(document, "learner")
    booster = _object(learner, "gradient_booster")
    booster = _object(booster, "gbtree") or booster  # of dart, which contains another booster
    if not booster or not _object(learner, "learner_model_param"):
        raise MalformedError("it has no learner with a booster")
    findings = Findings()
    model = _object(booster, "model")
    for clause in trees.problems(trees=_list(model, "trees"), width=_width(learner)):
        findings.hazard(clause)
    note_pickles(part, findings, what="an XGBoost model")
    version = _version(document.get("version"))
    return part.described(
        "xgboost",
        findings,
        libraries=(("xgboost", version),) if version else (),
        producer="XGBoost",
        schema=_schema(learner, model),
        unusable=_unusable(learner, model),
    )


def _read(part: Part, trees: TreeCheck) -> Any:
    read = read_ubjson if part.first.startswith(BEGINS[:-1]) else read_outline
    with part.mapped() as content:
        return read(content, part.budget, keep=_KEPT, visit=trees.visit)


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _list(document: Mapping[str, Any], key: str) -> list[Any]:
    found = document.get(key)
    return found if isinstance(found, list) else []


def _width(learner: Mapping[str, Any]) -> int:
    return _number(_object(learner, "learner_model_param").get("num_feature"))


def _number(value: object) -> int:
    """Return a number that XGBoost writes as text, or 0."""
    text = value if isinstance(value, str) else ""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _version(value: object) -> str:
    if isinstance(value, list) and len(value) == _VERSION_PARTS:
        parts = [each for each in value if type(each) is int and 0 <= each < 1000]  # noqa: PLR2004
        return ".".join(map(str, parts)) if len(parts) == _VERSION_PARTS else ""
    return ""


def _schema(learner: Mapping[str, Any], model: Mapping[str, Any]) -> Schema:
    outputs = _outputs(learner)
    names = [name for name in _list(learner, "feature_names") if isinstance(name, str)]
    width = _width(learner)
    if not names or len(names) != width or len(set(names)) != width:
        return Schema(form="array", width=width or None, outputs=outputs)
    kinds = _list(learner, "feature_types")
    kinds = kinds if len(kinds) == width else [""] * width
    categories = categories_of(_object(model, "cats"), width)
    columns = (_column(*each) for each in zip(names, kinds, categories, strict=True))
    return Schema(form="table", columns=tuple(columns), outputs=outputs)


def _unusable(learner: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """Return why a model with categories that are not in its file is unusable, or ``""``."""
    if "c" not in _list(learner, "feature_types") or _list(_object(model, "cats"), "enc"):
        return ""
    return "does not keep the categories of its columns, as XGBoost 3.1 and newer do"


def _column(name: str, kind: object, categories: tuple[Label, ...]) -> Column:
    kind = KINDS.get(kind, "") if isinstance(kind, str) else ""
    dtype = "category" if kind == "category" else ""
    return Column(name=name, kind=kind, dtype=dtype, categories=categories, missing=True)


def categories_of(cats: Mapping[str, Any], width: int) -> list[tuple[Label, ...]]:
    """Return the categories of each of `width` columns, which XGBoost stores since 3.1.

    Parameters
    ----------
    cats : Mapping[str, Any]
        ``cats`` of ``gradient_booster.model`` in the output of ``save_model``.
    width : int
        The number of columns.
    """
    held = _list(cats, "enc")
    if len(held) != width:
        return [()] * width
    return [_values(each) if isinstance(each, dict) else () for each in held]


def _values(column: Mapping[str, Any]) -> tuple[Label, ...]:
    """Return the categories of a column; XGBoost 3.2 truncates texts that are not ASCII."""
    offsets, values = _list(column, "offsets"), _list(column, "values")
    if "type" in column:
        return tuple(value for value in values if isinstance(value, (int, float)))
    try:
        text = bytes(values).decode("ascii")
        return tuple(text[begin:end] for begin, end in pairwise(offsets))
    except (TypeError, ValueError):
        return ()


def _outputs(learner: Mapping[str, Any]) -> Outputs:
    """Return the outputs of the model; the classes of XGBoost are numbers from 0."""
    objective = _object(learner, "objective").get("name")
    classes = _number(_object(learner, "learner_model_param").get("num_class"))
    if objective in _OF_TWO:
        targets = max(1, _number(_object(learner, "learner_model_param").get("num_target")))
        labels = ((0, 1),) * min(targets, _MAX_LABELS)
        has_probabilities = objective == _OF_TWO[0] and targets == 1
        return Outputs("classification", labels=labels, probabilities=has_probabilities)
    if objective in _OF_MANY:
        of_all = (tuple(range(min(classes, _MAX_LABELS))),)
        return Outputs("classification", labels=of_all, probabilities=objective == _OF_MANY[0])
    return Outputs("regression" if objective else "", probabilities=False)
