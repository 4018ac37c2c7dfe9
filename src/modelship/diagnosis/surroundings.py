"""Surroundings: what is known of a bundle whose script raised, so that a remedy can be true."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from modelship.known_modules import standard_library

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["Surroundings"]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known of a bundle. Whatever is not known is None, or empty.

    Parameters
    ----------
    entry_script : str
        The path of the scoring script in the source.
    source : Mapping[str, bytes], optional
        The files of the source by path.
    is_generated : bool
        Whether modelship wrote the scoring script.
    beside : Collection[str]
        Modules that lie beside the scoring script on this machine and are not in the source.
    projects : Collection[str]
        Top-level modules of projects that are installed here from a folder or a repository, so that
        no index has them.
    model_files : tuple[str, ...], optional
        The files below the model directory.
    model_format : str
        The format of the one model, such as ``"joblib"``, ``"pickle"`` or ``"onnx"``.
    is_whole : bool
        Whether the model's files were read to their ends without loading them.
    packages_of_model : Collection[str]
        Import names that the model's file holds.
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
        """The paths of the source's files; none if they are not known."""
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
