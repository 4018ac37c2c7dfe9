"""Define the model, the environment and the code that an ``az ml`` deployment file holds inline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError
from modelship.targets.online_endpoint.setting_checks import check_text, check_whole, frozen_texts

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "MODEL_TYPES",
    "BuildContext",
    "CodeConfiguration",
    "InferenceConfig",
    "InlineEnvironment",
    "InlineModel",
    "RouteSettings",
]

MODEL_TYPES: Final = ("custom_model", "mlflow_model", "triton_model")
"""The values of a model's ``type``."""

_MOST_PORT: Final = 65_535


@dataclass(frozen=True)
class InlineModel:
    """``model``: the files of a model.

    Parameters
    ----------
    path : Path or str
        The file or folder; a str is a URI, such as ``azureml://datastores/...``.
    name, version, type : str, optional
        Those of the registered model. Azure's type is ``custom_model`` by default.
    description : str
        One sentence; empty for none.
    tags, properties : Mapping[str, str]
        Labels.
    """

    path: Path | str
    name: str | None = None
    version: str | None = None
    type: str | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for option in ("tags", "properties"):
            object.__setattr__(self, option, frozen_texts(option, getattr(self, option)))


@dataclass(frozen=True)
class RouteSettings:
    """A route of a container: its port, 1 to 65535, and its path, which begins with a slash.

    Raises
    ------
    InvalidOptionError
        If one is invalid.
    """

    port: int
    path: str

    def __post_init__(self) -> None:
        check_whole("port", self.port or 0, least=1, most=_MOST_PORT)
        if not self.path.startswith("/"):
            raise InvalidOptionError("path", self.path, "a path that begins with '/'")


@dataclass(frozen=True)
class InferenceConfig:
    """``inference_config``: where a container with a server of its own answers."""

    liveness_route: RouteSettings
    readiness_route: RouteSettings
    scoring_route: RouteSettings


@dataclass(frozen=True)
class BuildContext:
    """``build``: the folder of a Dockerfile, and its path there."""

    path: Path | str
    dockerfile_path: str | None = None


@dataclass(frozen=True)
class InlineEnvironment:
    """``environment``: an image, or the folder of a Dockerfile, and the packages to install.

    Parameters
    ----------
    image : str, optional
        The base image.
    build : BuildContext, optional
        A Dockerfile, in place of the image.
    conda_file : Path or Mapping, optional
        The conda environment: a file, or its content.
    inference_config : InferenceConfig, optional
        For a container with a server of its own.
    name, version : str, optional
        Those of the registered environment.
    description : str
        One sentence; empty for none.
    tags, properties : Mapping[str, str]
        Labels.

    Raises
    ------
    InvalidOptionError
        If there is neither an image nor a Dockerfile, or both.
    """

    image: str | None = None
    build: BuildContext | None = None
    conda_file: Path | Mapping[str, Any] | None = None
    inference_config: InferenceConfig | None = None
    name: str | None = None
    version: str | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_text("image", self.image)
        if (self.image is None) == (self.build is None):
            found = "missing" if self.image is None else self.image
            raise InvalidOptionError("image", found, "an image, or build with a Dockerfile")
        for option in ("tags", "properties"):
            object.__setattr__(self, option, frozen_texts(option, getattr(self, option)))
        if isinstance(self.conda_file, Mapping):
            object.__setattr__(self, "conda_file", MappingProxyType(dict(self.conda_file)))


@dataclass(frozen=True)
class CodeConfiguration:
    """``code_configuration``: the folder of the code, and the scoring script in it.

    A str in place of a folder is a reference to registered code.
    """

    code: Path | str
    scoring_script: str
