"""List the scikit-learn releases between which a model stops loading or predicting.

Each row was measured: models of 50 kinds were written by 1.1.3, 1.2.2, 1.3.2, 1.4.2, 1.5.2, 1.6.1,
1.7.2, 1.8.0 and 1.9.1, and each was loaded and asked to predict in all others. scikit-learn itself
guarantees no compatibility ("Model persistence" in its user guide).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from packaging.version import Version

__all__ = ["SKLEARN_BREAKS", "Break"]

_FIRST, _LAST = "0", "9999"


@dataclass(frozen=True)
class Break:
    """Two ranges of releases: what a release of the first wrote, one of the second cannot use.

    Parameters
    ----------
    names : re.Pattern[str]
        The name that an affected model references.
    wrote, loads : tuple[Version, Version]
        The first release of the range, and the first one after it.
    what : str
        A description of what fails.
    certain : bool
        Whether it fails with all parameters of the model, and with every method.
    """

    names: re.Pattern[str]
    wrote: tuple[Version, Version]
    loads: tuple[Version, Version]
    what: str
    certain: bool = True

    def hits(self, *, wrote: Version, loads: Version) -> bool:
        """Return whether both releases are in the ranges."""
        return self.wrote[0] <= wrote < self.wrote[1] and self.loads[0] <= loads < self.loads[1]


def _break(
    names: str, wrote: tuple[str, str], loads: tuple[str, str], what: str, *, certain: bool = True
) -> Break:
    first, second = ((Version(begin), Version(end)) for begin, end in (wrote, loads))
    return Break(re.compile(rf"sklearn\.(?:{names})"), first, second, what, certain)


def _across(names: str, at: str, what: str) -> tuple[Break, Break]:
    before, after = (_FIRST, at), (at, _LAST)
    return _break(names, before, after, what), _break(names, after, before, what)


def _older(names: str, at: str, what: str, *, certain: bool = True) -> Break:
    return _break(names, (_FIRST, at), (at, _LAST), what, certain=certain)


def _newer(names: str, at: str, what: str, *, certain: bool = True) -> Break:
    return _break(names, (at, _LAST), (_FIRST, at), what, certain=certain)


_DECISION_TREES = r"tree\._classes\.DecisionTree\w+"
_EXTRA_TREES = r"ensemble\._forest\.ExtraTrees\w+|tree\._classes\.ExtraTreeClassifier"
_HISTOGRAM = r"ensemble\._hist_gradient_boosting\..*\.HistGradientBoosting\w+"
_BOOSTING = r"ensemble\._gb\.GradientBoosting\w+"
_COLUMNS = r"compose\._column_transformer\.ColumnTransformer"
_ENCODER = r"preprocessing\._encoders\.OneHotEncoder"

SKLEARN_BREAKS: Final = (
    *_across(r"tree\._tree\.Tree", "1.3", "the nodes of its trees have other fields"),
    _break(_DECISION_TREES, ("1.3", "1.4"), ("1.4", "1.9"), "its trees have no monotonic_cst"),
    _break(_EXTRA_TREES, ("1.3", "1.4"), ("1.6", "1.9"), "its trees have no monotonic_cst"),
    *_across(_HISTOGRAM, "1.3", "the nodes of its trees have other types"),
    _older(_HISTOGRAM, "1.4", "its predict() needs the missing attribute _preprocessor"),
    *_across(_BOOSTING, "1.4", "its losses are of other classes"),
    _break(
        r"ensemble\._weight_boosting\.AdaBoostClassifier",
        ("1.8", _LAST),
        (_FIRST, "1.6"),
        "its predict() needs the missing attribute algorithm",
    ),
    *_across(
        r"metrics\._dist_metrics\.\w*Distance\w*", "1.3", "the distances have other class names"
    ),
    *_across(
        r"metrics\._scorer\._(PassthroughScorer|passthrough_scorer)",
        "1.3",
        "the scorer of its search has another name",
    ),
    _older(_ENCODER, "1.2", "transform() needs the missing _drop_idx_after_grouping"),
    _break(_ENCODER, ("1.4", _LAST), (_FIRST, "1.2"), "transform() needs the missing sparse"),
    _older(
        r"preprocessing\._encoders\.OrdinalEncoder",
        "1.3",
        "transform() needs the missing _infrequent_enabled",
    ),
    _older(
        r"impute\._base\.SimpleImputer",
        "1.2",
        "transform() needs the missing keep_empty_features, unless it fills in a constant",
        certain=False,
    ),
    _older(r"impute\._base\.SimpleImputer", "1.8", "transform() needs the missing _fill_dtype"),
    _older(r"impute\._knn\.KNNImputer", "1.2", "transform() needs the missing keep_empty_features"),
    _break(_COLUMNS, (_FIRST, "1.2"), ("1.2", "1.4"), "it has no _name_to_fitted_passthrough"),
    _break(_COLUMNS, ("1.4", _LAST), ("1.2", "1.4"), "it has no _name_to_fitted_passthrough"),
    _break(
        _COLUMNS,
        (_FIRST, "1.4"),
        ("1.4", _LAST),
        "its transform() fails if columns are passed through",
        certain=False,
    ),
    _break(
        r"compose\._column_transformer\._RemainderColsList",
        ("1.5", "1.7"),
        ("1.7", _LAST),
        "_RemainderColsList is gone",
    ),
    _break(
        r"compose\._column_transformer\._RemainderColsList",
        ("1.5", "1.7"),
        (_FIRST, "1.5"),
        "_RemainderColsList is not there yet",
    ),
    *_across(
        r"calibration\.CalibratedClassifierCV", "1.2", "the calibrated classifiers lie elsewhere"
    ),
    _newer(r"decomposition\._nmf\.NMF", "1.2", "transform() needs the missing alpha"),
    _break(
        r"feature_extraction\.text\.TfidfTransformer",
        ("1.6", _LAST),
        (_FIRST, "1.5"),
        "its transform() says that it is not fitted, unless use_idf is False",
        certain=False,
    ),
    _newer(
        r"linear_model\._logistic\.LogisticRegression\w*",
        "1.8",
        "predict_proba() needs the missing multi_class; predict() works",
        certain=False,
    ),
    _break(
        r"_loss\.loss\.\w+",
        (_FIRST, "1.6"),
        ("1.6", _LAST),
        "the functions that make its losses are gone",
    ),
    _break(
        r"_loss\.loss\.\w+",
        ("1.5", "1.9"),
        (_FIRST, "1.5"),
        "its losses are in a module _loss, which is not there yet",
    ),
    _break(
        r"_loss\.loss\.\w+",
        ("1.5", "1.9"),
        ("1.9", _LAST),
        "its losses are in a module _loss, which is gone",
    ),
)
"""The known changes, most of them in 1.1 and later; older releases differ in module names."""
