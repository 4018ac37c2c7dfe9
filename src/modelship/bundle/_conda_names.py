"""What conda packages are called on PyPI.

A conda name that is in none of these tables is refused: a name that happens to exist on
PyPI too may be another package, or not be registered yet, and its owner would then run
code in the service.
"""

from __future__ import annotations

__all__ = ["CONDA_TO_PYPI", "NOT_NEEDED", "SAME_NAME"]

CONDA_TO_PYPI = {
    "dask-core": "dask",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "numpy-base": "numpy",
    "opencv": "opencv-python-headless",
    "psycopg2": "psycopg2-binary",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "pyarrow-core": "pyarrow",
    "pytables": "tables",
    "python-graphviz": "graphviz",
    "pytorch": "torch",
    "tensorflow-base": "tensorflow",
    "tensorflow-gpu": "tensorflow",
}
"""Conda names whose PyPI name differs; versions mean the same under both."""

NOT_NEEDED = frozenset(
    {
        *("_libgcc_mutex", "_openmp_mutex", "blas", "bzip2", "ca-certificates"),
        *("intel-openmp", "ld_impl_linux-64", "libblas", "libcblas", "libffi", "libgcc"),
        *("libgcc-ng", "libgfortran", "libgfortran-ng", "libgfortran4", "libgfortran5"),
        *("libgomp", "liblapack", "libopenblas", "libsqlite", "libstdcxx", "libstdcxx-ng"),
        *("libuuid", "libzlib", "llvm-openmp", "mkl", "ncurses", "nomkl", "openblas"),
        *("openssl", "pip", "python_abi", "readline", "sqlite", "tk", "tzdata", "xz", "zlib"),
    }
)
"""What conda itself needs to build an environment, or what wheels bring along."""

SAME_NAME = frozenset(
    {
        *("absl-py", "aiohttp", "altair", "asn1crypto", "astropy", "attrs", "beautifulsoup4"),
        *("bokeh", "boto3", "botocore", "bottleneck", "catboost", "category-encoders"),
        *("certifi", "cffi", "charset-normalizer", "click", "cloudpickle", "colorama"),
        *("cryptography", "cycler", "cython", "dask", "datasets", "dill", "distributed"),
        *("fastapi", "fastparquet", "filelock", "flask", "flask-cors", "fsspec", "gensim"),
        *("geopandas", "gunicorn", "h5py", "hdbscan", "holidays", "huggingface-hub", "idna"),
        *("imageio", "imbalanced-learn", "importlib-metadata", "interpret", "itsdangerous"),
        *("jinja2", "joblib", "jsonschema", "keras", "kiwisolver", "lifelines", "lightgbm"),
        *("llvmlite", "lxml", "markupsafe", "matplotlib", "mlflow", "mlxtend", "networkx"),
        *("nltk", "numba", "numexpr", "numpy", "onnx", "onnxruntime", "openpyxl", "optuna"),
        *("orjson", "packaging", "pandas", "patsy", "pillow", "plotly", "pmdarima", "polars"),
        *("prophet", "protobuf", "psutil", "pyarrow", "pydantic", "pyjwt", "pyod", "pyodbc"),
        *("pyparsing", "python-dateutil", "python-dotenv", "pytorch-lightning", "pytz"),
        *("pywavelets", "pyyaml", "regex", "requests", "scikit-image", "scikit-learn"),
        *("scikit-optimize", "scikit-survival", "scipy", "seaborn", "sentence-transformers"),
        *("sentencepiece", "setuptools", "shap", "six", "skl2onnx", "sktime", "skops"),
        *("spacy", "sqlalchemy", "statsmodels", "sympy", "tabulate", "tensorboard"),
        *("tensorflow", "tensorflow-cpu", "tensorflow-hub", "textblob", "threadpoolctl"),
        *("tokenizers", "torchaudio", "torchmetrics", "torchvision", "tornado", "tqdm"),
        *("transformers", "typing-extensions", "umap-learn", "urllib3", "uvicorn", "werkzeug"),
        *("wheel", "xarray", "xgboost", "xlrd", "zipp"),
    }
)
"""Conda names that are the same package under the same name on PyPI."""
