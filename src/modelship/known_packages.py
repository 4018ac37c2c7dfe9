"""List facts about PyPI packages: the modules that they provide, and their requirements.

The only table of packages. There are three related tables: the modules of Python itself
(:mod:`modelship.known_modules`), the Python versions for which each release of a package has a
wheel (:mod:`modelship.known_wheels`), and conda's names (:mod:`modelship.bundle._conda_names`),
most of which are not packages on PyPI at all.
"""

from __future__ import annotations

from importlib import metadata

__all__ = [
    "FLOORS",
    "IMPORT_TO_PYPI",
    "LIBRARIES",
    "SCRIPT_PACKAGES",
    "SETUPTOOLS",
    "SOURCE_ONLY",
    "floor_of",
    "is_namespace",
    "known_package",
    "needs_setuptools",
    "package_of",
    "provider_of",
]

SOURCE_ONLY = {"docopt": "0.6.2", "fusepy": "3.0.1"}
"""Pure-Python packages without a wheel on PyPI that other packages need, with their last release.

That release requires no other package: a resolver need not build it to learn so. All other packages
are installed only as wheels. Building runs code of the package on this machine and needs a
compiler, and the result may differ between machines.
"""

FLOORS = {
    "azureml-contrib-services": "1.60",
    "azureml-core": "1.61",
    "azureml-dataset-runtime": "1.60",
    "azureml-defaults": "1.60",
    "azureml-inference-server-http": "1.5",
    "azureml-interpret": "1.60",
    "azureml-mlflow": "1.60",
    "azureml-pipeline": "1.60",
    "azureml-sdk": "1.60",
    "azureml-telemetry": "1.60",
    "azureml-train-core": "1.60",
}
"""The lower bound of an Azure ML package without a version.

These packages pin each other tightly. On a conflict, a resolver falls back to releases of 2020,
which pin nothing and do not build. With a lower bound it reports the conflict.
"""

_LAST_FOR_3_8 = {"azureml-core": "1.60", "azureml-inference-server-http": "1.3"}
"""Newer ones need Python 3.9, or conflict with azureml-defaults 1.60, the last one for 3.8."""

_SDK = frozenset(
    f"azureml-{name}"
    for name in (
        *("automl-runtime", "core", "defaults", "explain-model", "interpret", "mlflow", "pipeline"),
        *("pipeline-core", "pipeline-steps", "sdk", "telemetry", "train", "train-automl"),
        *("train-automl-client", "train-automl-runtime", "train-core", "widgets"),
    )
)
SETUPTOOLS = "setuptools<81"
"""The releases that setuptools itself recommends to users of ``pkg_resources``."""
_FIRST_WITHOUT = (3, 12)  # conda's Python, and virtual environments, come without setuptools since


def needs_setuptools(name: str, *, python: str) -> bool:
    """Return whether a package brings an azureml-core that may import ``pkg_resources``.

    Up to 1.61.0 azureml-core does not declare its dependency on setuptools: conda, with which Azure
    ML creates its environments, installs setuptools with each Python older than 3.12.
    """
    major, minor = python.split(".")[:2]
    return name in _SDK and (int(major), int(minor)) < _FIRST_WITHOUT


def floor_of(name: str, *, python: str) -> str | None:
    """Return the lowest release of a package accepted if no version is given, if there is one."""
    of_old = _LAST_FOR_3_8.get(name) if python.startswith("3.8") else None
    return of_old or FLOORS.get(name)


_PROVIDERS = {"xgboost": ("xgboost", "xgboost-cpu")}
"""The packages of a library on PyPI; the first one is used if none is installed."""


def provider_of(library: str) -> str:
    """Return the PyPI package that provides a library: of several, the installed one."""
    known = _PROVIDERS.get(library, (library,))
    return next((name for name in known if _is_installed(name)), known[0])


def _is_installed(package: str) -> bool:
    try:
        return bool(metadata.version(package))
    except metadata.PackageNotFoundError:
        return False


IMPORT_TO_PYPI = {
    "category_encoders": "category-encoders",
    "cv2": "opencv-python-headless",
    "imblearn": "imbalanced-learn",
    "PIL": "pillow",
    "pywt": "pywavelets",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "sksurv": "scikit-survival",
    "umap": "umap-learn",
    "yaml": "pyyaml",
} | {
    name: name
    for name in (
        *("catboost", "cloudpickle", "dask", "dill", "gensim", "hdbscan", "interpret", "joblib"),
        *("keras", "lifelines", "lightgbm", "mlxtend", "nltk", "numba", "numpy", "optuna"),
        *("pandas", "patsy", "pmdarima", "polars", "prophet", "pyarrow", "pyod", "scipy"),
        *("shap", "skops", "sktime", "spacy", "statsmodels", "tensorflow", "torch", "xgboost"),
    )
}
"""Packages of common models, by import name: the name on PyPI."""

SCRIPT_PACKAGES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "pkg_resources": "setuptools",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "slugify": "python-slugify",
    "tables": "tables",
    "wx": "wxpython",
}
"""Other packages of scripts whose import name differs from the name on PyPI."""
# The most likely package, which is sufficient for advice: other packages provide some of these too,
# so a check cannot report that they are missing.
_LIKELY = {
    "azureml.core": "azureml-core",
    "azure.identity": "azure-identity",
    "faiss": "faiss-cpu",
    "google.protobuf": "protobuf",
    "inference_schema": "inference-schema",
    "opentelemetry": "opentelemetry-api",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "ruamel": "ruamel.yaml",
    "sentence_transformers": "sentence-transformers",
    "zope.interface": "zope.interface",
}
_PACKAGES = IMPORT_TO_PYPI | SCRIPT_PACKAGES | _LIKELY
# Libraries of services, besides those of models. Other names may be of the user's own files.
_OF_SERVICES = (
    *("attr", "bs4", "dateutil", "dotenv", "faiss", "flask", "inference_schema", "jwt"),
    *("mlflow", "onnx", "onnxruntime", "psycopg2", "pydantic", "requests"),
    *("sentence_transformers", "skl2onnx", "torchvision", "transformers"),
)

# Packages share these; a missing part does not prove another version of the package.
_NAMESPACES = frozenset({"azure", "azureml", "google"})

LIBRARIES = frozenset(IMPORT_TO_PYPI) | {*_OF_SERVICES} | _NAMESPACES
"""Import names of libraries that many scripts and models use."""


def package_of(module: str) -> str:
    """Return the name on PyPI of the package that provides `module`: by default, its own."""
    return known_package(module) or module.partition(".")[0]


def known_package(module: str) -> str:
    """Return the name on PyPI of the package that is known to provide `module`, or ``""``."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        known = _PACKAGES.get(".".join(parts[:length]))
        if known:
            return known
    if parts[0] in _NAMESPACES:
        return "-".join(parts[:3]) if len(parts) > 1 else ""
    return parts[0] if parts[0] in LIBRARIES else ""


def is_namespace(module: str) -> bool:
    """Return whether several packages put modules below the first part of the name."""
    return module.partition(".")[0] in _NAMESPACES
