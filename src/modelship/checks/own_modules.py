"""Find the modules next to the script, and the names that they define."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from modelship.checks.parsing import Script, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modelship.bundle.scoring_script import SourceFile

__all__ = ["OwnModules"]


@dataclass(frozen=True)
class OwnModules:
    """The modules that can be imported from the root of a bundle's source.

    The server puts that root on Python's path (AML_APP_ROOT), but no folder below it.

    Parameters
    ----------
    source : Sequence[SourceFile]
        The script and the files next to it.
    """

    source: Sequence[SourceFile]

    @cached_property
    def tops(self) -> set[str]:
        """The names of the modules and packages in the root."""
        return {path.partition("/")[0].removesuffix(".py") for path in self._files}

    @cached_property
    def _files(self) -> dict[str, SourceFile]:
        return {file.path: file for file in self.source if file.path.endswith(".py")}

    def folder_of(self, top: str) -> str:
        """Return the folder within the source that has the module or package `top`, or ``""``."""
        for path in map(PurePosixPath, self._files):
            if path.stem == top and path.parent.name:
                return path.parent.as_posix()
            for parent in path.parents:
                if parent.name == top and parent.parent.name:
                    return parent.parent.as_posix()
        return ""

    def beneath(self, top: str, names: Iterable[str]) -> str:
        """Return the file of the root that one of `names` looks for below `top`, or ``""``.

        This happens if the folder given as the source directory is a package of a project.
        """
        for name in names:
            first, *rest = name.split(".")
            for above in range(len(rest) - 1) if first == top else ():
                for path in (f"{rest[above]}.py", f"{rest[above]}/__init__.py"):
                    if path in self._files:
                        return path
        return ""

    def defines(self, name: str) -> bool:
        """Return whether one of them defines the class or function ``module.name`` itself.

        Modules named like one of the standard library's do not count: Python may have imported that
        one already.
        """
        module, _, qualname = name.rpartition(".")
        if name.partition(".")[0] in sys.stdlib_module_names:
            return False
        within = module.replace(".", "/")
        file = self._files.get(f"{within}.py") or self._files.get(f"{within}/__init__.py")
        script = parse(file, python=(sys.version_info[0], sys.version_info[1])) if file else None
        return isinstance(script, Script) and qualname in script.definitions

    def lack(self, name: str, *, python: tuple[int, int]) -> str:
        """Describe what is missing of ``module.qualname``, whose module is in the root.

        Return ``""`` if nothing is missing, or if it cannot be determined.
        """
        parts = name.split(".")
        for size in range(1, len(parts)):
            within = "/".join(parts[:size])
            file = self._files.get(f"{within}.py") or self._files.get(f"{within}/__init__.py")
            deeper = any(path.startswith(f"{within}/") for path in self._files)
            if file is None and not deeper:
                return f"there is no {within}.py next to the script"
            if file is not None and not self._goes_on(f"{within}/{parts[size]}"):
                script = parse(file, python=python)
                if isinstance(script, Script) and not {parts[size], "*"} & script.names:
                    return f"{file.path} does not define {parts[size]}"
                return ""
        return ""

    def _goes_on(self, within: str) -> bool:
        return f"{within}.py" in self._files or any(
            path.startswith(f"{within}/") for path in self._files
        )
