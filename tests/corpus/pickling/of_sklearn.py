"""Things of scikit-learn."""

import functools
import importlib
import re

from corpus.pickling.estimators import material


def sklearn_values():
    """Pipelines, searches, kernels, losses, splitters, scorers."""
    import numpy as np
    import sklearn
    from sklearn import (
        ensemble,
        feature_selection,
        gaussian_process,
        linear_model,
        metrics,
        model_selection,
        neighbors,
        pipeline,
        preprocessing,
        svm,
        utils,
    )

    X, y = material()
    LR = linear_model.LogisticRegression
    yield pipeline.make_pipeline(preprocessing.StandardScaler(), LR()).fit(X, y)
    yield (
        lambda: (
            __import__("sklearn.compose")
            .compose.make_column_transformer(
                (preprocessing.StandardScaler(), [0, 1]), ("drop", slice(2, 3))
            )
            .fit(X)
        )
    )
    yield lambda: __import__("sklearn.compose").compose.make_column_selector("a")
    yield model_selection.GridSearchCV(LR(), {"C": [1, 2]}, cv=2).fit(X, y)
    yield model_selection.GridSearchCV(
        LR(), {"C": [1, 2]}, scoring=["accuracy", "roc_auc"], refit="accuracy", cv=2
    ).fit(X, y)
    yield lambda: model_selection.RandomizedSearchCV(
        LR(), {"C": __import__("scipy.stats").stats.uniform(0, 1)}, n_iter=2, cv=2
    ).fit(X, y)
    yield lambda: model_selection.RandomizedSearchCV(
        LR(), {"C": __import__("scipy.stats").stats.loguniform(0.1, 1)}, n_iter=2
    )
    for loss in ("log_loss", "deviance", "exponential"):
        yield lambda loss=loss: ensemble.GradientBoostingClassifier(loss=loss, n_estimators=2).fit(
            X, y
        )
    for loss in [
        "squared_error",
        "ls",
        "lad",
        "absolute_error",
        "huber",
        "quantile",
        "poisson",
        "gamma",
    ]:
        yield lambda loss=loss: ensemble.GradientBoostingRegressor(loss=loss, n_estimators=2).fit(
            X, X[:, 0]
        )
        yield lambda loss=loss: ensemble.HistGradientBoostingRegressor(
            loss=loss, max_iter=2, **({"quantile": 0.5} if loss == "quantile" else {})
        ).fit(X, X[:, 0])
    yield lambda: ensemble.HistGradientBoostingClassifier(max_iter=2).fit(X, np.arange(40) % 3)
    yield lambda: ensemble.HistGradientBoostingClassifier(
        max_iter=2, early_stopping=True, categorical_features=[0]
    ).fit((X * 4).astype(int), y)
    yield lambda: ensemble.GradientBoostingClassifier(n_estimators=2).fit(X, np.arange(40) % 3)
    yield lambda: ensemble.GradientBoostingClassifier(n_estimators=2, init=LR()).fit(X, y)
    for loss in [
        "hinge",
        "log",
        "log_loss",
        "modified_huber",
        "squared_hinge",
        "perceptron",
        "squared_error",
        "huber",
        "epsilon_insensitive",
        "squared_epsilon_insensitive",
        "squared_loss",
    ]:
        yield lambda loss=loss: linear_model.SGDClassifier(loss=loss, max_iter=3).fit(X, y)
    for solver in ["lbfgs", "liblinear", "newton-cg", "sag", "saga", "newton-cholesky"]:
        yield lambda solver=solver: LR(solver=solver, max_iter=5).fit(X, y)
    for algorithm in ["brute", "kd_tree", "ball_tree"]:
        for metric in ["euclidean", "manhattan", "chebyshev", "minkowski", "haversine"]:
            yield lambda algorithm=algorithm, metric=metric: neighbors.KNeighborsClassifier(
                algorithm=algorithm, metric=metric
            ).fit(X[:, :2], y)
    for metric in [
        "euclidean",
        "manhattan",
        "chebyshev",
        "minkowski",
        "haversine",
        "hamming",
        "canberra",
        "braycurtis",
        "jaccard",
        "seuclidean",
        "mahalanobis",
        "wminkowski",
        "dice",
        "rogerstanimoto",
        "russellrao",
        "sokalmichener",
        "sokalsneath",
        "kulsinski",
        "matching",
        "l1",
        "l2",
        "p",
        "cityblock",
        "infinity",
    ]:
        yield lambda metric=metric: neighbors.DistanceMetric.get_metric(metric)
        yield lambda metric=metric: metrics.DistanceMetric.get_metric(metric)
        yield lambda metric=metric: metrics.DistanceMetric.get_metric(metric, np.float32)
        yield lambda metric=metric: neighbors.BallTree(X, metric=metric)
    for metric, options in (
        ("seuclidean", {"V": np.ones(4)}),
        ("mahalanobis", {"V": np.eye(4)}),
        ("wminkowski", {"p": 2, "w": np.ones(4)}),
        ("minkowski", {"p": 3}),
    ):
        yield lambda metric=metric, options=options: neighbors.DistanceMetric.get_metric(
            metric, **options
        )
        yield lambda metric=metric, options=options: metrics.DistanceMetric.get_metric(
            metric, **options
        )
    yield lambda: neighbors.KDTree(X)
    yield lambda: neighbors.BallTree(
        X, metric=__import__("scipy.spatial.distance").spatial.distance.cosine
    )
    yield lambda: neighbors.KernelDensity().fit(X)
    for name in sorted(dir(gaussian_process.kernels)):
        kind = getattr(gaussian_process.kernels, name)
        if isinstance(kind, type) and kind.__module__ == "sklearn.gaussian_process.kernels":
            yield lambda kind=kind: kind()
    RBF = gaussian_process.kernels.RBF
    yield RBF() + RBF() * 2
    yield RBF() ** 2
    yield gaussian_process.GaussianProcessRegressor(
        RBF() + gaussian_process.kernels.WhiteKernel()
    ).fit(X, y)
    yield gaussian_process.GaussianProcessClassifier(RBF()).fit(X, y)
    yield gaussian_process.GaussianProcessClassifier(RBF()).fit(X, np.arange(40) % 3)
    for name in sorted(dir(model_selection)):
        kind = getattr(model_selection, name)
        if isinstance(kind, type) and hasattr(kind, "split") and not name.startswith("Base"):
            yield lambda kind=kind: kind()
            yield lambda kind=kind: kind(2)
    yield lambda: model_selection.check_cv([(np.arange(3), np.arange(3))])
    yield lambda: model_selection.ParameterGrid({"a": [1]})
    yield lambda: model_selection.ParameterSampler({"a": [1]}, 1)
    scorers = getattr(metrics, "SCORERS", None) or metrics._scorer._SCORERS
    for scorer in scorers.values():
        yield scorer
    yield metrics.make_scorer(metrics.fbeta_score, beta=2)
    yield lambda: metrics.confusion_matrix
    yield lambda: utils.Bunch(a=1)
    yield lambda: metrics.ConfusionMatrixDisplay(np.eye(2))
    for score in [
        "f_classif",
        "f_regression",
        "chi2",
        "mutual_info_classif",
        "mutual_info_regression",
        "r_regression",
    ]:
        yield lambda score=score: feature_selection.SelectKBest(
            getattr(feature_selection, score), k=2
        ).fit(X, y)
    yield lambda: preprocessing.FunctionTransformer(np.log1p, inverse_func=np.expm1).fit(X)
    yield lambda: preprocessing.FunctionTransformer(functools.partial(np.clip, a_min=0, a_max=1))
    yield lambda: preprocessing.OneHotEncoder().fit([["a"], ["b"]])
    yield lambda: preprocessing.OrdinalEncoder().fit([["a"], ["b"]])
    yield lambda: preprocessing.TargetEncoder().fit([["a"], ["b"]] * 20, y)
    yield lambda: preprocessing.LabelEncoder().fit(["a", "b"])
    yield lambda: preprocessing.PolynomialFeatures().fit(X)
    yield lambda: preprocessing.SplineTransformer().fit(X)
    yield lambda: preprocessing.KBinsDiscretizer(3).fit(X)
    yield lambda: preprocessing.QuantileTransformer(5).fit(X)
    yield lambda: preprocessing.PowerTransformer().fit(X)
    yield lambda: svm.SVC(probability=True).fit(X, y)
    yield lambda: svm.SVC(kernel=metrics.pairwise.rbf_kernel).fit(X, y)
    yield lambda: __import__("sklearn.multiclass").multiclass.OneVsRestClassifier(LR()).fit(X, y)
    yield (
        lambda: (
            __import__("sklearn.multioutput").multioutput.ClassifierChain(LR()).fit(X, np.c_[y, y])
        )
    )
    yield (
        lambda: (
            __import__("sklearn.calibration")
            .calibration.CalibratedClassifierCV(LR(), cv=2)
            .fit(X, y)
        )
    )
    yield (
        lambda: (
            __import__("sklearn.calibration")
            .calibration.CalibratedClassifierCV(LR(), cv=2, method="isotonic")
            .fit(X, y)
        )
    )
    yield (
        lambda: (
            __import__("sklearn.semi_supervised")
            .semi_supervised.SelfTrainingClassifier(LR())
            .fit(X, y)
        )
    )
    yield (
        lambda: (
            __import__("sklearn.neural_network")
            .neural_network.MLPClassifier((3,), max_iter=3, early_stopping=True)
            .fit(X, y)
        )
    )
    yield (
        lambda: (
            __import__("sklearn.neural_network")
            .neural_network.MLPClassifier((3,), max_iter=3, solver="sgd")
            .fit(X, y)
        )
    )
    yield lambda: __import__("sklearn.isotonic").isotonic.IsotonicRegression().fit(X[:, 0], y)
    yield lambda: pipeline.Pipeline(
        [("a", LR())], memory=__import__("joblib").Memory("/nowhere", verbose=0)
    )
    yield lambda: pipeline.Pipeline([("a", LR())], memory=__import__("joblib").Memory(None))
    yield lambda: ensemble.VotingClassifier([("a", LR()), ("b", svm.SVC())]).fit(X, y)
    yield lambda: ensemble.StackingClassifier([("a", LR()), ("b", LR())], cv=2).fit(X, y)
    yield lambda: ensemble.IsolationForest(3).fit(X)
    yield lambda: ensemble.AdaBoostClassifier(n_estimators=3).fit(X, y)
    yield lambda: ensemble.BaggingClassifier(n_estimators=3).fit(X, y)
    yield lambda: sklearn.linear_model.RidgeCV().fit(X, y)
    for link in ("identity", "log"):
        yield lambda link=link: linear_model.TweedieRegressor(power=1.5, link=link).fit(X, y + 0.1)
    yield lambda: linear_model.PoissonRegressor().fit(X, y)
    yield lambda: linear_model.GammaRegressor().fit(X, y + 1.0)
    texts = ["one word", "two words more"] * 3
    for name in ["CountVectorizer", "TfidfVectorizer", "HashingVectorizer"]:
        text = importlib.import_module("sklearn.feature_extraction.text")
        yield lambda name=name: getattr(text, name)().fit(texts)
        yield lambda name=name: getattr(text, name)(tokenizer=re.compile("a").findall)
        yield lambda name=name: getattr(text, name)(stop_words="english", analyzer="char_wb")
    yield lambda: text.CountVectorizer(stop_words=text.ENGLISH_STOP_WORDS)
    import pandas as pd

    frame = pd.DataFrame({"a": [1.0, 2] * 20, "b": ["x", "y"] * 20})
    encoder = preprocessing.OneHotEncoder()
    yield (
        lambda: (
            __import__("sklearn.compose")
            .compose.ColumnTransformer(
                [("a", preprocessing.StandardScaler(), ["a"]), ("b", encoder, ["b"])]
            )
            .fit(frame)
        )
    )
    yield (
        lambda: (
            pipeline.make_pipeline(preprocessing.StandardScaler(), LR())
            .set_output(transform="pandas")
            .fit(frame[["a"]], y)
        )
    )
    yield lambda: sklearn.frozen.FrozenEstimator(LR().fit(X, y))
    yield lambda: preprocessing.FunctionTransformer(np.log1p).set_fit_request(sample_weight=True)
    yield lambda: LR().set_fit_request(sample_weight=True)
    yield lambda: model_selection.TunedThresholdClassifierCV(LR(), cv=2).fit(X, y)
    yield lambda: __import__("sklearn.inspection").inspection.permutation_importance(
        LR().fit(X, y), X, y, n_repeats=2
    )
    yield lambda: sklearn.exceptions.NotFittedError("x")
    yield lambda: sklearn.utils.metadata_routing.MetadataRequest(owner="x")
    yield lambda: sklearn.utils.metadata_routing.MetadataRouter(owner="x")
    yield lambda: utils.murmurhash3_32
