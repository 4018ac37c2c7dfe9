"""Wrap a function that returns scores in the interface of scikit-learn's estimators.

A booster returns scores: a probability, or one for each class. These classes convert them to
labels, in the same way as the estimators of LightGBM and XGBoost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["NativeClassifier", "NativeModel"]


class NativeModel:
    """A model that returns its scores unchanged.

    Parameters
    ----------
    native : object
        The model object of its library.
    scores : Callable
        The function from a DataFrame or an array of shape (n, columns) to an array of n scores.
    """

    def __init__(self, native: Any, scores: Callable[[Any], Any]) -> None:
        self.native = native
        self._scores = scores

    def predict(self, data: Any) -> Any:
        """Return one prediction for each row of `data`."""
        return self._scores(data)


class NativeClassifier(NativeModel):
    """A model whose scores are probabilities: of the second of two classes, or of each class.

    Parameters
    ----------
    native : object
        The model object of its library.
    scores : Callable
        The function from a DataFrame or an array of shape (n, columns) to an array of
        probabilities, of shape (n,) or (n, classes).
    classes : Sequence
        The labels; by default the numbers from 0, since the files keep no others.
    """

    def __init__(
        self, native: Any, scores: Callable[[Any], Any], *, classes: Sequence[Any]
    ) -> None:
        import numpy as np

        super().__init__(native, scores)
        self.classes_ = np.asarray(classes)

    def predict(self, data: Any) -> Any:
        """Return the most probable label for each row; in a tie, the first."""
        return self.classes_[self.predict_proba(data).argmax(axis=1)]

    def predict_proba(self, data: Any) -> Any:
        """Return the probabilities, of shape (n, classes)."""
        import numpy as np

        scores = self._scores(data)
        return scores if scores.ndim > 1 else np.stack((1 - scores, scores), axis=1)
