"""Things of libraries that build on scikit-learn, and of statsmodels."""

import importlib

from corpus.pickling.estimators import material, of_kinds
from corpus.pickling.noting import quietly


def boosters():
    """Models of xgboost, lightgbm, catboost."""
    X, y = material()
    for module, names in {
        "xgboost": "XGBClassifier XGBRegressor XGBRFClassifier XGBRFRegressor XGBRanker",
        "lightgbm": "LGBMClassifier LGBMRegressor LGBMRanker",
        "catboost": "CatBoostClassifier CatBoostRegressor",
    }.items():
        home = quietly(importlib.import_module, module)
        for name in names.split() if home else ():
            options = (
                {"iterations": 3, "verbose": 0, "allow_writing_files": False}
                if module == "catboost"
                else {"n_estimators": 3}
            )
            model = quietly(getattr(home, name), **options)
            if model is None:
                continue
            yield model
            extra = {"group": [20, 20]} if name.endswith("Ranker") else {}
            yield lambda: model.fit(X, y, **extra)
            yield lambda: model.get_booster()
            yield lambda: model.booster_
            yield lambda: model.fit(X, y, eval_set=[(X, y)], **extra)
        yield lambda: home.XGBClassifier(
            n_estimators=2, tree_method="hist", enable_categorical=True, early_stopping_rounds=1
        ).fit(X, y, eval_set=[(X, y)])
        yield lambda: home.callback.EarlyStopping(2)
        yield lambda: home.early_stopping(2)
        yield lambda: home.XGBClassifier(n_estimators=2, callbacks=[home.callback.EarlyStopping(2)])
        yield lambda: home.Pool


def other_estimators():
    """imbalanced-learn and category_encoders."""
    from sklearn.base import BaseEstimator

    for module in ("imblearn", "category_encoders"):
        home = quietly(importlib.import_module, module)
        if home is None:
            continue
        if module == "imblearn":
            from imblearn.utils.testing import all_estimators

            of_kinds(all_estimators())
        else:
            of_kinds(
                [
                    (name, kind)
                    for name, kind in vars(home).items()
                    if isinstance(kind, type) and issubclass(kind, BaseEstimator)
                ]
            )
    return iter(())


def category_encoders_fitted():
    import category_encoders as ce
    import pandas as pd

    frame = pd.DataFrame({"a": ["x", "y"] * 20, "b": [1.0, 2.0] * 20})
    y = [0, 1] * 20
    for name, kind in sorted(vars(ce).items()):
        if isinstance(kind, type):
            yield lambda kind=kind: kind(cols=["a"]).fit(frame, y)
            yield lambda kind=kind: kind().fit(frame, y)


def statsmodels_values():
    """Results of statsmodels without formulas: formulas are text that is evaluated."""
    import numpy as np
    import statsmodels.api as sm

    X, y = material()
    yield lambda: sm.OLS(y, sm.add_constant(X)).fit()
    yield lambda: sm.GLS(y, X).fit()
    yield lambda: sm.WLS(y, X).fit()
    yield lambda: sm.RLM(y, X).fit()
    yield lambda: sm.Logit((X[:, 1] > 0.4).astype(int), X).fit(disp=0)
    yield lambda: sm.Probit((X[:, 1] > 0.4).astype(int), X).fit(disp=0)
    yield lambda: sm.MNLogit(np.arange(40) % 3, X).fit(disp=0)
    yield lambda: sm.Poisson(y, X).fit(disp=0)
    for family in [
        "Gaussian",
        "Binomial",
        "Poisson",
        "Gamma",
        "Tweedie",
        "NegativeBinomial",
        "InverseGaussian",
    ]:
        yield lambda family=family: sm.GLM(
            y + 0.1 * (family != "Binomial"), X, family=getattr(sm.families, family)()
        ).fit()
    yield lambda: sm.tsa.ARIMA(np.cumsum(X[:, 0]), order=(1, 0, 1)).fit()
    yield lambda: sm.tsa.SARIMAX(np.cumsum(X[:, 0]), order=(1, 0, 0)).fit(disp=0)
    yield lambda: sm.tsa.AutoReg(np.cumsum(X[:, 0]), 1).fit()
    yield lambda: sm.tsa.ExponentialSmoothing(np.cumsum(X[:, 0]) + 1, trend="add").fit()
    yield lambda: sm.tsa.SimpleExpSmoothing(np.cumsum(X[:, 0]) + 1).fit()
    yield lambda: sm.tsa.VAR(X).fit(1)
    yield lambda: sm.QuantReg(y, X).fit()
    yield lambda: sm.GEE(y, X, groups=np.arange(40) // 4).fit()
    yield lambda: sm.MixedLM(X[:, 3], X[:, :2], groups=np.arange(40) // 8).fit()
    yield lambda: sm.nonparametric.KDEUnivariate(X[:, 0]).fit()
