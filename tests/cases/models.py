"""Small models, written in milliseconds, and pickles that no library would write."""

from __future__ import annotations

import pickle
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "classifier",
    "digits",
    "pickled_call",
    "pickled_instance",
    "pickled_mapping",
    "write_classifier",
    "write_weights",
]

# A line through (0, 1) and (1, 3): what scripts without any package score with.
WEIGHTS = {"coefficients": [2.0], "intercept": 1.0}

_PROTO = b"\x80\x02"


def pickled_call(module: str, name: str, *arguments: Any) -> bytes:
    """Return a pickle that calls ``module.name(*arguments)`` when it is loaded.

    The opcodes are those of PEP 307, so that neither has to exist where this is written.
    """
    return _PROTO + _global(module, name) + _body(arguments) + b"R."


def pickled_instance(module: str, name: str, state: dict[str, Any]) -> bytes:
    """Return a pickle of an object of the class ``module.name``, as object.__reduce_ex__ has it."""
    return _PROTO + _global(module, name) + b")\x81" + _body(state) + b"b."


def pickled_mapping(module: str, name: str, items: dict[str, Any]) -> bytes:
    """Return a pickle of an object of ``module.name``, a subclass of dict, with these items."""
    pairs = b"".join(_body(part) for pair in items.items() for part in pair)
    return _PROTO + _global(module, name) + b")\x81(" + pairs + b"u."


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _body(value: Any) -> bytes:
    return pickle.dumps(value, protocol=2).removeprefix(_PROTO).removesuffix(b".")


def write_weights(folder: Path) -> None:
    """Write a model that the standard library alone can load."""
    (folder / "weights.pkl").write_bytes(pickle.dumps(WEIGHTS, protocol=4))


def write_classifier(folder: Path) -> None:
    """Write a classifier of two features and two classes."""
    import joblib

    joblib.dump(classifier(), folder / "model.pkl")


@cache
def classifier() -> Any:
    """Return a classifier of two features and two classes."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(*digits())


def digits() -> tuple[list[list[float]], list[int]]:
    """Return X of shape (6, 2) and y of shape (6,)."""
    X = [[0.0, 0.1], [0.2, 0.0], [0.1, 0.3], [0.9, 1.0], [1.0, 0.8], [0.7, 0.9]]
    return X, [0, 0, 0, 1, 1, 1]
