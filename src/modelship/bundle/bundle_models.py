"""Validate and display the models of a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelship.bundle.layout import models_problem
from modelship.errors import InvalidOptionError
from modelship.sources import Model

__all__ = ["as_models", "described", "model_ids"]

_MOST_SHOWN: Final = 10
_EXPECTED: Final = "a Model, or a list of them: ModelSource.open(path_or_estimator).fetch(folder)"
_ALL_OTHER: Final = (
    "models that differ in name or version, by more than capital letters: "
    "ModelSource.open(…, name=…, version=…) (modelship bundle NAME=PATH) gives one another name"
)


def as_models(given: object) -> tuple[Model, ...]:
    """Return the given models of a bundle, sorted by name and version.

    Raises
    ------
    InvalidOptionError
        If an item is not a model, or two of them cannot coexist in a service.
    """
    if isinstance(given, Model):
        return (given,)
    if not isinstance(given, Sequence) or isinstance(given, (str, bytes)):
        raise InvalidOptionError("model", type(given).__name__, _EXPECTED)
    for each in given:
        if not isinstance(each, Model):
            raise InvalidOptionError("model", f"[{type(each).__name__}]", _EXPECTED)
    if models_problem((model.name, model.version) for model in given):
        raise InvalidOptionError("model", [_id(model) for model in given], _ALL_OTHER)
    return tuple(sorted(given, key=lambda model: (model.name, model.version)))


def model_ids(models: Sequence[Model]) -> str:
    """Return the name and version of each model, such as ``"digits:1, letters:4"``.

    Of more than ten, the first ten and the number of the others; ``""`` if there are none.
    """
    ids = [_id(model) for model in models]
    more = [f"and {len(ids) - _MOST_SHOWN} more"] if len(ids) > _MOST_SHOWN else []
    return ", ".join([*ids[:_MOST_SHOWN], *more])


def described(model: Model) -> list[object]:
    """Return the fields of a model that are part of a bundle's digest."""
    files = [[file.path, file.sha256] for file in model.files]
    format_ = model.model_format.in_digests or model.format
    return [model.name, model.version, format_, model.digest, *files]


def _id(model: Model) -> str:
    return f"{model.name}:{model.version}"
