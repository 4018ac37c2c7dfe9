"""The run configuration of a submitted script, as the SDK sends it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import RefusalError, check_shape, optional

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["LOCAL", "Submission"]

LOCAL: Final = "local"
"""The target that is the client's machine."""

_SHAPE: Final = {
    "script": optional(str),
    "command": optional(str),
    "arguments": optional(list),
    "target": optional(str),
    "framework": optional(str),
    "communicator": optional(str),
    "maxRunDurationSeconds": optional(int),
    "nodeCount": optional(int),
    "environmentVariables": optional(dict),
    "data": optional(dict),
    "outputData": optional(dict),
    "dataReferences": optional(dict),
    "environment": {
        "name": optional(str),
        "environmentVariables": optional(dict),
        "python": {
            "userManagedDependencies": optional(bool),
            "interpreterPath": optional(str),
            "condaDependencies": optional(dict),
        },
    },
}
_DRIVER: Final = Path(__file__).with_name("driver.py")
_ONE_NODE: Final = frozenset({None, "None"})

_REFERENCE: dict[str, Any] = {
    "dataStoreName": str,
    **dict.fromkeys(("pathOnDataStore", "pathOnCompute", "mode"), optional(str)),
}


@dataclass(frozen=True)
class Submission:
    """A script to run.

    Parameters
    ----------
    script : str
        Its path relative to the source folder; ``""`` if there is a command.
    command : str
        The shell command to run instead of the script, or ``""``.
    arguments : tuple[str, ...]
        The arguments of the script.
    target : str
        ``"local"``, or the name of a compute target.
    longest_s : float or None
        The time limit.
    environment : Mapping[str, Any]
        The environment's definition.
    variables : Mapping[str, str]
        The environment variables to set.
    inputs : tuple[Mapping[str, str], ...]
        The datasets that it reads, in the driver's format.
    references : tuple[Mapping[str, str], ...]
        The paths on datastores that it reads, in the driver's format.
    """

    script: str
    command: str
    arguments: tuple[str, ...]
    target: str
    longest_s: float | None
    environment: Mapping[str, Any]
    variables: Mapping[str, str]
    inputs: tuple[Mapping[str, str], ...] = ()
    references: tuple[Mapping[str, str], ...] = ()

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> Submission:
        """Parse a run configuration.

        Raises
        ------
        RefusalError
            If it is invalid, or requests something unsupported.
        """
        check_shape(configuration, _SHAPE)
        if configuration.get("framework") not in {None, "Python"}:
            raise _refusal(
                f"runs of the framework {configuration['framework']}", 'use "Python" instead'
            )
        many = (configuration.get("nodeCount") or 1) > 1
        if many or configuration.get("communicator") not in _ONE_NODE:
            raise _refusal(
                "distributed runs", "leave out distributed_job_config, and set node_count to 1"
            )
        _check_data(configuration)
        environment = configuration["environment"]
        variables = {
            **(environment.get("environmentVariables") or {}),
            **(configuration.get("environmentVariables") or {}),
        }
        return cls(
            script=configuration.get("script") or "",
            command=configuration.get("command") or "",
            arguments=tuple(str(each) for each in configuration.get("arguments") or ()),
            target=configuration.get("target") or LOCAL,
            longest_s=configuration.get("maxRunDurationSeconds") or None,
            environment=environment,
            variables={str(name): str(value) for name, value in variables.items()},
            inputs=tuple(_inputs(configuration.get("data") or {})),
            references=tuple(_references(configuration.get("dataReferences") or {})),
        )

    @property
    def is_user_managed(self) -> bool:
        """Whether it runs with packages that are already installed."""
        return bool(self.environment["python"].get("userManagedDependencies"))

    @property
    def interpreter(self) -> str:
        """The Python that the user names, for packages that are already installed."""
        return self.environment["python"].get("interpreterPath") or "python"

    @property
    def input_variables(self) -> dict[str, str]:
        """The variables that identify the data to the driver, and to the SDK in the script."""
        if not (self.inputs or self.references):
            return {}
        kinds = ",".join(f"{each['variable']}:{each['mechanism']}" for each in self.inputs)
        described = json.dumps([dict(each) for each in (*self.inputs, *self.references)])
        return {"MODELSHIP_RUN_INPUTS": described, "AZUREML_DATASET_ENVIRONMENT_VARS": kinds}

    def command_line(self, python: str) -> list[str]:
        """Return the command to execute."""
        what = ["-c", self.command] if self.command else [self.script, *self.arguments]
        return [python, str(_DRIVER), *what]


def _check_data(configuration: Mapping[str, Any]) -> None:
    if configuration.get("outputData"):
        raise _refusal(
            "OutputFileDatasetConfig", "write to the folder outputs, whose files the run keeps"
        )
    references = configuration.get("dataReferences") or {}
    for name, asked in references.items():
        check_shape({name: asked}, {name: _REFERENCE})
        if (asked.get("mode") or "").lower() == "upload":
            raise _refusal(
                "data references that upload", "call Datastore.upload at the end of the script"
            )


def _inputs(data: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the datasets of a run configuration."""
    for name, asked in data.items():
        check_shape({name: asked}, {name: {"dataLocation": {"dataset": {"id": str}}}})
        check_shape(asked, {"mechanism": optional(str), "pathOnCompute": optional(str)})
        yield {
            "name": str(name),
            "id": asked["dataLocation"]["dataset"]["id"],
            "mechanism": (asked.get("mechanism") or "mount").lower(),
            "path": asked.get("pathOnCompute") or "",
            "variable": str(asked.get("environmentVariableName") or name),
        }


def _references(asked: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the paths on datastores of a run configuration."""
    for name, each in asked.items():
        variable = f"AZUREML_DATAREFERENCE_{name}"
        yield {
            "name": str(name),
            "datastore": each["dataStoreName"],
            "prefix": (each.get("pathOnDataStore") or "").strip("/"),
            "path": each.get("pathOnCompute") or "",
            "variable": variable,
            "placeholder": f"${variable}",
        }


def _refusal(what: str, instead: str) -> RefusalError:
    message = f"An offline workspace has no {what}: {instead}."
    return RefusalError(400, "NotInOfflineWorkspace", message)
