"""Wrap LightGBM models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .estimators import NativeClassifier, NativeModel

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["load_lightgbm"]

_WITH_CLASSES = ("binary", "multiclass", "multiclassova")


def load_lightgbm(path: str, classes: Sequence[Any] = ()) -> NativeModel:
    """Load a file written by ``Booster.save_model``.

    Parameters
    ----------
    path : str
        The file.
    classes : Sequence
        The labels of the classes, in their order; by default the numbers from 0.
    """
    import lightgbm

    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - a text, on 3.8 too
        header = _lightgbm_header(file)
    booster = lightgbm.Booster(model_file=str(path))
    objective = header.get("objective", "").split(" ")[0]
    if objective not in _WITH_CLASSES:
        return NativeModel(booster, booster.predict)
    count = max(2, int(header.get("num_class", "1")))
    return NativeClassifier(booster, booster.predict, classes=classes or range(count))


def _lightgbm_header(lines: Any) -> dict[str, str]:
    header = {}
    for line in lines:
        if line.startswith("Tree="):
            break
        key, _, value = line.rstrip("\n").partition("=")
        header[key] = value
    return header
