"""What a job of a batch deployment needs: its parts in the workspace, laid out in a folder.

::

    <folder>/
        code/             the folder of the scoring script
        model/            AZUREML_MODEL_DIR: the model's file or folder, by its own name
        input/            a copy of the input
        score/            AZUREML_BI_OUTPUT_PATH
        batch_driver/     what calls the script, and its settings
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.batch import mini_batch
from modelship.testing.offline.artifacts import artifact_files
from modelship.testing.offline.json_exchange import check_shape
from modelship.testing.offline.v2 import arm_ids
from modelship.testing.offline.v2.arm_refusals import bad_request, not_found
from modelship.testing.offline.v2.mlflow_deployments import (
    MLFLOW_FILES,
    is_mlflow,
    mlflow_request,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.batch.mini_batch.mini_batch_settings import BatchSettings
    from modelship.testing.offline.document_store import Store

__all__ = ["DRIVER", "SETTINGS", "BatchParts", "BatchPlan", "parts_of"]

DRIVER: Final = "batch_driver/score_files.py"
"""The script of a job, in its folder."""

SETTINGS: Final = "batch_driver/settings.json"
"""The argument of that script."""

_START: Final = """\
import sys
from modelship.batch.mini_batch.batch_pool import main

sys.exit(main())
"""
_ARTIFACT: Final = "aml://artifact/"
_ASSET: Final = "aml://asset/"
_NO_CODE: Final = (
    "The deployment has no code_configuration or no environment: add a script with init() and "
    "run(mini_batch), and an environment. Only a model of type mlflow_model needs neither."
)


@dataclass(frozen=True)
class BatchParts:
    """The assets of a deployment.

    Parameters
    ----------
    script : str
        The path of the scoring script in the folder of the code.
    code, model : Mapping[str, Path]
        The files, by their paths in the job.
    environment : Mapping[str, Any]
        The definition of the environment, in SDK v1's format.
    compute : str
        The name of the cluster.
    """

    script: str
    code: Mapping[str, Path]
    model: Mapping[str, Path]
    environment: Mapping[str, Any]
    compute: str


def parts_of(store: Store, properties: Mapping[str, Any]) -> BatchParts:
    """Return the assets of a deployment.

    Raises
    ------
    ArmRefusalError
        If one is missing.
    """
    model = _model(store, (properties.get("model") or {}).get("assetId"))
    files, compute = _files(store, model), _compute(store, properties)
    has_code = bool(properties.get("codeConfiguration"))
    if not has_code and not properties.get("environmentId") and model and is_mlflow(model):
        request = mlflow_request(store, model, script=MLFLOW_FILES)
        [asset] = request["assets"]
        code = {"score.py": store.blob(asset["url"].removeprefix(_ARTIFACT))}
        return BatchParts("score.py", code, files, request["environment"], compute)
    environment = _environment(store, properties)
    return BatchParts(*_code(store, properties), files, environment, compute)


def _code(store: Store, properties: Mapping[str, Any]) -> tuple[str, dict[str, Path]]:
    """Return the path of the scoring script, and the files of its folder."""
    code = properties.get("codeConfiguration")
    if not code:
        raise bad_request(_NO_CODE)
    check_shape(code, {"codeId": str, "scoringScript": str})
    source = arm_ids.code_version(store, code["codeId"])
    if source is None:
        raise not_found("code", code["codeId"])
    script = code["scoringScript"].removeprefix("./")
    found = arm_ids.code_files(store, source)
    files = {path.partition("/")[2] or path: file for path, file in found.items()}
    if script not in files:
        raise bad_request(f"The scoring script '{script}' is not in the code of the deployment.")
    return script, files


def _environment(store: Store, properties: Mapping[str, Any]) -> dict[str, Any]:
    asked = properties.get("environmentId")
    if not asked:
        raise bad_request(_NO_CODE)
    found = arm_ids.environment_version(store, asked)
    if found is None:
        raise not_found("environment", asked)
    definition: dict[str, Any] = found["environment"]
    return definition


@dataclass(frozen=True)
class BatchPlan:
    """A job that is about to run.

    Parameters
    ----------
    parts : BatchParts
        The assets of the deployment.
    settings : BatchSettings
        How to score.
    inputs : Mapping[str, Path]
        The files to score, by their paths below the input.
    is_file : bool
        Whether the input is one file, not a folder.
    """

    parts: BatchParts
    settings: BatchSettings
    inputs: Mapping[str, Path]
    is_file: bool

    def lay_out(self, folder: Path) -> None:
        """Put everything into the folder of the job."""
        _copy(self.parts.code, folder / "code")
        _copy(self.parts.model, folder / "model")
        _copy(self.inputs, folder / "input")
        (folder / "score").mkdir()
        _copy_driver(folder)
        place = folder / "input"
        settings = replace(
            self.settings,
            script=str(folder / "code" / self.parts.script),
            input=str(place / next(iter(self.inputs)) if self.is_file else place),
            output=str(folder / "score"),
        )
        (folder / SETTINGS).write_text(json.dumps(asdict(settings)), encoding="utf-8")

    @staticmethod
    def variables(folder: Path) -> dict[str, str]:
        """Return the variables that scoring scripts read."""
        return {
            "AZUREML_MODEL_DIR": str(folder / "model"),
            "AZUREML_BI_OUTPUT_PATH": str(folder / "score"),
        }


def _copy_driver(folder: Path) -> None:
    """Copy the modules that call the script: its environment does not have modelship."""
    package = (folder / DRIVER).parent / "modelship" / "batch"
    package.mkdir(parents=True)
    for each in (package.parent, package):
        (each / "__init__.py").touch()
    own = Path(str(mini_batch.__file__)).parent
    shutil.copytree(own, package / own.name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / DRIVER).write_text(_START, encoding="utf-8")


def _copy(files: Mapping[str, Path], folder: Path) -> None:
    folder.mkdir()
    for path, file in files.items():
        place = folder / path
        if not place.resolve().is_relative_to(folder.resolve()):
            raise bad_request(f"The name {path!r} points outside of the folder of the job.")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)  # not a link: scripts may write to it


def _model(store: Store, arm_id: str | None) -> dict[str, Any] | None:
    if not arm_id:
        return None
    model = arm_ids.model_version(store, arm_id)
    if model is None:
        raise not_found("model", arm_id)
    return model


def _files(store: Store, model: Mapping[str, Any] | None) -> dict[str, Path]:
    """Return the files of a model, by their paths below AZUREML_MODEL_DIR."""
    asset_id = str((model or {}).get("url", "")).removeprefix(_ASSET)
    asset = store.documents("assets").get(asset_id) or {}
    files: dict[str, Path] = {}
    for each in asset.get("artifacts") or ():
        files |= artifact_files(store, each.get("prefix") or each.get("id") or "")
    return files


def _compute(store: Store, properties: Mapping[str, Any]) -> str:
    name = str(properties.get("compute") or "").rpartition("/")[2]
    if not name:
        raise bad_request("The deployment has no compute: name a cluster of the workspace.")
    found = store.documents("computes").get(name)
    if found is None:
        raise not_found("compute", name)
    if found["properties"]["computeType"] != "AmlCompute":
        raise bad_request(f"The compute '{name}' is not an AmlCompute cluster.")
    return name
