"""Define a registered model as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HISTORY", "RELEASES", "RegisteredModel"]

HISTORY: Final = "modelship-history-"
"""The prefix of the name of a model that is the history of a service."""

RELEASES: Final = "modelship-releases-"
"""The prefix of the name of a model whose versions are the releases of a service."""


@dataclass(frozen=True)
class RegisteredModel:
    """A model in a workspace.

    Attributes
    ----------
    model_id : str
        ``<name>:<version>``, Azure ML's own id.
    name : str
        Its name.
    version : int
        Its version; Azure ML counts from 1.
    uri : str
        Its address, ``azureml://…/models/<name>/versions/<version>``.
    tags, properties : Mapping[str, str]
        The metadata that it was registered with.
    description : str
        A one-sentence description.
    framework, framework_version : str
        Such as ``"ScikitLearn"`` and ``"1.5.2"``; may be empty.
    kind : str
        How SDK v2 classifies it: ``custom_model``, ``mlflow_model`` or ``triton_model``; empty from
        SDK v1.
    """

    model_id: str
    name: str
    version: int
    uri: str
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    framework: str = ""
    framework_version: str = ""
    kind: str = ""

    def __post_init__(self) -> None:
        for mapping in ("tags", "properties"):
            object.__setattr__(self, mapping, MappingProxyType(dict(getattr(self, mapping) or {})))
