"""Read the environment of a request as a conda environment file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import EnvironmentSpecError
from modelship.testing.offline.environments.curated import notes
from modelship.testing.offline.json_exchange import mismatch

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Specification"]

_SDK_PYTHON: Final = "3.10.18"
_RELEASE = re.compile(r"\s*python\s*=?=?\s*(\d+\.\d+\.\d+)\s*")

_SERVERS = re.compile(r"(azureml-defaults|azureml-inference-server-http)(?![\w-])", re.IGNORECASE)
_OF_THIS_MACHINE: Final = "Packages come from the index that this machine is configured for."
# They set where packages come from; here that is set by this machine's own configuration.
_INDEX = re.compile(r"\s*(--find-links|--extra-index-url|--index-url|--trusted-host|-f|-i)\b")


@dataclass(frozen=True)
class Specification:
    """The requirements of an environment.

    Parameters
    ----------
    conda : Mapping[str, Any]
        The content of a conda environment file.
    has_server : bool
        Whether it contains Azure ML's inference server, which Azure ML requires.
    notes : tuple[str, ...]
        A sentence for each difference between a build here and one on Azure.
    """

    conda: Mapping[str, Any]
    has_server: bool
    notes: tuple[str, ...] = ()

    @classmethod
    def of_request(cls, request: Mapping[str, Any]) -> Specification:
        """Read the environment of a request.

        Raises
        ------
        EnvironmentSpecError
            If it cannot be built here, such as one with a custom Dockerfile.
        """
        environment = request.get("environment") or {}
        name = str(environment.get("name") or "the environment")
        python, docker = environment.get("python") or {}, environment.get("docker") or {}
        if docker.get("baseDockerfile") or docker.get("buildContext"):
            advice = "List its packages in a conda file, for Environment.from_conda_specification."
            raise EnvironmentSpecError(name, "a custom Dockerfile cannot be built offline.", advice)
        if python.get("userManagedDependencies"):
            problem = "its packages are those of a base image, which is not available offline."
            advice = "List them: python.user_managed_dependencies = False, and a conda file."
            raise EnvironmentSpecError(name, problem, advice)
        conda = python.get("condaDependencies") or {
            "dependencies": [f"python={_SDK_PYTHON}", {"pip": ["azureml-defaults"]}]
        }
        if place := _misplaced(conda):
            raise EnvironmentSpecError(name, f"{place} is not valid in a conda file.")
        kept, dropped = _without_index_options(conda)
        has_stack = bool(environment.get("inferencingStackVersion"))
        left_out = (f"Skipped: {each}. {_OF_THIS_MACHINE}" for each in dropped)
        return cls(kept, has_stack or _names_server(kept), (*notes(request), *left_out))

    @property
    def python_release(self) -> str:
        """The requested patch release of Python, such as ``"3.8.13"``; ``""`` for none."""
        found = map(_RELEASE.fullmatch, map(str, self.conda.get("dependencies") or ()))
        return next((each[1] for each in found if each), "")

    def with_python(self, minor: str) -> Specification:
        """Return a copy with another minor version of Python, such as ``"3.11"``."""
        if self.python_release.startswith(f"{minor}."):
            return self
        listed = [
            f"python={minor}" if _RELEASE.fullmatch(str(each)) else each
            for each in self.conda["dependencies"]
        ]
        return replace(self, conda={**self.conda, "dependencies": listed})

    @property
    def text(self) -> str:
        """The conda environment file."""
        import yaml

        return str(yaml.safe_dump(json.loads(json.dumps(self.conda)), sort_keys=False))


def _misplaced(conda: Mapping[str, Any]) -> str:
    """Return what is not valid in a conda environment file, or ``""``."""
    if place := mismatch(conda, {"dependencies": [(str, dict)]}):
        return place
    inner = [each for each in conda.get("dependencies") or () if isinstance(each, dict)]
    return mismatch({"dependencies": inner}, {"dependencies": [{"pip": [str]}]})


def _without_index_options(conda: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    dropped: list[str] = []

    def keep(line: Any) -> bool:
        option = _INDEX.match(str(line))
        if option:  # the rest may contain a password
            dropped.append(option[1])
        return not option

    listed = [
        {**each, "pip": [line for line in each.get("pip") or () if keep(line)]}
        if isinstance(each, dict) and isinstance(each.get("pip"), list)
        else each
        for each in conda.get("dependencies") or ()
    ]
    return {**conda, "dependencies": listed}, tuple(dropped)


def _names_server(conda: Mapping[str, Any]) -> bool:
    lines: list[object] = []
    for each in conda.get("dependencies") or ():
        lines += (each.get("pip") or ()) if isinstance(each, dict) else [each]
    return any(_SERVERS.match(str(line).strip()) for line in lines)
