"""Determine the columns of a fitted estimator from its parts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from modelship.sources import _known_estimators as known
from modelship.sources._boosters import booster_columns
from modelship.sources._times import are_timestamps, column_of_times
from modelship.sources._tree import (
    Array,
    Entries,
    Items,
    Thing,
    class_of,
    is_gap,
    is_label,
    pairs_in,
    values_of,
)
from modelship.tables import Column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Facts", "inner_of", "parts_of", "reads_texts"]

_MAX_DEPTH: Final = 12
_MAX_NOTED: Final = 100_000
_MAX_VALUES: Final = 4_000_000  # or bytes of values
_UNKNOWN: Final = Column()
_NUMBER: Final = Column(kind="number")
# Attributes with a fitted estimator that takes the same columns as the outer one.
_INNER: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"),
        ("best_estimator_",),
    ),
    **dict.fromkeys(
        (
            *("AdaBoostClassifier", "AdaBoostRegressor", "MultiOutputClassifier"),
            *("MultiOutputRegressor", "OneVsRestClassifier", "StackingClassifier"),
            *("StackingRegressor", "VotingClassifier", "VotingRegressor"),
        ),
        ("estimators_",),
    ),
    "FrozenEstimator": ("estimator",),
    "TransformedTargetRegressor": ("regressor_",),
    "TunedThresholdClassifierCV": ("estimator_",),
    "FixedThresholdClassifier": ("estimator_", "estimator"),
    "SelfTrainingClassifier": ("estimator_", "base_estimator_"),
    "CalibratedClassifierCV": ("calibrated_classifiers_",),
    "_CalibratedClassifier": ("estimator", "base_estimator"),
}
_ENCODERS: Final = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
_OF_TEXT: Final = ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer")
_KEEPS_COLUMNS: Final = (
    *("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "PowerTransformer"),
    *("QuantileTransformer", "Normalizer", "Binarizer", "SimpleImputer", "FrozenEstimator"),
)
_SAMPLERS: Final = ("imblearn.over_sampling.", "imblearn.under_sampling.", "imblearn.combine.")
_IMPUTERS: Final = ("SimpleImputer", "KNNImputer", "IterativeImputer")
_WITH_GAPS: Final = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")


def inner_of(thing: Thing) -> list[Thing]:
    """Return the inner estimators that take the same columns; an ensemble has several."""
    if _last(thing) == "FeatureUnion":
        return [each for _, each in pairs_in(thing.get("transformer_list")) if type(each) is Thing]
    for name in _INNER.get(_last(thing), ()):
        held = thing.get(name)
        held = values_of(held) if isinstance(held, (Items, Thing)) and values_of(held) else [held]
        if found := [each for each in held or () if isinstance(each, Thing) and each.state]:
            return found
    return []


def parts_of(pipeline: Thing) -> list[Thing]:
    """Return the steps of a pipeline, without placeholders; empty for any other estimator."""
    if _last(pipeline) != "Pipeline":
        return []
    return [step for _, step in pairs_in(pipeline.get("steps")) if isinstance(step, Thing)]


def reads_texts(thing: Thing) -> bool:
    """Return whether an estimator takes one text per row."""
    if _last(thing) not in _OF_TEXT or thing.get("input") != "content":
        return False
    is_own = thing.get("preprocessor") is not None or not isinstance(thing.get("analyzer"), str)
    return not is_own and (thing.get("tokenizer") is None or thing.get("lowercase") is True)


@dataclass
class Facts:
    """The facts about each of `width` columns; ``objects`` is True if some were Python objects."""

    width: int
    columns: list[Column] = field(default_factory=list)
    objects: bool = False
    seen: set[int] = field(default_factory=set)
    left_columns: int = _MAX_NOTED  # a file may refer to one part many times
    left_values: int = _MAX_VALUES

    def __post_init__(self) -> None:
        self.columns = [_UNKNOWN] * self.width

    def learn(self, thing: Thing, at: Sequence[int], *, depth: int = 0) -> None:
        """Record the facts that an estimator has about its columns, which are those at `at`."""
        self.left_columns -= len(at)
        if depth > _MAX_DEPTH or self.left_columns < 0 or id(thing) in self.seen:
            return
        self.seen.add(id(thing))
        last = _last(thing)
        inner = inner_of(thing)
        for each in inner:
            self.learn(each, at, depth=depth + 1)
        if steps := parts_of(thing):
            self._learn_steps(steps, at, depth=depth + 1)
        elif last == "ColumnTransformer":
            self._learn_parts(thing, at, depth=depth + 1)
        elif not inner:
            self._learn_one(thing, at)

    def _learn_steps(self, steps: Sequence[Thing], at: Sequence[int], *, depth: int) -> None:
        """Read the steps in order, until one changes the positions of columns."""
        for step in steps:
            self.learn(step, at, depth=depth)
            keeps = _last(step) in _KEEPS_COLUMNS or class_of(step).startswith(_SAMPLERS)
            if not keeps or step.get("add_indicator") is True:
                return
            if _last(step) == "SimpleImputer" and not _keeps_all(step, len(at)):
                return

    def _learn_parts(self, transformer: Thing, at: Sequence[int], *, depth: int) -> None:
        indices = transformer.get("_transformer_to_input_indices")
        known_indices = indices.named if isinstance(indices, Entries) else {}
        fitted = transformer.get("transformers_")
        for each in fitted if isinstance(fitted, Items) else ():
            if isinstance(each, tuple) and len(each) == 3 and isinstance(each[1], Thing):  # noqa: PLR2004 - name, estimator, columns
                places = known_indices.get(each[0]) if isinstance(each[0], str) else None
                own = _within(places, at)
                if own is not None:
                    self.learn(each[1], own, depth=depth)

    def _learn_one(self, thing: Thing, at: Sequence[int]) -> None:
        last = _last(thing)
        if last in _ENCODERS:
            self._learn_categories(thing, at)
        elif last in _OF_TEXT:
            if len(at) == 1 and reads_texts(thing):
                self._note(at[0], Column(kind="text"))
                self.objects = True
        elif last in _IMPUTERS:
            self._learn_gaps(thing, at)
        elif columns := booster_columns(thing):
            self._note_all(at, columns)
        elif last in _WITH_GAPS:
            self._learn_boosted(thing, at)
        elif known.takes_numbers(class_of(thing)):
            self._note_all(at, [_NUMBER] * len(at))

    def _learn_categories(self, encoder: Thing, at: Sequence[int]) -> None:
        arrays = encoder.get("categories_")
        if not isinstance(arrays, Items) or len(arrays) != len(at):
            return
        strict = encoder.get("handle_unknown") == "error"
        for index, held in zip(at, arrays, strict=True):
            array = held.state if isinstance(held, Thing) else None
            self.left_values -= len(array.data or ()) if isinstance(array, Array) else 0
            if isinstance(array, Array) and self.left_values >= 0:
                self.objects |= array.dtype.name in ("object", "str")
                self._note(index, _column_of(array, strict=strict))

    def _learn_gaps(self, imputer: Thing, at: Sequence[int]) -> None:
        fills = imputer.get("strategy") in ("most_frequent", "constant")
        kind = "" if fills or _last(imputer) == "IterativeImputer" else "number"
        filled = imputer.get("missing_values") if imputer.has("missing_values") else math.nan
        missing_as = "none" if filled is None else "nan"
        for index in at:
            self._note(
                index, Column(kind=kind, missing=is_gap(filled) or None, missing_as=missing_as)
            )

    def _learn_boosted(self, model: Thing, at: Sequence[int]) -> None:
        """Record the facts of histogram-based boosting, which encodes categories itself."""
        encoder = model.get("_preprocessor")
        if isinstance(encoder, Thing):
            self._learn_parts(encoder, at, depth=_MAX_DEPTH)
        categorical = values_of(model.get("is_categorical_")) or ()
        for place, index in enumerate(at):
            is_category = place < len(categorical) and bool(categorical[place])
            kind = "" if is_category else "number"
            self._note(index, Column(kind=kind, missing=True))

    def _note_all(self, at: Sequence[int], columns: Sequence[Column]) -> None:
        if len(at) == len(columns):
            for index, column in zip(at, columns, strict=True):
                self._note(index, column)

    def _note(self, index: int, column: Column) -> None:
        """Merge `column` into the facts; the first step of a pipeline takes precedence."""
        before = self.columns[index]
        if before is column:
            return
        if before is _UNKNOWN:
            self.columns[index] = column
            return
        if before.missing and column.missing is False:
            column = replace(column, missing=True)
        self.columns[index] = before.completed_by(column)


def _last(thing: Thing) -> str:
    name = class_of(thing)
    return name.rpartition(".")[2] if name.startswith(known.OF_LIBRARIES) else ""


def _within(places: object, at: Sequence[int]) -> list[int] | None:
    """Return the indices among all columns for `places`, which are positions in `at`."""
    if not isinstance(places, Items) or not places.is_whole:
        return None
    found = [each for each in places if type(each) is int and 0 <= each < len(at)]
    return [at[each] for each in found] if len(found) == len(places) else None


def _keeps_all(imputer: Thing, count: int) -> bool:
    """Return whether an imputer drops no column: it drops those without any value."""
    values = values_of(imputer.get("statistics_"))
    return values is not None and len(values) == count and not any(map(is_gap, values))


def _column_of(array: Array, *, strict: bool) -> Column:
    values = array.values
    if values is None:
        return column_of_times(array, strict=strict)
    present = [each for each in values if not is_gap(each)]
    plain = [each for each in present if is_label(each)]
    missing = True if len(present) < len(values) else False if strict else None
    is_typed = array.dtype.name not in ("object", "str")
    kind = "date" if are_timestamps(present) else ""
    return Column(
        kind=_kind(plain) if len(plain) == len(present) else kind,
        dtype=array.dtype.name if is_typed else "",
        categories=tuple(plain) if len(plain) == len(present) else (),
        missing=missing,
        missing_as="none" if None in values else "nan",
    )


def _kind(values: Sequence[object]) -> str:
    kinds = {_KINDS.get(type(each), "mixed") for each in values}
    if kinds == {"integer", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else "mixed" if kinds else ""


_KINDS: Final = {str: "text", bool: "boolean", int: "integer", float: "number"}
