"""Define errors of environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.errors.base_error import ModelshipError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "EnvironmentBuildError",
    "EnvironmentSpecError",
    "PythonNotFoundError",
    "ResolutionError",
    "UntranslatablePackageError",
]


class EnvironmentSpecError(ModelshipError):
    """The environment of a script cannot be read, resolved or built."""

    _message = "{path}: {problem}"

    exit_code = 6

    def __init__(self, path: str, problem: str, advice: str = "") -> None:
        self.path = path
        self.problem = problem
        self.advice = advice


class UntranslatablePackageError(EnvironmentSpecError):
    """Conda packages have no known equivalent on PyPI; ``packages`` lists them."""

    def __init__(self, path: str, packages: Sequence[str]) -> None:
        names = ", ".join(map(repr, packages))
        super().__init__(
            path,
            f"the conda package {names} has no known counterpart on PyPI."
            if len(packages) == 1
            else f"the conda packages {names} have no known counterparts on PyPI.",
            "List the PyPI name of each package that the script imports under 'pip:' instead, and "
            "remove the others: wheels include the C libraries that they use.",
        )
        self.packages = tuple(packages)


class ResolutionError(EnvironmentSpecError):
    """No set of versions satisfies the requirements, or a package does not exist."""

    _evidence = "{resolver_output}"

    def __init__(self, path: str, problem: str, resolver_output: str, advice: str = "") -> None:
        advice = advice or "Relax or correct the requirements named above."
        super().__init__(path, problem, advice)
        self.resolver_output = resolver_output


class PythonNotFoundError(EnvironmentSpecError):
    """The required Python version is not installed on this machine."""

    def __init__(self, path: str, python: str, found: Sequence[str]) -> None:
        here = f"installed here: {', '.join(found)}" if found else "none is installed here"
        super().__init__(
            path,
            f"it requires Python {python}, but {here}.",
            f"Install Python {python}, or require another version ('python={found[-1]}')."
            if found
            else f"Install Python {python}.",
        )
        self.python = python
        self.found = tuple(found)


class EnvironmentBuildError(EnvironmentSpecError):
    """The locked packages could not be installed."""

    _evidence = "{installer_output}"

    def __init__(
        self, path: str, problem: str, installer_output: str = "", advice: str = ""
    ) -> None:
        advice = advice or "Check the network and the free disk space, and deploy again."
        super().__init__(path, problem, advice)
        self.installer_output = installer_output
