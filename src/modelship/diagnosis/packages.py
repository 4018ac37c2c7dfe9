"""Which package brings a module, as far as a diagnosis needs to know it.

A small table is enough here: the larger one beside the environment's own inference lies in a
higher layer, and a log from elsewhere has no environment to look into.
"""

from __future__ import annotations

__all__ = ["LIBRARIES", "is_namespace", "package_of"]

_PACKAGES = {
    "PIL": "pillow",
    "attr": "attrs",
    "azureml.contrib.services": "azureml-contrib-services",
    "azureml.core": "azureml-core",
    "azure.identity": "azure-identity",
    "azure.keyvault.secrets": "azure-keyvault-secrets",
    "azure.storage.blob": "azure-storage-blob",
    "bs4": "beautifulsoup4",
    "category_encoders": "category-encoders",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "google.cloud.storage": "google-cloud-storage",
    "imblearn": "imbalanced-learn",
    "inference_schema": "inference-schema",
    "jwt": "pyjwt",
    "psycopg2": "psycopg2-binary",
    "pywt": "pywavelets",
    "sentence_transformers": "sentence-transformers",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "sksurv": "scikit-survival",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}
_SAME_NAME = (
    *("catboost", "cloudpickle", "dask", "dill", "flask", "gensim", "hdbscan", "interpret"),
    *("joblib", "keras", "lifelines", "lightgbm", "mlflow", "mlxtend", "nltk", "numba"),
    *("numpy", "onnx", "onnxruntime", "optuna", "pandas", "patsy", "pmdarima", "polars"),
    *("prophet", "pyarrow", "pydantic", "pyod", "requests", "scipy", "shap", "skl2onnx"),
    *(
        "skops",
        "sktime",
        "spacy",
        "statsmodels",
        "tensorflow",
        "torch",
        "torchvision",
        "transformers",
    ),
    "xgboost",
)

LIBRARIES = frozenset({name.partition(".")[0] for name in _PACKAGES} | {*_SAME_NAME})
"""Import names of libraries that many scripts and models use."""

# Packages share these; a part that is missing says nothing of another one's version.
_NAMESPACES = frozenset({"azure", "azureml", "google"})


def package_of(module: str) -> str:
    """Return the name on PyPI of the package that brings `module`: by default, its own."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        known = _PACKAGES.get(".".join(parts[:length]))
        if known:
            return known
    if parts[0] in _NAMESPACES:
        return "-".join(parts[:3])
    return parts[0]


def is_namespace(module: str) -> bool:
    """Tell whether several packages put modules below the first part of the name."""
    return module.partition(".")[0] in _NAMESPACES
