"""Which package brings a module, as far as a diagnosis needs to know it."""

from __future__ import annotations

from modelship.known_packages import IMPORT_TO_PYPI, SCRIPT_PACKAGES

__all__ = ["LIBRARIES", "is_namespace", "known_package", "package_of"]

_PACKAGES = (
    IMPORT_TO_PYPI
    | SCRIPT_PACKAGES
    | {
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
)
# Of services, besides those of models. Other names may as well be of files of the user's own.
_OF_SERVICES = (
    *("attr", "bs4", "dateutil", "dotenv", "faiss", "flask", "inference_schema", "jwt"),
    *("mlflow", "onnx", "onnxruntime", "psycopg2", "pydantic", "requests"),
    *("sentence_transformers", "skl2onnx", "torchvision", "transformers"),
)

# Packages share these; a part that is missing says nothing of another one's version.
_NAMESPACES = frozenset({"azure", "azureml", "google"})

LIBRARIES = frozenset(IMPORT_TO_PYPI) | {*_OF_SERVICES} | _NAMESPACES
"""Import names of libraries that many scripts and models use."""


def package_of(module: str) -> str:
    """Return the name on PyPI of the package that brings `module`: by default, its own."""
    return known_package(module) or module.partition(".")[0]


def known_package(module: str) -> str:
    """Return the name on PyPI of the package that is known to bring `module`, or ``""``."""
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
