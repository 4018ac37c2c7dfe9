"""Define ScoringBundle: everything that a service needs, and nothing else."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from modelship.bundle.bundle_models import as_models, described, model_ids
from modelship.bundle.environment import Environment, as_environment
from modelship.bundle.generated import TABLES, generate_source, is_generated
from modelship.bundle.payload import as_sample, form_of
from modelship.bundle.remembered import todays_lock
from modelship.bundle.resources import Resources
from modelship.bundle.schemas import key_of, schema_of
from modelship.bundle.scoring_script import SourceFile, left_beside, read_source
from modelship.errors import InvalidOptionError
from modelship.registry import named
from modelship.tables import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelship.bundle.generated import Output
    from modelship.bundle.lock import Lock
    from modelship.bundle.profile import HasProfile
    from modelship.findings import Findings
    from modelship.sources import Model

__all__ = ["ScoringBundle"]

_FIELDS = (
    "models",
    "entry_script",
    "source",
    "environment",
    "schema",
    "sample_json",
    "resources",
    "tags",
    "description",
    "left_beside",
)


class ScoringBundle:
    """An immutable description of one scoring service, with a content digest.

    Parameters
    ----------
    model : Model or Sequence[Model]
        What :meth:`ModelSource.fetch` returned; it is never unpickled here. One model lies in the
        folder ``AZUREML_MODEL_DIR``. Of a sequence of several, each lies in
        ``AZUREML_MODEL_DIR/<name>/<version>``, as on Azure; two may be versions of one model, but
        none may have the name and the version of another. The sequence may be empty, for a script
        that needs no model.
    entry_script : str or Path, optional
        The scoring script, which defines ``init()`` and ``run(raw_data)``. Without it one is
        written that answers ``{"data": rows}`` with a list of predictions; that takes one model.
        Where the schema has columns, it builds from a row what the model was fitted on.
    source_directory : str or Path, optional
        A folder whose files go along with the script; `entry_script` is then relative to it.
        Without `entry_script` they lie beside the script that is written: modules of your own that
        the model was made with.
    environment : Environment, str, Path or Sequence[str], optional
        A conda YAML file, a requirements file, or an Environment. Without it the
        environment is inferred from what wrote the models; a list of packages, such as
        ``["pandas", "pyarrow>=15"]``, is added to that.
    sample_input : DataFrame or JSON value, optional
        A request that the service answers; arrays are taken as lists, and a DataFrame, such as
        ``X.head()``, as ``{"data": records}``. It is sent once after each deployment,
        :class:`Evaluator` sends rows in its form, and it completes the schema.
    schema : Schema, str or Path, optional
        The columns that the model takes, and what it answers; or a file of them. Without it, what
        the model's file and the sample tell.
    output : {"labels", "proba"}
        What a written script answers: predictions, or ``{"predictions": ..., "probabilities":
        ..., "classes": ...}``.
    validate : bool
        Whether a written script refuses a request that does not fit the schema, with the status
        400 and a message that names the column and the row.
    cpu_cores : float
        Cores of processor time, above 0.
    memory_gb : float
        Memory in gibibytes, above 0.
    tags : Mapping[str, str], optional
        Labels of your own, kept with the deployment.
    description : str
        One sentence for people.

    Raises
    ------
    BundleError
        If the script or the sample cannot be used.
    EnvironmentSpecError
        If the environment cannot be read; on first use of :attr:`lock`, if it cannot be resolved.
    InvalidOptionError
        If an option has a value that it cannot take.
    """

    def __init__(
        self,
        model: Model | Sequence[Model],
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
        tags: Mapping[str, str] | None = None,
        description: str = "",
    ) -> None:
        models = as_models(model)
        known = schema_of(models, given=schema, sample=sample_input, strict=entry_script is None)
        if entry_script is None:
            key = key_of(sample_input)
            script, source = generate_source(
                models,
                schema=known,
                key=key,
                output=output,
                validate=validate,
                source_directory=source_directory,
            )
        else:
            script, source = read_source(entry_script, source_directory=source_directory)
        self._fill(
            models=models,
            entry_script=script,
            source=source,
            environment=as_environment(
                environment,
                models=models,
                source=source,
                makes_tables=entry_script is None and known.takes_pandas,
            ),
            schema=known,
            sample_json=as_sample(sample_input),
            resources=Resources(cpu_cores=cpu_cores, memory_gb=memory_gb),
            tags=_as_tags(tags),
            description=description,
            left_beside=()
            if entry_script is None or source_directory is not None
            else left_beside(entry_script),
        )

    models: tuple[Model, ...]
    """Its models, sorted by name and version; most bundles have one."""
    entry_script: str
    source: tuple[SourceFile, ...]
    environment: Environment
    schema: Schema
    """The columns that its model takes, and what it answers; ``Schema()`` if nothing is known."""
    sample_json: str | None
    resources: Resources
    tags: Mapping[str, str]
    description: str
    left_beside: tuple[str, ...] = ()
    """Modules that the script imports, and that lay beside it and did not go along."""

    def _fill(self, **fields: object) -> None:
        self.__dict__.update(fields)

    @classmethod
    def from_parts(cls, *, lock: Lock, **fields: Any) -> ScoringBundle:
        """Put a bundle together from parts that were checked before; for loading."""
        bundle = cls.__new__(cls)
        bundle._fill(lock=lock, **{"schema": Schema(), **fields})  # noqa: SLF001 - its own class's
        return bundle

    def with_lock(self, lock: Lock) -> ScoringBundle:
        """Return this bundle with `lock` in place of the one that it would resolve."""
        return ScoringBundle.from_parts(
            lock=lock, **{name: getattr(self, name) for name in _FIELDS}
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        self.__delattr__(name)

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a ScoringBundle is immutable; make a new one to change {name!r}")

    @property
    def model(self) -> Model:
        """The model of a bundle that has one.

        Raises
        ------
        AttributeError
            If it has none or several.
        """
        if len(self.models) == 1:
            return self.models[0]
        raise AttributeError(
            f"this bundle has {len(self.models)} models ({model_ids(self.models) or 'none'}); "
            "`models` is the tuple of them"
        )

    @property
    def sample_input(self) -> Any:
        """A fresh copy of the sample request, or None."""
        return None if self.sample_json is None else json.loads(self.sample_json)

    @property
    def input_key(self) -> str | None:
        """The key under which the sample request holds its rows, if there is just one."""
        return self._input[0]

    @property
    def input_form(self) -> str | None:
        """What the rows of a request are: ``"records"`` or ``"rows"``; None if that is open.

        A written script takes both, and records keep the names of their columns.
        """
        if self.schema.is_table and any(f.path.startswith(f"{TABLES}/") for f in self.source):
            return "records"
        return self._input[1]

    @cached_property
    def _input(self) -> tuple[str | None, str | None]:
        """The key and the form of the rows in the sample request, which may be large."""
        sample = self.sample_input
        if isinstance(sample, dict) and len(sample) == 1:
            [(key, rows)] = sample.items()
            if isinstance(rows, list):
                return key, form_of(rows)
        return None, form_of(sample)

    @property
    def task(self) -> str:
        """What its service answers: classes or quantities, as the schema says.

        It is ``"classification"`` or ``"regression"``; ``""`` if that is not known, as for a
        custom script.
        """
        script = next((each for each in self.source if each.path == self.entry_script), None)
        is_ours = script is not None and is_generated(script.content)
        return self.schema.outputs.task if is_ours else ""

    @cached_property
    def lock(self) -> Lock:
        """The environment locked with hashes, on first use; once a day for one environment."""
        return todays_lock(self.environment)

    @cached_property
    def parts(self) -> Mapping[str, str]:
        """The digest of each part, by name: what :attr:`digest` is made of."""
        return MappingProxyType({name: _sha256(value) for name, value in self._content().items()})

    @cached_property
    def digest(self) -> str:
        """The hex sha256 digest of the content.

        It covers the models, the script's folder, the environment and its lock, the sample
        request, the schema, the resources, the tags and the description; neither time, nor the
        place of any file, nor the order of the tags or of the models changes it. The first use
        resolves the lock.
        """
        return _sha256(dict(self.parts))

    def _content(self) -> dict[str, object]:
        models, lock, asked = [*map(described, self.models)], self.lock, self.environment
        content: dict[str, object] = {
            # Bundles had one model first, and those keep their digest.
            "model": models[0] if len(models) == 1 else models,
            "script": [self.entry_script, [[file.path, file.sha256] for file in self.source]],
            "environment": [lock.python, lock.digest, asked.python, list(asked.requirements)],
            "sample_input": self.sample_json,
            "resources": [self.resources.cpu_cores, self.resources.memory_gb],
            "tags": dict(self.tags),
            "description": self.description,
        }
        # Bundles had no schema first, and those keep their digest.
        return content if self.schema == Schema() else {**content, "schema": self.schema.to_json()}

    def save(self, folder: str | Path) -> Path:
        """Write the bundle into `folder`, whole or not at all, and return the folder.

        Raises
        ------
        InvalidOptionError
            If the folder holds something that is not a bundle.
        DigestMismatchError
            If a model file changed since the bundle was made.
        StorageError
            If it cannot be written: there is no space, or no permission.
        """
        from modelship.bundle.store import save

        return save(self, Path(folder))

    def check(
        self,
        *,
        target: str | HasProfile | None = None,
        name: str | None = None,
        trial: bool = True,
        trust_model: bool = False,
        variables: Mapping[str, str] | None = None,
        secrets: Mapping[str, Any] | None = None,
        timeout_s: float = 600.0,
        show_output: bool = True,
    ) -> Findings:
        """Return what is wrong with the bundle, before anything of it is built or sent.

        The script, the environment and the model are read and not run; then, unless that found
        errors, ``init()`` and ``run()`` are tried on the sample request: in the bundle's own
        environment, in a process of their own, with the memory and the time that `target` gives.

        Parameters
        ----------
        target : str, Profile or DeployTarget, optional
            What it is to run on; the name of a profile (``"aci"``, ``"aks"``, ``"docker"``,
            ``"process"``, ``"online-endpoint"``), or a target.
        name : str, optional
            The name that the service is to have.
        trial : bool
            Whether the script is tried. It takes as long as its init() and run(), and the
            first time as long as it takes to install the environment.
        trust_model : bool
            Load the model whatever it runs, because you know who made it. What was found in it
            is then a warning.
        variables, secrets : Mapping[str, str], optional
            Environment variables of the service, as :class:`~modelship.Serving` has them. The
            script is tried with them; without a trial, no secret is read.
            :meth:`DeployTarget.deploy` checks with those that it serves the bundle with.
        timeout_s : float
            How long all of it may take, in seconds.
        show_output : bool
            Show on stderr what is done if it takes long, such as installing the environment: with
            a clock on a terminal, and in a line from time to time elsewhere.

        Returns
        -------
        Findings
            A tuple of :class:`Finding`, errors first; empty if nothing is wrong.

        Raises
        ------
        InvalidOptionError
            If there is no such profile, or a variable or a secret is not available.
        """
        # The checks stand above bundles, for they run them: they are found by name.
        check: Callable[..., Findings] = named("modelship.checks:check")
        return check(
            self,
            target=target,
            name=name,
            trial=trial,
            trust_model=trust_model,
            variables=variables,
            secrets=secrets,
            timeout_s=timeout_s,
            show_output=show_output,
        )

    @classmethod
    def load(cls, folder: str | Path) -> ScoringBundle:
        """Read a bundle that :meth:`save` wrote, and check every digest.

        Raises
        ------
        BundleFormatError
            If the folder is not a bundle, or a file in it was changed.
        """
        from modelship.bundle.store import load

        return load(Path(folder))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScoringBundle) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        kind = "model" if len(self.models) == 1 else "models"
        return (
            f"ScoringBundle({kind}={model_ids(self.models) or 'none'}, "
            f"entry_script={self.entry_script!r}, python={self.environment.python})"
        )


def _as_tags(tags: Mapping[str, str] | None) -> Mapping[str, str]:
    given = dict(tags or {})
    for key, value in given.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidOptionError(
                option="tags", found={key: value}, expected="a mapping of str to str"
            )
    return MappingProxyType(dict(sorted(given.items())))


def _sha256(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
