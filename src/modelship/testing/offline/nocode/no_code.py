"""Complete requests without a script: the model determines the script and its packages."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle import Environment
from modelship.errors import ModelshipError
from modelship.sources import Model
from modelship.sources.formats import FORMATS
from modelship.testing.offline.artifacts import artifact_files
from modelship.testing.offline.images import link_or_copy
from modelship.testing.offline.json_exchange import RefusalError, check_shape, optional

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.testing.offline.document_store import Store

__all__ = ["NoCode"]

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class _Framework:
    """How to serve models of a framework: the script, the loader, and the requirements."""

    script: str
    loads_with: str
    package: str
    beside: str = ""

    @property
    def formats(self) -> tuple[str, ...]:
        """The names of the formats that it can load."""
        return tuple(sorted(each.name for each in FORMATS if self.loads_with in each.requires))


_FRAMEWORKS: Final = {
    "ScikitLearn": _Framework(
        "score_sklearn.py.txt", "joblib", package="scikit-learn", beside="pandas"
    ),
    "Onnx": _Framework("score_onnx.py.txt", "onnxruntime", package=""),
}


class NoCode:
    """Completes requests that only name a model, as Azure ML does.

    Parameters
    ----------
    store : Store
        Stores the models and the scripts.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def completed(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request for a service, with its image added if it has none.

        A request without cores or memory gets those that the model was registered with.

        Raises
        ------
        RefusalError
            If the model cannot be served without code.
        """
        image = wanted.get("environmentImageRequest")
        if not isinstance(image, dict) or not _is_bare(image):
            return dict(wanted)
        check_shape(wanted, {"containerResourceRequirements": optional(dict)})
        model = self._model(image)
        given = wanted.get("containerResourceRequirements") or {}
        asked = {key: each for key, each in given.items() if each is not None}
        resources = {**_resources(model), **asked}
        return {
            **wanted,
            "environmentImageRequest": self.completed_image(image),
            "containerResourceRequirements": resources,
        }

    def completed_patch(self, patch: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return a JSON patch (RFC 6902) of a service with each request for an image completed."""
        return [
            {**each, "value": self.completed_image(each["value"])}
            if each["path"] == "/environmentImageRequest" and isinstance(each.get("value"), dict)
            else dict(each)
            for each in patch
        ]

    def completed_image(self, image: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request for an image, with a script and an environment added if missing.

        Raises
        ------
        RefusalError
            If its model cannot be served without code.
        """
        if not _is_bare(image):
            return dict(image)
        document = self._model(image)
        framework = _framework(document)
        folder = Path(tempfile.mkdtemp(prefix="nocode-", dir=self._store.drafts))
        try:
            model = self._read(document, framework, folder)
            environment = Environment.for_model(model)
        except ModelshipError as error:
            raise _refusal(document, str(error)) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return {
            **image,
            "driverProgram": "score.py",
            "assets": [self._script(framework, model.files[0].path)],
            "environment": _definition(document, environment, framework=framework),
        }

    def _model(self, image: Mapping[str, Any]) -> dict[str, Any]:
        check_shape(image, {"modelIds": [str]})
        ids = image.get("modelIds") or []
        if len(ids) != 1:
            message = f"Deployment without an InferenceConfig takes one model, not {len(ids)}."
            raise RefusalError(400, "BadArgument", message)
        message = f"Model with id {ids[0]} not found in provided workspace."
        return self._store.documents("models").require(ids[0], "ModelNotFound", message)

    def _read(self, document: Mapping[str, Any], framework: _Framework, folder: Path) -> Model:
        """Describe the model; its file exists until `folder` is removed."""
        asset_id = str(document.get("url", "")).removeprefix("aml://asset/")
        asset = self._store.documents("assets").get(asset_id) or {}
        files: dict[str, Path] = {}
        for artifact in asset.get("artifacts") or ():
            files |= artifact_files(self._store, artifact.get("prefix") or artifact.get("id") or "")
        if len(files) != 1:
            raise _refusal(document, f"it has {len(files)} files; exactly one is expected.")
        [(path, file)] = files.items()
        place = folder / Path(path).name
        link_or_copy(file, place)
        model = Model.read(place, name=document["name"])
        if model.format not in framework.formats:
            wanted = " or ".join(framework.formats)
            raise _refusal(document, f"its format is {model.format!r}; {wanted} is expected.")
        return model

    def _script(self, framework: _Framework, model_file: str) -> dict[str, Any]:
        """Store a script among the uploads of clients, and return the asset for it."""
        source = (_HERE / framework.script).read_text(encoding="utf-8")
        content = source.replace('"MODEL_FILE"', repr(model_file)).encode()
        key = f"LocalUpload/nocode-{hashlib.sha256(content).hexdigest()[:16]}/score.py"
        self._store.new_blob(key).write_bytes(content)
        return {
            "id": "score.py",
            "url": f"aml://artifact/{key}",
            "mimeType": "application/x-python",
        }


def _is_bare(image: Mapping[str, Any]) -> bool:
    return not (image.get("assets") or image.get("driverProgram") or image.get("environment"))


def _framework(document: Mapping[str, Any]) -> _Framework:
    named = document.get("framework")
    found = _FRAMEWORKS.get(str(named))
    if found is None:
        known = " and ".join(_FRAMEWORKS)
        raise _refusal(document, f"its framework is {named}; only {known} are supported offline.")
    return found


def _definition(
    document: Mapping[str, Any], environment: Environment, *, framework: _Framework
) -> dict[str, Any]:
    """Return the environment in the SDK's format.

    The version of the library that wrote a model is in its file, or else in its registration.
    """
    version = document.get("frameworkVersion")
    packages = [
        f"{each}=={version}" if version and each == framework.package else each
        for each in environment.requirements
    ]
    if framework.beside and not any(each.startswith(framework.beside) for each in packages):
        packages.append(framework.beside)
    conda = {
        "name": "no-code",
        "dependencies": [f"python={environment.python}", {"pip": packages}],
    }
    return {
        "name": f"no-code-{document['name']}",
        "version": str(document["version"]),
        "environmentVariables": {"AZUREML_ENTRY_SCRIPT": "score.py"},
        "python": {"userManagedDependencies": False, "condaDependencies": conda},
        "docker": {},
    }


def _resources(document: Mapping[str, Any]) -> dict[str, Any]:
    given = document.get("resourceRequirements") or {}
    return {key: given[key] for key in ("cpu", "memoryInGB") if given.get(key) is not None}


def _refusal(document: Mapping[str, Any], problem: str) -> RefusalError:
    message = (
        f"The model {document['id']} cannot be deployed without code: {problem} "
        "Write a score.py, and pass an InferenceConfig."
    )
    return RefusalError(400, "NoCodeDeploymentNotSupported", message)
