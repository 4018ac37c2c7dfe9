"""Define the facts outside the log: about the place that runs a service, and the bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from modelship.known_modules import standard_library

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Facts", "Surroundings"]


@dataclass(frozen=True)
class Facts:
    """The facts about a service reported by the place that runs it. Unknown ones are omitted.

    Parameters
    ----------
    state : str
        Azure ML's state of the service, such as ``"Failed"``. Requests that failed earlier are then
        not the explanation; omit it if one of them is to be explained.
    problem : str
        The error reported by the place, verbatim.
    exit_code : int, optional
        The exit code of the process; 128 plus the signal number if a signal ended it.
    out_of_memory : bool, optional
        Whether the kernel killed a process of the service at its memory limit.
    memory_bytes : int, optional
        That limit.
    health : str
        The state of the engine's own health check: ``"starting"``, ``"healthy"``, ``"unhealthy"``.
    restarts : int
        The number of times that the place has restarted it.
    timed_out : bool
        Whether a deadline passed without an answer.
    error : Mapping
        The error document of Azure: ``statusCode``, ``code``, ``message`` and ``details``.
    port : int, optional
        The port on which an answer is expected, inside the service.
    """

    state: str = ""
    problem: str = ""
    exit_code: int | None = None
    out_of_memory: bool | None = None
    memory_bytes: int | None = None
    health: str = ""
    restarts: int = 0
    timed_out: bool = False
    error: Mapping[str, Any] | None = None
    port: int | None = None

    @property
    def is_timed_out(self) -> bool:
        """Whether a deadline of ours or of Azure's has passed."""
        return self.timed_out or (self.error or {}).get("code") == "DeploymentTimedOut"

    @property
    def sentences(self) -> tuple[str, ...]:
        """The messages of the place, one entry for each line; the most specific one last."""
        said = [self.problem, *_told(self.error or {})]
        return tuple(dict.fromkeys(line for text in said for line in text.splitlines() if line))


def _told(error: Mapping[str, Any], *, depth: int = 3) -> list[str]:
    """Return ``code: message`` of an error and of its details, which usually have the cause."""
    parts = (error.get("code"), error.get("message"))
    told = [": ".join(str(part) for part in parts if part)]
    details = error.get("details")
    for detail in details if isinstance(details, list) and depth else ():
        if isinstance(detail, Mapping):
            told += _told(detail, depth=depth - 1)
    return told


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The facts known about a bundle. Unknown ones are None, or empty.

    Parameters
    ----------
    entry_script : str
        The path of the scoring script in the source.
    source : Mapping[str, bytes], optional
        The files of the source by path.
    is_generated : bool
        Whether the scoring script is generated.
    beside : Collection[str]
        Modules that are next to the scoring script on this machine and are not in the source.
    projects : Collection[str]
        Top-level modules of projects that are installed here from a folder or a repository, and so
        are in no index.
    model_files : tuple[str, ...], optional
        The files below the model directory.
    model_format : str
        The format of the only model, such as ``"joblib"``, ``"pickle"`` or ``"onnx"``.
    is_whole : bool
        Whether the model's files were read to the end without loading them.
    packages_of_model : Collection[str]
        Import names that the model's file references.
    python : tuple[int, int], optional
        The minor version of Python that runs the script.
    locked : Mapping[str, str], optional
        The version of each package of the environment, by canonical name.
    wrote : Mapping[str, str]
        The version of each library that wrote the model, by its name on PyPI.
    globals_of_init : Collection[str], optional
        The names that init() declares with ``global``; None if the script cannot be read.
    bound_in_init : Collection[str]
        The names that init() binds.
    """

    entry_script: str = ""
    source: Mapping[str, bytes] | None = None
    is_generated: bool = False
    beside: Collection[str] = ()
    projects: Collection[str] = ()
    model_files: tuple[str, ...] | None = None
    model_format: str = ""
    is_whole: bool = False
    packages_of_model: Collection[str] = ()
    python: tuple[int, int] | None = None
    locked: Mapping[str, str] | None = None
    wrote: Mapping[str, str] = field(default_factory=dict)
    globals_of_init: Collection[str] | None = None
    bound_in_init: Collection[str] = ()

    @property
    def python_name(self) -> str:
        """``"Python 3.11"``, or ``"the Python of the service"``."""
        if self.python is None:
            return "the Python of the service"
        return f"Python {self.python[0]}.{self.python[1]}"

    @property
    def paths(self) -> tuple[PurePosixPath, ...]:
        """The paths of the source's files; empty if unknown."""
        return tuple(map(PurePosixPath, self.source or ()))

    @cached_property
    def roots(self) -> frozenset[str]:
        """The names of the modules and folders in the root of the source."""
        return frozenset(path.parts[0].removesuffix(".py") for path in self.paths)

    def is_of_python(self, module: str) -> bool:
        """Return whether the standard library has a top-level module."""
        return module in standard_library(self.python or (3, 11))

    def folder_of(self, module: str) -> str:
        """Return the folder within the source that holds a module or a package, or ``""``."""
        for path in self.paths:
            if path.suffix == ".py" and path.stem == module and path.parent.name:
                return path.parent.as_posix()
            for parent in path.parents:
                if parent.name == module and parent.parent.name:
                    return parent.parent.as_posix()
        return ""

    def in_root(self, module: str) -> str:
        """Return the file of a module or package in the root of the source, or ``""``."""
        wanted = (f"{module}.py", f"{module}/__init__.py")
        names = [path.as_posix() for path in self.paths]
        found = next((each for each in wanted if each in names), "")
        return found or next((each for each in names if each.startswith(f"{module}/")), "")
