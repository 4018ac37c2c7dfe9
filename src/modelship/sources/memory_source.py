"""Define MemorySource: a model that is an object in this process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from modelship.errors import CorruptModelError, InvalidOptionError, MissingExtraError
from modelship.sources.source import ModelSource

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MemorySource"]


class MemorySource(ModelSource):
    """A fitted estimator; fetching writes it to ``<name>.joblib`` with ``joblib.dump``.

    Parameters
    ----------
    estimator : object
        The model.
    """

    trusted = True

    def __init__(self, estimator: object) -> None:
        self.estimator = estimator

    @classmethod
    def from_uri(cls, uri: str) -> MemorySource:
        """Raise an error: no URI refers to an object in memory."""
        raise InvalidOptionError("location", uri, "the object itself")

    @property
    def location(self) -> str:
        return f"the {type(self.estimator).__name__} in memory"

    def download(self, folder: Path) -> str:
        try:
            import joblib
        except ImportError:
            raise MissingExtraError(purpose="Saving a model", extra="sklearn") from None
        self._refuse_unfitted()
        name = f"{self.wanted.name or type(self.estimator).__name__}.joblib"
        try:
            joblib.dump(self.estimator, folder / name)
        except OSError:
            raise
        except Exception as error:
            raise CorruptModelError(
                self.location,
                f"it cannot be pickled ({type(error).__name__}: {error})",
                "Put a function or class of a module in place of what is named above.",
            ) from error
        return name

    def _refuse_unfitted(self) -> None:
        # Only scikit-learn's own estimators support this, so it is already imported.
        if "sklearn" not in sys.modules:
            return
        from sklearn.base import BaseEstimator
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        if not isinstance(self.estimator, BaseEstimator) or not hasattr(self.estimator, "fit"):
            return
        try:
            check_is_fitted(self.estimator)
        except NotFittedError:
            raise CorruptModelError(
                self.location, "it is not fitted", "Call fit() before fetching it."
            ) from None
