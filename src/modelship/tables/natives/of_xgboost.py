"""Wrap XGBoost models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .estimators import NativeClassifier, NativeModel

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["load_xgboost"]

_HALF = 0.5


def load_xgboost(path: str, classes: Sequence[Any] = ()) -> NativeModel:
    """Load a file written by ``save_model`` of a booster or an estimator, JSON or UBJSON.

    A model trained with early stopping predicts with its best iterations, as an estimator does.

    Parameters
    ----------
    path : str
        The file.
    classes : Sequence
        The labels of the classes, in their order; by default the numbers from 0.
    """
    import json

    import xgboost

    booster = xgboost.Booster()
    with open(path, "rb") as file:  # noqa: PTH123 - its name may not tell the format
        booster.load_model(bytearray(file.read()))
    learner = json.loads(booster.save_config())["learner"]
    objective = learner["objective"]["name"]
    best = booster.attributes().get("best_iteration")
    iterations = (0, 0 if best is None else int(best) + 1)

    def scores(data: Any) -> Any:
        # Rows without names are used in their order.
        named = hasattr(data, "columns")
        matrix = xgboost.DMatrix(data, enable_categorical=named)
        return booster.predict(matrix, iteration_range=iterations, validate_features=named)

    def labels(data: Any) -> Any:
        found = scores(data)
        return (found if objective == "multi:softmax" else found > _HALF).astype(int)

    if objective == "multi:softprob":
        count = int(learner["learner_model_param"]["num_class"])
        return NativeClassifier(booster, scores, classes=classes or range(count))
    if objective == "binary:logistic" and not _has_several(learner):
        return NativeClassifier(booster, scores, classes=classes or range(2))
    of_labels = objective.startswith("binary:") or objective == "multi:softmax"
    return NativeModel(booster, labels if of_labels else scores)


def _has_several(learner: Any) -> bool:
    return int(learner["learner_model_param"].get("num_target", "1")) > 1
