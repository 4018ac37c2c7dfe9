"""Wrap a function that returns scores in the interface of scikit-learn's estimators.

A booster answers scores: a probability, or one for each class. The estimators of LightGBM and
XGBoost make labels of them, and so do these classes, in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["NativeClassifier", "NativeModel"]


class NativeModel:
    """A model that answers its scores as they are.

    Parameters
    ----------
    native : object
        The model as its library has it.
    scores : Callable
        The function from a DataFrame or an array of shape (n, columns) to an array of n scores.
    """

    def __init__(self, native: Any, scores: Callable[[Any], Any]) -> None:
        self.native = native
        self._scores = scores

    def predict(self, data: Any) -> Any:
        """Return one answer for each row of `data`."""
        return self._scores(data)


class NativeClassifier(NativeModel):
    """A model whose scores are probabilities: of the second of two classes, or of each class.

    Parameters
    ----------
    native : object
        The model as its library has it.
    scores : Callable
        The function from a DataFrame or an array of shape (n, columns) to an array of
        probabilities, of shape (n,) or (n, classes).
    classes : Sequence
        The labels; they are the numbers from 0 if left out, which are all that the files keep.
    """

    def __init__(
        self, native: Any, scores: Callable[[Any], Any], *, classes: Sequence[Any]
    ) -> None:
        import numpy as np

        super().__init__(native, scores)
        self.classes_ = np.asarray(classes)

    def predict(self, data: Any) -> Any:
        """Return the most probable label for each row; of two equal ones the first."""
        return self.classes_[self.predict_proba(data).argmax(axis=1)]

    def predict_proba(self, data: Any) -> Any:
        """Return the probabilities, of shape (n, classes)."""
        import numpy as np

        scores = self._scores(data)
        return scores if scores.ndim > 1 else np.stack((1 - scores, scores), axis=1)
