"""Define ScoringBundle: everything that a service needs, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modelship.bundle.bundle_models import as_models, model_ids
from modelship.bundle.bundle_value import BundleValue
from modelship.bundle.environment import as_environment
from modelship.bundle.generated import generate_source
from modelship.bundle.payload import as_sample
from modelship.bundle.resources import Resources
from modelship.bundle.schemas import key_of, schema_of
from modelship.bundle.scoring_script import left_beside, read_source
from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelship.bundle.environment import Environment
    from modelship.bundle.generated import Output
    from modelship.bundle.profile import HasProfile
    from modelship.findings import Findings
    from modelship.sources import Model
    from modelship.tables import Schema

__all__ = ["ScoringBundle"]


class ScoringBundle(BundleValue):
    """An immutable description of one scoring service, with a content digest.

    Parameters
    ----------
    model : Model or Sequence[Model]
        The result of :meth:`ModelSource.fetch`; it is never unpickled here. A single model is in
        the folder ``AZUREML_MODEL_DIR``. Of a sequence, each model is in
        ``AZUREML_MODEL_DIR/<name>/<version>``, as on Azure; two may be versions of one model, but
        no two may have the same name and version. The sequence may be empty, for a script that
        needs no model.
    entry_script : str or Path, optional
        The scoring script, which defines ``init()`` and ``run(raw_data)``. Default: a generated
        script that answers ``{"data": rows}`` with a list of predictions; this requires exactly one
        model. If the schema has columns, it converts each row to the model's input.
    source_directory : str or Path, optional
        A folder whose files are included with the script; `entry_script` is then relative to it.
        Without `entry_script` they are placed next to the generated script: your own modules with
        which the model was created.
    environment : Environment, str, Path or Sequence[str], optional
        A conda YAML file, a requirements file, or an Environment. Default: inferred from the
        libraries that wrote the models; a list of packages, such as ``["pandas", "pyarrow>=15"]``,
        is added to that.
    sample_input : DataFrame or JSON value, optional
        A request that the service answers; arrays are converted to lists, and a DataFrame, such as
        ``X.head()``, to ``{"data": records}``. It is sent once after each deployment,
        :class:`Evaluator` sends rows in its form, and it completes the schema.
    schema : Schema, str or Path, optional
        The input columns and the output of the model; or a file of them. Default: derived from the
        model's file and the sample.
    output : {"labels", "proba"}
        The answer of a generated script: predictions, or ``{"predictions": ..., "probabilities":
        ..., "classes": ...}``.
    validate : bool
        Whether a generated script refuses a request that does not match the schema, with the status
        400 and a message that names the column and the row.
    cpu_cores : float
        Processor cores, above 0.
    memory_gb : float
        Memory in gibibytes, above 0.
    tags : Mapping[str, str], optional
        Your own labels, kept with the deployment.
    description : str
        One sentence for readers.

    Raises
    ------
    BundleError
        If the script or the sample is invalid.
    EnvironmentSpecError
        If the environment cannot be read; on first use of :attr:`lock`, if it cannot be resolved.
    InvalidOptionError
        If an option has an invalid value.
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

    def save(self, folder: str | Path) -> Path:
        """Write the bundle into `folder` atomically, and return the folder.

        Raises
        ------
        InvalidOptionError
            If the folder contains something that is not a bundle.
        DigestMismatchError
            If a model file has changed since the bundle was created.
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
        """Return the problems of the bundle, before anything of it is built or sent.

        The script, the environment and the model are checked statically; then, unless that found
        errors, ``init()`` and ``run()`` are tried on the sample request: in the bundle's own
        environment, in a separate process, within the memory and time limits of `target`.

        Parameters
        ----------
        target : str, Profile or DeployTarget, optional
            The intended target; the name of a profile (``"aci"``, ``"aks"``, ``"docker"``,
            ``"process"``, ``"online-endpoint"``), or a target.
        name : str, optional
            The intended name of the service.
        trial : bool
            Whether to try the script. This takes as long as its init() and run(), and the first
            time also as long as installing the environment.
        trust_model : bool
            Load the model whatever code it runs, because you trust its author. Its findings are
            then warnings.
        variables, secrets : Mapping[str, str], optional
            Environment variables of the service, as for :class:`~modelship.Serving`. The script is
            tried with them; without a trial, no secret is read. :meth:`DeployTarget.deploy` checks
            with those of the bundle's serving.
        timeout_s : float
            The timeout of everything, in seconds.
        show_output : bool
            Show long steps on stderr, such as installing the environment: with a clock on a
            terminal, and as an occasional line elsewhere.

        Returns
        -------
        Findings
            A tuple of :class:`Finding`, errors first; empty if there are no problems.

        Raises
        ------
        InvalidOptionError
            If there is no such profile, or a variable or a secret is not available.
        """
        # The checks are above bundles, since they run them: they are looked up by name.
        check: Callable[..., Findings] = resolve_name("modelship.checks:check")
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
        """Read a bundle that :meth:`save` wrote, and verify every digest.

        Raises
        ------
        BundleFormatError
            If the folder is not a bundle, or a file in it has changed.
        """
        from modelship.bundle.store import load

        return load(Path(folder))

    def __repr__(self) -> str:
        kind = "model" if len(self.models) == 1 else "models"
        return (
            f"ScoringBundle({kind}={model_ids(self.models) or 'none'}, "
            f"entry_script={self.entry_script!r}, python={self.environment.python})"
        )


def _as_tags(tags: Mapping[str, str] | None) -> Mapping[str, str]:
    if not isinstance(tags, Mapping | None):
        raise InvalidOptionError("tags", tags, "a mapping of str to str")
    given = dict(tags or {})
    for key, value in given.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidOptionError(
                option="tags", found={key: value}, expected="a mapping of str to str"
            )
    return MappingProxyType(dict(sorted(given.items())))
