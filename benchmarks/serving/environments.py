"""An environment for each server: made by uv, kept in the cache, with its bytecode compiled."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import uv

__all__ = ["FOLDER", "SOURCE", "build", "clean_environ", "versions"]

FOLDER = Path(__file__).parent
SOURCE = FOLDER.parents[1] / "src/modelship/server"
LOCK = SOURCE / "requirements.lock"
MODEL = ("scikit-learn==1.9.1", "numpy==2.4.6", "joblib")
AZURE = ("azureml-inference-server-http==1.5.1", "inference-schema[numpy-support]==1.8", *MODEL)
REQUIREMENTS = {
    "azmlinfsrv": AZURE,
    "fastapi": ("fastapi==0.165.0", "uvicorn[standard]==0.54.0", *MODEL),
    "bentoml": ("bentoml==1.4.39", *MODEL),
    "mlflow": ("mlflow==3.17.2", *MODEL),
    "litserve": ("litserve==0.2.19", *MODEL),
    "mosec": ("mosec==0.9.8", "orjson==3.13.0", *MODEL),
    "granian": ("granian[uvloop]==2.8.9", "orjson==3.13.0", *MODEL),
    "modelship": AZURE,
}
SHOWN = (
    "azureml-inference-server-http", "fastapi", "uvicorn", "uvloop", "httptools", "bentoml",
    "mlflow", "litserve", "mosec", "granian", "scikit-learn", "numpy", "orjson", "pysimdjson",
    "inference-schema",
)  # fmt: skip


def clean_environ() -> dict[str, str]:
    """Return the environment without what makes Python slow or lets other code in."""
    unwanted = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def build(
    name: str,
    *,
    version: str,
    cache: Path,
    compiled: bool = True,
    packages: tuple[str, ...] | None = None,
) -> Path:
    """Return the Python of the environment `name`; make the environment where it is new.

    Parameters
    ----------
    name : str
        A key of `REQUIREMENTS`, or any name with `packages`.
    version : str
        What uv finds the Python by, such as ``"3.11"``.
    cache : Path
        Where the environments are kept.
    compiled : bool
        Whether all of a new environment is compiled, and not what is imported alone.
    packages : tuple[str, ...], optional
        What it has; by default the packages of its name.
    """
    requirements = packages or REQUIREMENTS[name]
    lock = LOCK.read_text() if name == "modelship" else ""
    digest = hashlib.sha256("\n".join([version, *requirements, lock]).encode()).hexdigest()[:12]
    folder = cache / f"{name}-{digest}"
    python, ready = folder / "bin/python", folder / "ready"
    if not ready.exists():
        _uv("venv", "--clear", "--python", version, str(folder))
        compiling = ("--compile-bytecode",) if compiled else ()
        install = ("pip", "install", *compiling, "--python", str(python))
        _uv(*install, *requirements)
        if lock:
            _uv(*install, "--require-hashes", "-r", str(LOCK))
        ready.touch()
    return python


def versions(python: Path) -> dict[str, str]:
    """Return the versions in an environment that a reader wants to know, Python's first."""
    own = "import platform; print(platform.python_version())"
    told = subprocess.run([python, "-c", own], check=True, capture_output=True, text=True).stdout
    found = subprocess.run(
        [uv.find_uv_bin(), "pip", "list", "--format=json", "--quiet", "--python", str(python)],
        check=True, capture_output=True, env=clean_environ(),
    ).stdout  # fmt: skip
    shown = {each["name"]: each["version"] for each in json.loads(found) if each["name"] in SHOWN}
    return {"Python": told.strip(), **shown}


def _uv(*arguments: str) -> None:
    """Run uv; show what it says only where it fails."""
    done = subprocess.run(
        [uv.find_uv_bin(), "--quiet", *arguments],
        check=False, capture_output=True, text=True, env=clean_environ(),
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"uv {arguments[0]} failed:\n{done.stderr.strip()}")
