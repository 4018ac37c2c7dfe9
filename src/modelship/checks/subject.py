"""Define the subject of a check: the readable parts of a bundle, and why others are not."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from modelship.bundle.bundle_models import as_models
from modelship.bundle.environment import as_environment
from modelship.bundle.generated import generate_source
from modelship.bundle.payload import as_sample
from modelship.bundle.remembered import todays_lock
from modelship.bundle.resources import Resources
from modelship.bundle.schemas import key_of, schema_of
from modelship.bundle.scoring_script import left_beside, read_files
from modelship.errors import (
    CorruptModelError,
    EntryScriptError,
    EnvironmentSpecError,
    InvalidOptionError,
    ModelError,
    ModelshipError,
    PythonNotFoundError,
    ResolutionError,
    SampleInputError,
    StorageError,
)
from modelship.findings import RULES
from modelship.sources import Model
from modelship.tables import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelship.bundle.bundle import ScoringBundle
    from modelship.bundle.environment import Environment
    from modelship.bundle.generated import Output
    from modelship.bundle.lock import Lock
    from modelship.bundle.scoring_script import SourceFile
    from modelship.findings import Finding

__all__ = ["Subject", "finding_of"]

_Part = TypeVar("_Part")
# From the narrower class to the wider one.
_CODES = (
    (EntryScriptError, "MS112"),
    (CorruptModelError, "MS305"),
    (ModelError, "MS306"),
    (ResolutionError, "MS204"),
    (PythonNotFoundError, "MS207"),
    (EnvironmentSpecError, "MS209"),
    (SampleInputError, "MS510"),
    (StorageError, "MS608"),
)
_RESOURCES = {"cpu_cores": "MS402", "memory_gb": "MS403"}


@dataclass(frozen=True)
class Subject:
    """The parts of a bundle; unreadable ones are None, and `unread` says why.

    Parameters
    ----------
    models : tuple[Model, ...]
        The models that could be read.
    all_models : bool
        Whether these are all of the bundle's models.
    entry_script : str
        The scoring script's path below the root of `source`.
    source : tuple[SourceFile, ...]
        The script and the files next to it.
    environment : Environment, optional
        The script's requirements.
    lock : Lock, optional
        The environment, locked.
    sample_json : str, optional
        The sample request.
    resources : Resources, optional
        The resources that the service requests.
    bundle : ScoringBundle, optional
        The bundle that the parts belong to; without one, the script is not tried.
    unread : tuple[Finding, ...]
        Why parts are missing.
    left_beside : tuple[str, ...]
        Modules that the script imports, and that are next to it but not shipped.
    """

    models: tuple[Model, ...] = ()
    all_models: bool = False
    entry_script: str = ""
    source: tuple[SourceFile, ...] = ()
    environment: Environment | None = None
    lock: Lock | None = None
    sample_json: str | None = None
    resources: Resources | None = None
    bundle: ScoringBundle | None = None
    unread: tuple[Finding, ...] = ()
    left_beside: tuple[str, ...] = ()

    @classmethod
    def of(cls, bundle: ScoringBundle) -> Subject:
        """Return the parts of a bundle; resolve its lock if that has not been done."""
        unread: tuple[Finding, ...] = ()
        lock = None
        try:
            lock = bundle.lock
        except EnvironmentSpecError as error:
            unread = (finding_of(error),)
        return cls(
            models=bundle.models,
            all_models=True,
            entry_script=bundle.entry_script,
            source=bundle.source,
            environment=bundle.environment,
            lock=lock,
            sample_json=bundle.sample_json,
            resources=bundle.resources,
            bundle=bundle if lock else None,
            unread=unread,
            left_beside=bundle.left_beside,
        )

    @classmethod
    def read(
        cls,
        model: Model | str | Path | Sequence[Model | str | Path],
        *,
        entry_script: str | Path | None = None,
        source_directory: str | Path | None = None,
        environment: Environment | str | Path | Sequence[str] | None = None,
        sample_input: object = None,
        schema: Schema | str | Path | None = None,
        output: Output = "labels",
        validate: bool = True,
        cpu_cores: float = 1.0,
        memory_gb: float = 1.0,
    ) -> Subject:
        """Read each part separately, so that a broken one does not hide the others.

        The parameters are those of :class:`~modelship.ScoringBundle`; a model may be a path.
        """
        reading = _Reading()
        given = [model] if isinstance(model, (Model, str, Path)) else [*model]
        models = reading.models(given)
        all_models = len(models) == len(given)
        known, script = Schema(), _Script()
        if entry_script is not None:
            script = reading.given_script(entry_script, source_directory=source_directory)
        elif all_models:
            known, script = reading.generated(
                models,
                schema=schema,
                sample=sample_input,
                output=output,
                validate=validate,
                source_directory=source_directory,
            )
        wanted = None
        if environment is not None or all_models:
            wanted = reading.part(
                lambda: as_environment(
                    environment,
                    models=models,
                    source=script.source,
                    makes_tables=known.takes_pandas,
                )
            )
        return cls(
            models=models,
            all_models=all_models,
            entry_script=script.name,
            source=script.source,
            environment=wanted,
            lock=reading.part(lambda: todays_lock(wanted)) if wanted else None,
            sample_json=reading.part(lambda: as_sample(sample_input)),
            resources=reading.part(lambda: Resources(cpu_cores=cpu_cores, memory_gb=memory_gb)),
            unread=tuple(reading.unread),
            left_beside=script.left_beside,
        )

    @property
    def python(self) -> tuple[int, int]:
        """The minor version of Python that the script runs on, such as ``(3, 11)``."""
        if self.environment is None:
            return (sys.version_info[0], sys.version_info[1])
        major, minor = self.environment.python.split(".")[:2]
        return (int(major), int(minor))


@dataclass(frozen=True)
class _Script:
    """A scoring script, the files next to it, and the modules that are not shipped."""

    name: str = ""
    source: tuple[SourceFile, ...] = ()
    left_beside: tuple[str, ...] = ()


@dataclass
class _Reading:
    """Reads parts, and records why one could not be read."""

    unread: list[Finding] = field(default_factory=list)

    def models(self, given: Sequence[Model | str | Path]) -> tuple[Model, ...]:
        read = [self._model(each) for each in given]
        return self.part(lambda: as_models([each for each in read if each])) or ()

    def given_script(self, path: str | Path, *, source_directory: str | Path | None) -> _Script:
        found = self.part(lambda: read_files(path, source_directory=source_directory))
        name, source = found or (Path(path).name, ())
        return _Script(name, source, left_beside(path) if source_directory is None else ())

    def generated(
        self,
        models: tuple[Model, ...],
        *,
        schema: Schema | str | Path | None,
        sample: object,
        **how: Any,
    ) -> tuple[Schema, _Script]:
        """Return the models' schema, and the script generated from it; see `generate_source`."""
        known = self.part(lambda: schema_of(models, given=schema, sample=sample, strict=True))
        known = known or Schema()
        made = self.part(lambda: generate_source(models, schema=known, key=key_of(sample), **how))
        return known, _Script(*made) if made else _Script()

    def _model(self, given: Model | str | Path) -> Model | None:
        return given if isinstance(given, Model) else self.part(lambda: Model.read(given))

    def part(self, read: Callable[[], _Part]) -> _Part | None:
        try:
            return read()
        except ModelshipError as error:
            self.unread.append(finding_of(error))
            return None


def finding_of(error: ModelshipError) -> Finding:
    """Return the finding with the message of `error`."""
    told = str(getattr(error, "path", ""))
    numbered = re.fullmatch(r"(.*):(\d+)", told)
    path, line = (numbered[1], int(numbered[2])) if numbered else (told, None)
    return RULES[_code_of(error)].finding(
        error.message.removeprefix(f"{told}: "),
        path=path,
        line=getattr(error, "line", line),
        advice=error.hint,
        evidence=error.evidence,
    )


def _code_of(error: ModelshipError) -> str:
    if isinstance(error, InvalidOptionError):
        return _RESOURCES.get(error.option, "MS306")
    if isinstance(error, EnvironmentSpecError) and "wheel" in error.problem:
        return "MS205"
    return next((code for kind, code in _CODES if isinstance(error, kind)), "MS306")
