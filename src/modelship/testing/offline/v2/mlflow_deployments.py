"""Deploy an MLflow model without code: the model has the environment, and Azure the script."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.artifacts import artifact_files
from modelship.testing.offline.v2.arm_ids import V2
from modelship.testing.offline.v2.arm_refusals import bad_request
from modelship.testing.offline.v2.environment_definitions import definition_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.testing.offline.document_store import Store

__all__ = ["MLFLOW_FILES", "is_mlflow", "mlflow_request"]

MLFLOW_FILES: Final = Path(__file__).with_name("score_mlflow_files.py.txt")
"""The script of batch deployments."""

_SCRIPT: Final = Path(__file__).with_name("score_mlflow.py.txt")
_DESCRIPTION: Final = "MLmodel"
_SERVER: Final = "azureml-inference-server-http"
_NEEDED: Final = (_SERVER, "pandas")


def is_mlflow(model: Mapping[str, Any]) -> bool:
    """Return whether a registered model is of the type ``mlflow_model``."""
    kind = str((model.get(V2) or {}).get("modelType") or "")
    return kind.casefold() in {"mlflowmodel", "mlflow_model"}


def mlflow_request(
    store: Store, model: Mapping[str, Any], *, script: Path = _SCRIPT
) -> dict[str, Any]:
    """Return what runs for an MLflow model without code, in the format of SDK v1.

    Parameters
    ----------
    store : Store
        Stores the files of the model, and the script.
    model : Mapping[str, Any]
        The document of the model.
    script : Path
        The script, in which ``"MODEL_FOLDER"`` stands for the path of the model.

    Raises
    ------
    ArmRefusalError
        If its files do not describe it.
    """
    files = _files(store, model)
    found = [PurePosixPath(path) for path in files if PurePosixPath(path).name == _DESCRIPTION]
    if not found:
        raise bad_request(f"The model {model['id']} has no file {_DESCRIPTION}, as MLflow writes.")
    folder = min(found, key=lambda path: len(path.parts)).parent
    conda = _conda(model, files, folder)
    name = f"mlflow-{model['name']}"
    return {
        "driverProgram": "score.py",
        "assets": [_script(store, folder, script)],
        "environment": definition_of(name, str(model["version"]), {"condaFile": conda}),
    }


def _files(store: Store, model: Mapping[str, Any]) -> dict[str, Path]:
    asset_id = str(model.get("url", "")).removeprefix("aml://asset/")
    asset = store.documents("assets").get(asset_id) or {}
    files: dict[str, Path] = {}
    for artifact in asset.get("artifacts") or ():
        files |= artifact_files(store, artifact.get("prefix") or artifact.get("id") or "")
    return files


def _conda(model: Mapping[str, Any], files: Mapping[str, Path], folder: PurePosixPath) -> str:
    """Return the conda file that the model names, with what the script needs added."""
    description = _yaml(files[str(folder / _DESCRIPTION)])
    named = ((description.get("flavors") or {}).get("python_function") or {}).get("env")
    path = named.get("conda") if isinstance(named, dict) else named
    file = files.get(str(folder / str(path or "conda.yaml")))
    conda = _yaml(file) if file else {}
    listed = conda.get("dependencies")
    if not isinstance(listed, list):
        raise bad_request(f"The model {model['id']} has no conda file with its dependencies.")
    return _text({**conda, "dependencies": _with_server(listed)})


def _with_server(listed: list[Any]) -> list[Any]:
    """Return the dependencies of a conda file with what the script needs, through pip."""
    pip = [line for each in listed if isinstance(each, dict) for line in each.get("pip") or ()]
    names = {str(line).lower().split("=")[0].split(">")[0].strip() for line in [*listed, *pip]}
    added = [each for each in _NEEDED if each not in names]
    others = [each for each in listed if not isinstance(each, dict)]
    return [*others, {"pip": [*pip, *added]}]


def _script(store: Store, folder: PurePosixPath, script: Path) -> dict[str, Any]:
    """Store the script among the uploads of clients, and return the asset for it."""
    source = script.read_text(encoding="utf-8")
    content = source.replace('"MODEL_FOLDER"', repr(str(folder))).encode()
    key = f"LocalUpload/mlflow-{hashlib.sha256(content).hexdigest()[:16]}/score.py"
    store.new_blob(key).write_bytes(content)
    return {"id": "score.py", "url": f"aml://artifact/{key}"}


def _yaml(file: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise bad_request(f"The file {file.name} of the model is not the YAML that MLflow writes.")
    return found


def _text(conda: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(dict(conda), sort_keys=False))
