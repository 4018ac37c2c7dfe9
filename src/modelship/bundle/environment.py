"""Define Environment: the Python and the packages that a scoring script needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelship.bundle.conda import read_conda
from modelship.bundle.inferred import require_agreement, requirements_of
from modelship.bundle.packages import combined, names_of, settled_by
from modelship.bundle.python_choice import RUNNING, checked_python, pick_python
from modelship.bundle.requirements import parse_requirement, read_environment, read_requirements
from modelship.errors import EnvironmentSpecError
from modelship.known_packages import SETUPTOOLS, floor_of, needs_setuptools

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from modelship.bundle.source_folder import SourceFile
    from modelship.sources import Model

__all__ = ["Environment", "as_environment"]

SERVER = "azureml-inference-server-http"
DEFAULTS = "azureml-defaults"

_GIVE_ONE = "Pass environment= with a conda or requirements file."


@dataclass(frozen=True)
class Environment:
    """The Python and the packages that a scoring script needs.

    Azure ML's inference server is part of each environment: it is added unless a requirement names
    it. Azure ML packages without a version get the lower bound in
    :data:`modelship.known_packages.FLOORS`. With Azure ML's SDK, setuptools, which it imports and
    conda installs, is added on Python older than 3.12 unless a requirement names it.

    Parameters
    ----------
    python : str
        ``"3.11"``, 3.8 or newer. A patch release (``"3.11.7"``) may be given; any interpreter of
        the same minor version satisfies it.
    requirements : tuple[str, ...]
        Requirements as in PEP 508; stored in canonical form, sorted.
    origin : str
        The file or source, for messages; it does not affect equality.
    lines : Mapping[str, tuple[int, ...]]
        The lines of `origin` that request a package, or ``python``, by canonical name; also for
        messages.
    inferred : bool
        Whether it was inferred from a model; does not affect equality either.

    Raises
    ------
    EnvironmentSpecError
        If Python is too old, or a requirement is malformed or not from a package index.
    """

    python: str
    requirements: tuple[str, ...]
    origin: str = field(default="the environment", compare=False, repr=False)
    lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)
    inferred: bool = field(default=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "python", checked_python(self.python, where=self.origin))
        parsed = [parse_requirement(text, where=self.origin) for text in self.requirements]
        if not any(requirement.name == SERVER for requirement in parsed):
            parsed.append(Requirement(SERVER))
        if _lacks_setuptools(parsed, python=self.python):
            parsed.append(Requirement(SETUPTOOLS))
        pinned = any(each.name == DEFAULTS and each.specifier for each in parsed)
        parsed = [
            # The package that depends on the server determines its release.
            each if each.name == SERVER and pinned else _with_floor(each, python=self.python)
            for each in parsed
        ]
        requirements = sorted({str(requirement) for requirement in parsed})
        object.__setattr__(self, "requirements", tuple(requirements))

    def note_on(self, release: str, *, of: str) -> str:
        """Return a note if another patch release of Python is used, or ``""``.

        Parameters
        ----------
        release : str
            The version used, such as ``"3.8.18"``, or ``"3.8"`` if no more is known.
        of : str
            Its origin, such as ``"this machine"``.
        """
        if self.python.count(".") < 2 or release in {"", self.python}:  # noqa: PLR2004 - major.minor.patch
            return ""
        return (
            f"{self.origin} requires Python {self.python}; Python {release} of {of} is used, "
            "which runs the same packages."
        )

    @classmethod
    def read(cls, path: str | Path) -> Environment:
        """Read a conda environment file (``.yml``, ``.yaml``) or a requirements file (``.txt``).

        A requirements file does not specify Python: the version of this process is used. The same
        holds for a conda file that names none, or a range that includes it.

        Raises
        ------
        EnvironmentSpecError
            If the file is missing or malformed, or contains something that cannot be translated.
        UntranslatablePackageError
            If a conda package has no known counterpart on PyPI.
        """
        path = Path(path)
        if not path.is_file():
            raise EnvironmentSpecError(str(path), "there is no such file.", "Check the path.")
        if path.suffix.lower() == ".txt":
            return cls(RUNNING, read_requirements(path), origin=str(path))
        if path.suffix.lower() not in {".yml", ".yaml"}:
            raise EnvironmentSpecError(
                str(path),
                f"files that end in {path.suffix!r} are not read as environments.",
                "Name a conda file .yml or .yaml, and a requirements file .txt.",
            )
        conda = read_conda(path, read_environment(path))
        python = pick_python(conda.python) if conda.python else RUNNING
        return cls(python, conda.requirements, origin=str(path), lines=conda.lines)

    def place_of(self, *packages: str) -> str:
        """Return where `packages` are requested, such as ``"myenv.yml:6 and 7"``."""
        names = [canonicalize_name(each) for each in packages]
        lines = sorted({line for name in names for line in self.lines.get(name, ())})
        return f"{self.origin}:{' and '.join(map(str, lines))}" if lines else self.origin

    @classmethod
    def for_model(cls, model: Model, *, own_modules: Collection[str] = ()) -> Environment:
        """Infer the environment from the libraries that the model's file names.

        Libraries that recorded their version in the file are pinned to it. Other packages that it
        names are pinned to the versions installed here, if it was written here, and so is pandas if
        the model takes a table. Python is that of this process.

        Parameters
        ----------
        model : Model
            The model to load.
        own_modules : Collection[str]
            Modules next to the script, which belong to no package.

        Raises
        ------
        EnvironmentSpecError
            If the model names a package whose PyPI name is unknown.
        """
        return _inferred([model], own_modules=own_modules)

    @classmethod
    def for_models(
        cls, models: Sequence[Model], *, own_modules: Collection[str] = ()
    ) -> Environment:
        """Infer one environment for several models, as :meth:`for_model` does for each.

        Parameters
        ----------
        models : Sequence[Model]
            The models to load.
        own_modules : Collection[str]
            Modules next to the script, which belong to no package.

        Raises
        ------
        EnvironmentSpecError
            If there is no model, or two were written by different versions of a library, or one
            names a package whose PyPI name is unknown.
        """
        if not models:
            problem = "an environment is inferred from a model, and there is none."
            raise EnvironmentSpecError("the environment", problem, _GIVE_ONE)
        return _inferred(models, own_modules=own_modules)

    def with_packages(self, *packages: str) -> Environment:
        """Return this environment with more packages.

        Parameters
        ----------
        *packages : str
            Requirements as in PEP 508, such as ``"pandas"`` or ``"pyarrow>=15"``. For a package
            that is already included, a version given here replaces an inferred one, and must be
            compatible with one that a file or a user requested; without a version, it stays
            unchanged.

        Raises
        ------
        EnvironmentSpecError
            If one is malformed, is given twice, or contradicts an existing requirement.
        """
        requirements = combined(
            self.requirements, packages, replaces=self.inferred, place_of=self.place_of
        )
        origin = f"{self.origin} with {', '.join(packages)}" if packages else self.origin
        return replace(
            self, requirements=requirements, origin=origin if self.inferred else self.origin
        )


def as_environment(
    given: Environment | str | Path | Sequence[str] | None,
    *,
    models: Sequence[Model],
    source: Sequence[SourceFile],
    makes_tables: bool = False,
) -> Environment:
    """Return the given environment, or else the one that `models` and `source` need.

    A list of requirements is added to the latter. `makes_tables` means that the generated script
    creates DataFrames.
    """
    if isinstance(given, Environment):
        return given
    if isinstance(given, (str, Path)):
        return Environment.read(given)
    own = {file.path.partition("/")[0].removesuffix(".py") for file in source}
    if given is None and not models:
        return Environment.for_models(models, own_modules=own)
    inferred = _inferred(models, own_modules=own, packages=given, makes_tables=makes_tables)
    return inferred.with_packages(*(given or ()))


def _inferred(
    models: Sequence[Model],
    *,
    own_modules: Collection[str],
    packages: Sequence[str] | None = None,
    makes_tables: bool = False,
) -> Environment:
    origin = f"the environment of {len(models)} models"
    named = None if packages is None else names_of(packages)
    require_agreement(models, settled=settled_by(packages or ()), origin=origin)
    requirements: set[str] = set()
    for model in models:
        found, of_model = requirements_of(
            model, own_modules=own_modules, named=named, makes_tables=makes_tables
        )
        requirements |= found
        origin = of_model if len(models) == 1 else origin
    return Environment(RUNNING, tuple(requirements), origin=origin, inferred=True)


def _lacks_setuptools(requirements: Sequence[Requirement], *, python: str) -> bool:
    names = {canonicalize_name(each.name) for each in requirements}
    wanted = any(needs_setuptools(name, python=python) for name in names)
    return wanted and "setuptools" not in names


def _with_floor(requirement: Requirement, *, python: str) -> Requirement:
    floor = floor_of(requirement.name, python=python)
    if floor is None or requirement.specifier or requirement.url:
        return requirement
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return Requirement(f"{requirement.name}{extras}>={floor}{marker}")
