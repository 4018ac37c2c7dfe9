"""Write a bundle as files of ``az ml batch-endpoint`` and ``az ml batch-deployment``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from modelship.bundle.mini_batch_scripts import mini_batch_function
from modelship.bundle.payload import form_of
from modelship.bundle.schemas import sample_rows
from modelship.bundle.store import stage_source
from modelship.errors import InvalidOptionError
from modelship.targets.online_endpoint.az_yaml.az_exporting import (
    ExportedEndpoint,
    write_folder,
)
from modelship.targets.online_endpoint.az_yaml.batch_options import BatchEndpointOptions
from modelship.targets.online_endpoint.az_yaml.exported_assets import (
    write_environment,
    write_model,
    write_script,
)
from modelship.targets.online_endpoint.az_yaml.yaml_writing import yaml_text
from modelship.targets.online_endpoint.endpoint_assets import check_one_model, conda_text
from modelship.targets.online_endpoint.endpoint_names import check_endpoint_name, deployment_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.bundle import ScoringBundle
    from modelship.tables import Column
    from modelship.targets.online_endpoint.az_yaml.asset_values import (
        InlineEnvironment,
        InlineModel,
    )

__all__ = ["export_batch_endpoint"]

_SCHEMAS: Final = "https://azuremlschemas.azureedge.net/latest/"
_ENVIRONMENT: Final = "modelship-batch"
_DRIVER: Final = "batch_driver.py"
_ROWS: Final = "modelship_row_driver.py"
_AZURE_PACKAGES: Final = ("azureml-core", "azureml-dataset-runtime[fuse]")
_HEAD: Final = '''\
"""What a batch deployment calls: init(), and run(mini_batch) with a list of paths."""

import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

spec = importlib.util.spec_from_file_location("entry_module", FOLDER / {script!r})
score = importlib.util.module_from_spec(spec)
sys.modules["entry_module"] = score
spec.loader.exec_module(score)

init = score.init
'''
_OF_ROWS: Final = """
from modelship_row_driver import RowDriver

driver = RowDriver(score.run, **{form!r})


def run(mini_batch):
    return driver.score(list(mini_batch))
