"""Which package brings a module, as far as a diagnosis needs to know it."""

from __future__ import annotations

from modelship.known_packages import IMPORT_TO_PYPI

__all__ = ["LIBRARIES", "is_namespace", "package_of"]

# What services use besides the libraries of models.
_PACKAGES = IMPORT_TO_PYPI | {
    "attr": "attrs",
    "azureml.core": "azureml-core",
    "azure.identity": "azure-identity",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "inference_schema": "inference-schema",
    "jwt": "pyjwt",
    "psycopg2": "psycopg2-binary",
    "sentence_transformers": "sentence-transformers",
}
_SAME_NAME = (
    *("flask", "mlflow", "onnx", "onnxruntime", "pydantic", "requests", "skl2onnx"),
    *("torchvision", "transformers"),
)

# Packages share these; a part that is missing says nothing of another one's version.
_NAMESPACES = frozenset({"azure", "azureml", "google"})

LIBRARIES = frozenset({name.partition(".")[0] for name in _PACKAGES}) | {*_SAME_NAME} | _NAMESPACES
"""Import names of libraries that many scripts and models use."""


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
    """Return whether several packages put modules below the first part of the name."""
    return module.partition(".")[0] in _NAMESPACES
