"""What a run works with: the model, the bodies, copies of the apps and of our server."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a dataclass's field
from typing import TYPE_CHECKING

from environments import FOLDER, SOURCE, build, clean_environ

if TYPE_CHECKING:
    from servers import Server

__all__ = ["ROWS", "Material"]

ROWS = (1, 30)
# One thread for each process, so that no server wins by taking more cores for its algebra.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Material:
    """The files of a run.

    Parameters
    ----------
    folder : Path
        Where they lie; the model's folder for the apps.
    cache : Path
        Where the environments are kept.
    version : str
        The Python that all servers run on.
    small : bool
        Whether the environments of Azure ML's server and of ours are one, and not compiled first:
        enough to see that everything runs.
    """

    folder: Path
    cache: Path
    version: str
    small: bool = False

    @staticmethod
    def prepare(
        folder: Path, *, cache: Path, version: str, servers: tuple[Server, ...], small: bool = False
    ) -> Material:
        """Make the environments, fit the model, write the bodies, copy the apps."""
        material = Material(folder, cache, version, small)
        for name in sorted({each.environment for each in servers} | {"azmlinfsrv"}):
            material.build(name)
        shutil.copytree(FOLDER / "apps", folder / "apps", ignore=_bytecode)
        mnist = os.environ.get("MODELSHIP_MNIST_DIR")
        material.run("azmlinfsrv", "make_model.py", str(folder), *([mnist] if mnist else []))
        if any(each.environment == "mlflow" for each in servers):
            material.run(
                "mlflow", "mlflow_save.py", str(folder / "model.joblib"), str(folder / "mlflow")
            )
        if any(each.is_ours for each in servers):
            shutil.copytree(SOURCE, folder / "python/modelship_server", ignore=_bytecode)
            compileall.compile_dir(folder / "python", quiet=1)
        return material

    def python(self, server: Server) -> Path:
        """Return the Python that `server` runs in."""
        return self.build(server.environment)

    def build(self, environment: str) -> Path:
        """Return the Python of an environment, which is made where it is new."""
        if self.small and environment == "azmlinfsrv":
            environment = "modelship"  # which has all of it
        return build(environment, version=self.version, cache=self.cache, compiled=not self.small)

    def run(self, environment: str, script: str, *arguments: str) -> None:
        """Run one of the apps' scripts to its end in an environment."""
        python = self.build(environment)
        subprocess.run(
            [python, script, *arguments], check=True, cwd=self.folder / "apps",
            env={**clean_environ(), "PYTHONWARNINGS": "ignore"}, capture_output=True,
        )  # fmt: skip

    def command(self, server: Server, *, port: int) -> list[str]:
        """Return what starts `server`."""
        given = {"port": str(port), "mlflow_model": str(self.folder / "mlflow")}
        return [str(self.python(server)), *(each.format(**given) for each in server.command)]

    def environ(self, server: Server) -> dict[str, str]:
        """Return the environment variables that `server` is started with."""
        python = self.python(server)
        return {
            **clean_environ(), **ONE_THREAD, **server.settings,
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "AZUREML_MODEL_DIR": str(self.folder),
            **({"PYTHONPATH": str(self.folder / "python")} if server.is_ours else {}),
            "BENTOML_DO_NOT_TRACK": "true", "BENTOML_HOME": str(self.folder / "bentoml"),
        }  # fmt: skip

    def body(self, server: Server, *, rows: int) -> Path:
        """Return the file with the body of `rows` rows that `server` is sent."""
        return self.folder / f"rows-{rows}{server.suffix}"

    def predictions(self, *, rows: int) -> list[int]:
        """Return what the model predicts for the body of `rows` rows."""
        return json.loads((self.folder / f"rows-{rows}-predictions.json").read_text())


def _bytecode(_folder: str, names: list[str]) -> list[str]:
    """Tell what is not copied."""
    return [name for name in names if name == "__pycache__"]