"""


def export_batch_endpoint(
    bundle: ScoringBundle,
    folder: str | Path,
    *,
    name: str,
    variables: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> ExportedEndpoint:
    """Write the files of a batch endpoint for a bundle, with a script that deploys them.

    A script with ``run_batch(mini_batch)``, or with ``run(mini_batch)`` alone, gets the paths of
    files. For all others, the rows of the files go to ``run()`` as an online service would.

    Parameters
    ----------
    bundle : ScoringBundle
        The bundle.
    folder : str or Path
        A new or an empty folder. It is written completely, or not at all.
    name : str
        The name of the endpoint.
    variables : Mapping[str, str], optional
        The environment variables of the script.
    options : Mapping, optional
        Those of :class:`BatchEndpointOptions`.

    Raises
    ------
    InvalidNameError, InvalidOptionError
        If Azure ML would refuse the name or an option; or the folder is not empty, or the script
        takes the HTTP request itself.
    DigestMismatchError
        If a model file has changed since the bundle was created.
    StorageError
        If the folder cannot be written.
    """
    export = _BatchExport(name, bundle, variables or {}, BatchEndpointOptions(**options or {}))
    names = write_folder(Path(folder), export.write)
    return ExportedEndpoint(Path(folder), name, export.deployment, names)


class _BatchExport:
    """The values of one export; they are checked before anything is written."""

    def __init__(
        self,
        name: str,
        bundle: ScoringBundle,
        variables: Mapping[str, str],
        options: BatchEndpointOptions,
    ) -> None:
        self.name = check_endpoint_name(name)
        self.bundle, self.options, self.variables = bundle, options, dict(variables)
        check_one_model(bundle)
        self.function = mini_batch_function(bundle)
        if not self.function:
            _check_request(bundle)
        _check_free(bundle)
        self._conda = _conda_text(bundle, azure=options.azure_packages)
        identity = [bundle.digest, asdict(options), self.variables]
        text = json.dumps(identity, sort_keys=True).encode()
        self.deployment = deployment_of(hashlib.sha256(text).hexdigest())

    def write(self, folder: Path) -> None:
        """Write everything into `folder`."""
        stage_source(self.bundle, folder / "code")
        (folder / "code" / _DRIVER).write_text(self._driver(), encoding="utf-8")
        if not self.function:
            (folder / "code" / _ROWS).write_bytes(_resource("row_driver.py").read_bytes())
        model = write_model(self.bundle, folder)
        environment = write_environment(
            folder, name=_ENVIRONMENT, image=self.options.base_image, conda=self._conda
        )
        endpoint = {"$schema": f"{_SCHEMAS}batchEndpoint.schema.json", "name": self.name}
        (folder / "endpoint.yml").write_text(yaml_text(endpoint), encoding="utf-8")
        text = yaml_text(self._deployment(model, environment))
        (folder / "deployment.yml").write_text(text, encoding="utf-8")
        write_script(
            folder,
            "batch_deploy.sh",
            bundle=self.bundle,
            environment=environment,
            values={
                "endpoint": self.name,
                "deployment": self.deployment,
                "compute": self.options.compute,
            },
        )

    def _driver(self) -> str:
        head = _HEAD.format(script=self.bundle.entry_script)
        if self.function:
            return f"{head}run = score.{self.function}\n"
        form = {**_form(self.bundle), "rows_per_call": self.options.rows_per_call}
        return head + _OF_ROWS.format(form=form)

    def _deployment(self, model: InlineModel | None, environment: InlineEnvironment) -> Any:
        settings = self.options.settings(scores_rows=not self.function)
        if self.variables:
            settings["environment_variables"] = self.variables
        content = {
            "$schema": f"{_SCHEMAS}modelBatchDeployment.schema.json",
            "name": self.deployment,
            "endpoint_name": self.name,
            "type": "model",
            "tags": dict(self.bundle.tags),
            "model": model
            and {"name": model.name, "path": f"model/{Path(model.path).name}", "type": model.type},
            "environment": {
                "name": environment.name,
                "version": environment.version,
                "image": environment.image,
                "conda_file": "conda.yml",
            },
            "code_configuration": {"code": "code", "scoring_script": _DRIVER},
            "compute": f"azureml:{self.options.compute}",
            "resources": {"instance_count": self.options.instance_count},
            "settings": settings,
        }
        return {key: each for key, each in content.items() if each}


def _resource(name: str) -> Any:
    return files(__package__).joinpath(name)


def _conda_text(bundle: ScoringBundle, *, azure: bool) -> str:
    """Return the conda file; what Azure adds is not in the lock, and has no version."""
    document = yaml.safe_load(conda_text(bundle))
    [pip] = [each for each in document["dependencies"] if isinstance(each, dict)]
    known = {each.partition("==")[0] for each in pip["pip"]}
    if azure:
        pip["pip"] += [each for each in _AZURE_PACKAGES if each.partition("[")[0] not in known]
    return yaml.safe_dump(document, sort_keys=False)


def _form(bundle: ScoringBundle) -> dict[str, Any]:
    """Return where the rows are in a request, and in which form."""
    key, rows = sample_rows(bundle.sample_input)
    text = tuple(each.name for each in bundle.schema.columns if _holds_text(each))
    return {"key": key, "rows": form_of(rows) or "rows", "text_columns": text}


def _holds_text(column: Column) -> bool:
    labels = column.categories
    return column.kind == "text" or any(isinstance(each, str) for each in labels)


def _check_request(bundle: ScoringBundle) -> None:
    script = next(each for each in bundle.source if each.path == bundle.entry_script)
    if b"@rawhttp" in script.content:
        raise InvalidOptionError(
            "entry_script",
            f"{bundle.entry_script}, whose run() takes the HTTP request itself",
            "a script with run_batch(mini_batch), which gets a list of paths",
        )


def _check_free(bundle: ScoringBundle) -> None:
    """Refuse a source with files of the names that are written next to it."""
    for each in bundle.source:
        if each.path in {_DRIVER, _ROWS}:
            expected = "another name: the script of the batch deployment is written there"
            raise InvalidOptionError("source_directory", each.path, expected)
