"""List the capabilities of estimators by class name, without importing them.

For scikit-learn, the tests compare this list with every class of scikit-learn itself. For a class
that is not listed, nothing is known.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "CLASSIFICATION",
    "REGRESSION",
    "has_probabilities",
    "is_data",
    "is_frame",
    "predicts",
    "task_of",
]

CLASSIFICATION: Final = "classification"
REGRESSION: Final = "regression"

_OF_TRANSFORMERS: Final = tuple(
    f"sklearn.{package}."
    for package in (
        *("decomposition", "feature_extraction", "impute", "kernel_approximation", "manifold"),
        *("preprocessing", "random_projection"),
    )
)
_WITHOUT_PREDICT: Final = frozenset(
    (
        *("ColumnTransformer", "FeatureUnion", "PLSSVD", "RandomTreesEmbedding", "BernoulliRBM"),
        *("SelectFromModel", "SequentialFeatureSelector", "GenericUnivariateSelect", "SelectFdr"),
        *("SelectFpr", "SelectFwe", "SelectKBest", "SelectPercentile", "VarianceThreshold"),
        *("AgglomerativeClustering", "FeatureAgglomeration", "SpectralBiclustering", "DBSCAN"),
        *("SpectralCoclustering", "HDBSCAN", "OPTICS", "SpectralClustering", "KernelDensity"),
        *("EmpiricalCovariance", "GraphicalLasso", "GraphicalLassoCV", "MinCovDet", "LedoitWolf"),
        *("OAS", "ShrunkCovariance", "KNeighborsTransformer", "RadiusNeighborsTransformer"),
        *("NeighborhoodComponentsAnalysis", "NearestNeighbors"),
    )
)
_CLASSIFIERS: Final = frozenset(  # with predict_proba
    (
        *("AdaBoostClassifier", "BaggingClassifier", "BernoulliNB", "CalibratedClassifierCV"),
        *("CategoricalNB", "ComplementNB", "DecisionTreeClassifier", "DummyClassifier"),
        *("ExtraTreeClassifier", "ExtraTreesClassifier", "GaussianNB", "MLPClassifier"),
        *("GaussianProcessClassifier", "GradientBoostingClassifier", "MultinomialNB"),
        *("HistGradientBoostingClassifier", "KNeighborsClassifier", "LabelPropagation"),
        *("LabelSpreading", "LinearDiscriminantAnalysis", "LogisticRegression"),
        *("LogisticRegressionCV", "QuadraticDiscriminantAnalysis", "RadiusNeighborsClassifier"),
        "RandomForestClassifier",
    )
)
_UNSURE_CLASSIFIERS: Final = frozenset(  # with predict_proba, depending on what they contain
    (
        *("ClassifierChain", "FixedThresholdClassifier", "MultiOutputClassifier", "NuSVC", "SVC"),
        *("NearestCentroid", "OneVsRestClassifier", "SGDClassifier", "SelfTrainingClassifier"),
        *("StackingClassifier", "TunedThresholdClassifierCV", "VotingClassifier"),
    )
)
_PLAIN_CLASSIFIERS: Final = frozenset(  # without
    (
        *("LinearSVC", "OneVsOneClassifier", "OutputCodeClassifier", "RidgeClassifierCV"),
        *("PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier"),
    )
)
_REGRESSORS: Final = frozenset(
    (
        *("ARDRegression", "BayesianRidge", "CCA", "ElasticNet", "ElasticNetCV", "KernelRidge"),
        *("IsotonicRegression", "Lars", "LarsCV", "Lasso", "LassoCV", "LassoLars", "LassoLarsCV"),
        *("LassoLarsIC", "LinearRegression", "LinearSVR", "MultiTaskElasticNet", "NuSVR"),
        *("MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV", "PLSCanonical"),
        *("OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "PLSRegression", "Ridge"),
        *("RegressorChain", "RidgeCV", "SVR"),
    )
)
_OTHERS: Final = frozenset(  # clusters and outliers
    (
        *("AffinityPropagation", "Birch", "BisectingKMeans", "EllipticEnvelope", "KMeans"),
        *("IsolationForest", "LocalOutlierFactor", "MeanShift", "MiniBatchKMeans"),
        *("OneClassSVM", "SGDOneClassSVM"),
    )
)
_MIXTURES: Final = frozenset(("BayesianGaussianMixture", "GaussianMixture"))
OF_LIBRARIES: Final = ("sklearn.", "imblearn.", "lightgbm.", "xgboost.", "catboost.")
_TAKES_ANYTHING: Final = frozenset(  # or the step that it passes its input to
    (
        *("BaggingClassifier", "BaggingRegressor", "CalibratedClassifierCV", "ClassifierChain"),
        *("DummyClassifier", "DummyRegressor", "FixedThresholdClassifier", "FrozenEstimator"),
        *("MultiOutputClassifier", "MultiOutputRegressor", "OneVsOneClassifier", "FeatureUnion"),
        *("OneVsRestClassifier", "OutputCodeClassifier", "RANSACRegressor", "RegressorChain"),
        *("SelfTrainingClassifier", "StackingClassifier", "StackingRegressor", "LabelEncoder"),
        *("TransformedTargetRegressor", "TunedThresholdClassifierCV", "VotingClassifier"),
        *("VotingRegressor", "ColumnTransformer", "FunctionTransformer", "LabelBinarizer"),
        *("MultiLabelBinarizer", "OneHotEncoder", "OrdinalEncoder", "TargetEncoder"),
        *("SimpleImputer", "MissingIndicator", "IterativeImputer", "SelectFromModel"),
        *("SequentialFeatureSelector", "AdaBoostClassifier", "AdaBoostRegressor"),
        *("GaussianProcessClassifier", "GaussianProcessRegressor"),
        *("IsotonicRegression", "KernelCenterer", "VarianceThreshold", "SparseCoder"),
    )
)
_FRAMES: Final = frozenset(("DataFrame", "Series", "Index"))


def predicts(name: str) -> bool | None:
    """Return whether instances of a class have ``predict``; None if unknown."""
    if is_data(name):
        return False
    library, last = name.partition(".")[0], name.rpartition(".")[2]
    if library == "sklearn":
        if name.startswith(_OF_TRANSFORMERS) or last in _WITHOUT_PREDICT:
            return False
        return bool(task_of(name)) or last in _OTHERS | _MIXTURES or None
    return bool(task_of(name)) or None


def is_data(name: str) -> bool:
    """Return whether a class of Python, NumPy or pandas only holds data."""
    return name.partition(".")[0] in ("builtins", "collections", "numpy") or is_frame(name)


def is_frame(name: str) -> bool:
    """Return whether a class is a data container of pandas."""
    return name.partition(".")[0] == "pandas" and name.rpartition(".")[2] in _FRAMES


def takes_numbers(name: str) -> bool:
    """Return whether a class of scikit-learn rejects rows that are not numbers.

    Classes for which this is unknown are excluded, and those that read texts, dicts or files.
    """
    last = name.rpartition(".")[2]
    if not name.startswith("sklearn.") or last in _TAKES_ANYTHING:
        return False
    if name.startswith(("sklearn.feature_extraction.", "sklearn.manifold.", "sklearn.covariance.")):
        return False
    return name.startswith(_OF_TRANSFORMERS) or last in _WITHOUT_PREDICT or bool(predicts(name))


def task_of(name: str) -> str:
    """Return the task of instances of a class, or ``""`` if unknown."""
    last = name.rpartition(".")[2]
    if not name.startswith(OF_LIBRARIES):
        return ""
    known = _CLASSIFIERS | _UNSURE_CLASSIFIERS | _PLAIN_CLASSIFIERS
    if last in known or last.endswith(("Classifier", "ClassifierCV")):
        return CLASSIFICATION
    if last in _REGRESSORS or last.endswith("Regressor"):
        return REGRESSION
    return ""


def has_probabilities(name: str) -> bool | None:
    """Return whether instances have ``predict_proba``; None if it depends, or is unknown."""
    last = name.rpartition(".")[2]
    if not predicts(name) or last in _UNSURE_CLASSIFIERS:
        return None
    if name.startswith("sklearn."):
        return last in _CLASSIFIERS or last in _MIXTURES
    if last == "LGBMClassifier" or last.startswith("XGB") or task_of(name) == REGRESSION:
        return task_of(name) == CLASSIFICATION
    return None
