"""The calls of a workspace about environments and code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modelship.workspace._ml_client import MlSdk
    from modelship.workspace.ml_endpoints import MlEndpoints

__all__ = ["AssetCalls"]

_UPLOAD_TIMEOUT_S: Final = 3600.0

_Answer = TypeVar("_Answer")


class AssetCalls(ABC):
    """Environments and code; names, versions and digests are made from their content."""

    _endpoints: MlEndpoints
    _opened_sdk: Callable[[], MlSdk]  # azure-ai-ml's part, which is imported then

    @abstractmethod
    def ask(self, doing: str, call: Callable[[], _Answer], *, timeout_s: float = ...) -> _Answer:
        """Return the result of a call, or raise one of our errors."""

    def environment(self, name: str, version: str) -> dict[str, Any] | None:
        """Return the document of a version of an environment; None if there is none."""
        doing = f"read the environment '{name}:{version}'"
        return self.ask(doing, lambda: self._endpoints.environment(name, version))

    def put_environment(
        self,
        name: str,
        version: str,
        *,
        image: str,
        conda_file: str = "",
        inference_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Register a version of an environment.

        Parameters
        ----------
        name, version : str
            Its name, and a version made from its content.
        image : str
            The base image.
        conda_file : str
            The text of a conda file; empty for an image that has everything.
        inference_config : Mapping, optional
            Where an image with a server of its own listens, with the keys ``liveness_route``,
            ``readiness_route`` and ``scoring_route``, each ``{"port": …, "path": …}``.
        tags : Mapping, optional
            Its tags.
        """
        self.ask(
            f"register the environment '{name}:{version}'",
            lambda: self._opened_sdk().put_environment(
                name, version, image=image, conda_file=conda_file,
                inference_config=inference_config, tags=tags or {},
            ),
        )  # fmt: skip

    def code(self, digest: str) -> str | None:
        """Return the id of the code that was uploaded with this digest; None if none was."""
        return self.ask("find the code", lambda: self._endpoints.code(digest))

    def put_code(self, folder: Path, digest: str, *, timeout_s: float = _UPLOAD_TIMEOUT_S) -> str:
        """Upload the files in a folder, and return the id of the code."""
        return self.ask(
            "upload the code",
            lambda: self._endpoints.put_code(folder, digest),
            timeout_s=timeout_s,
        )
