"""Describe the file of a model: its content, and the schema in the object tree of its pickle."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from modelship.sources import _known_estimators as known
from modelship.sources._boosters import booster_groups, booster_names, booster_width
from modelship.sources._budget import Budget
from modelship.sources._columns import Facts, inner_of, parts_of, reads_texts
from modelship.sources._parts import Part
from modelship.sources._skops_tree import skops_tree
from modelship.sources._tree import Items, Thing, class_of, is_label, values_of
from modelship.sources._tree_machine import TreeMachine
from modelship.sources.contents import Contents, contents_of, estimator_in
from modelship.tables import Column, Outputs, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelship.tables.schema import Label

__all__ = ["Told", "schema_in", "tell_pickle", "tell_skops"]


@dataclass(frozen=True)
class Told:
    """The facts in a file; those that it lacks are unknown."""

    contents: Contents = field(default_factory=Contents)
    schema: Schema = field(default_factory=Schema)


def tell_pickle(path: Path) -> Told:
    """Return the facts in a pickle with a complete passport; none if it is too unusual.

    This function raises nothing: the passport says whether a file is damaged or dangerous.
    """
    return _tell(path, _tree_of)


def tell_skops(path: Path) -> Told:
    """Return the facts in a skops file, like :func:`tell_pickle`."""
    return _tell(path, skops_tree)


def _tell(path: Path, read: Callable[[Path], object]) -> Told:
    try:
        root = read(path)
        return Told(contents_of(root), schema_in(estimator_in(root)[0]))
    except Exception:  # noqa: BLE001 - a file may hold anything, and to tell nothing is always right
        return Told()


def _tree_of(path: Path) -> object:
    with Part(path, Budget(path.stat().st_size), alone=True).opened() as open_:
        return TreeMachine(open_()).read_tree()


_MAX_DEPTH: Final = 12
_MAX_WIDTH: Final = 10_000
_MAX_LABELS: Final = 100_000
_MAX_OUTPUTS: Final = 1000
_NUMBERS: Final = frozenset(("integer", "number", "boolean"))
_LOSSES_WITH_PROBABILITIES: Final = ("log_loss", "log", "modified_huber")
# Attributes for the classes in an estimator without classes_.
_CLASSES: Final = ("classes_", "_classes")
_HELD_CLASSES: Final = ("_label_binarizer", "label_binarizer_", "_le", "_label_encoder", "le_")

_PASSES_ON: Final = frozenset(  # has the answers of the inner estimator
    (
        *("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "FrozenEstimator"),
        *("HalvingRandomSearchCV", "RFE", "RFECV"),
    )
)
_AS_WITHIN: Final = frozenset(  # has probabilities if the inner estimator has them
    (
        *("FixedThresholdClassifier", "MultiOutputClassifier", "OneVsRestClassifier"),
        *("SelfTrainingClassifier", "StackingClassifier", "TunedThresholdClassifierCV"),
    )
)


def schema_in(estimator: object) -> Schema:
    """Return the schema in the tree of an estimator; the parts that it lacks are unknown."""
    if not isinstance(estimator, Thing):
        return Schema()
    outputs = _outputs(estimator)
    first = [*_within(estimator)][-1]
    if reads_texts(first) or class_of(first).endswith(".DictVectorizer"):
        texts = (Column(kind="text"),) if reads_texts(first) else ()
        return Schema("values" if texts else "records", texts, outputs=outputs)
    names, width = _names(estimator), _width(estimator)
    if width is None or not 0 < width <= _MAX_WIDTH:
        return Schema(outputs=outputs)
    facts = Facts(width)
    facts.learn(estimator, range(width))
    if names:
        pairs = zip(facts.columns, names, strict=True)
        columns = tuple(replace(column, name=name) for column, name in pairs)
        return Schema("table", columns, width, outputs, booster_groups(first))
    kinds = {column.kind for column in facts.columns}
    if facts.objects:
        return Schema("objects", tuple(facts.columns), width, outputs)
    return Schema("array" if kinds <= _NUMBERS else "", (), width, outputs)


# --- inputs --------------------------------------------------------------------------------


def _within(thing: Thing) -> Iterator[Thing]:
    """Yield an estimator and the inner ones that take the same columns, the outermost first."""
    for _ in range(_MAX_DEPTH):
        yield thing
        inner = parts_of(thing) or inner_of(thing)
        if not inner:
            return
        thing = inner[0]


def _names(estimator: Thing) -> tuple[str, ...]:
    """Return the names of the columns; scikit-learn stores them only if all are texts."""
    for each in _within(estimator):
        names = values_of(each.get("feature_names_in_")) or booster_names(each)
        if names:
            texts = [name for name in names if isinstance(name, str)]
            are_unique = len(texts) == len(names) == len(set(texts))
            return tuple(texts) if are_unique and all(map(is_label, texts)) else ()
        if each.has("n_features_in_"):
            return ()
    return ()


def _width(estimator: Thing) -> int | None:
    for each in _within(estimator):
        found = each.get("n_features_in_")
        width = found if type(found) is int else booster_width(each)
        if width is not None:
            return width
    return len(_names(estimator)) or None


# --- outputs -------------------------------------------------------------------------------


def _outputs(estimator: Thing) -> Outputs:
    last = _answering(estimator)
    task = known.task_of(class_of(last))
    labels = _labels(last) if task != known.REGRESSION else ()
    return Outputs(task=task, labels=labels, probabilities=_has_probabilities(last))


def _answering(thing: Thing) -> Thing:
    """Return the inner estimator that provides the answers of another."""
    for _ in range(_MAX_DEPTH):
        name = class_of(thing).rpartition(".")[2]
        inner = parts_of(thing)[-1:] or (inner_of(thing) if name in _PASSES_ON else [])
        if not inner:
            return thing
        thing = inner[0]
    return thing


def _labels(thing: Thing, *, depth: int = 0) -> tuple[tuple[Label, ...], ...]:
    """Return the classes of each output."""
    held = next((thing.get(name) for name in _CLASSES if thing.has(name)), None)
    if held is None and type(count := thing.get("n_classes_")) is int and 0 < count <= _MAX_LABELS:
        return (tuple(range(count)),) if class_of(thing).startswith("xgboost.") else ()
    if held is None and depth < _MAX_DEPTH:
        keepers = [thing.get(name) for name in _HELD_CLASSES] + inner_of(thing)[:1]
        within = [each for each in keepers if isinstance(each, Thing)]
        return _labels(within[0], depth=depth + 1) if within else ()
    each_output = list(held) if isinstance(held, Items) else [held]
    labels = [values_of(each) for each in each_output[:_MAX_OUTPUTS]]
    if len(labels) < len(each_output) or sum(len(each or ()) for each in labels) > _MAX_LABELS:
        return ()
    if not all(each is not None and all(map(is_label, each)) for each in labels):
        return ()
    return tuple(tuple(each) for each in labels)  # type: ignore[arg-type] # as just asked


def _has_probabilities(thing: Thing, *, depth: int = 0) -> bool | None:
    name = class_of(thing)
    last = name.rpartition(".")[2]
    certain = known.has_probabilities(name)
    if certain is not None or depth > _MAX_DEPTH or not name.startswith(known.OF_LIBRARIES):
        return certain
    if last in ("SVC", "NuSVC"):
        asked = thing.get("probability")
        return asked if isinstance(asked, bool) else None
    if last == "SGDClassifier":
        return thing.get("loss") in _LOSSES_WITH_PROBABILITIES
    if last == "VotingClassifier":
        return thing.get("voting") == "soft"
    within = thing.get("final_estimator_") if last == "StackingClassifier" else None
    inner = [within] if isinstance(within, Thing) else inner_of(thing)
    if last not in _AS_WITHIN or not inner:
        return None
    return _has_probabilities(_answering(inner[0]), depth=depth + 1)
