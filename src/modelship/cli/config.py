"""``modelship.yaml``: the settings of one project, and what overrides them.

A flag overrides an environment variable ``MODELSHIP_<KEY>``, which overrides the file. In the file,
the settings of one of its ``services`` override those of all. Mappings are merged key by key.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.cli.config_paths import MODEL_NAME, make_absolute
from modelship.cli.kinds import KINDS, problem_of, problems_in
from modelship.documents import DocumentError
from modelship.errors import ConfigError
from modelship.texts import SAVE_AS_UTF8, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.cli.kinds import Kind

__all__ = ["FILE_NAME", "MODEL_NAME", "Config"]

FILE_NAME = "modelship.yaml"

_MOST_BYTES = 2**20


@dataclass(frozen=True)
class Config:
    """Every setting that ``modelship.yaml`` can have.

    Parameters
    ----------
    model : str or Sequence[str], optional
        Path or URI of the model, or of each of several; the prefix ``NAME=`` names it.
    entry_script, source_directory : str, optional
        The scoring script, and the folder whose files are included with it.
    environment : str, optional
        A conda YAML or requirements file.
    packages : Sequence[str]
        Packages in addition to those of the environment.
    sample_input : JSON value, optional
        A sample request; a str is the path of a JSON file that contains it.
    schema : str, optional
        The file of a schema.
    output : str
        ``"labels"`` or ``"proba"``: what a generated script returns.
    validate : bool
        Whether such a script refuses requests that do not match the schema.
    cpu_cores, memory_gb : float
        The resources of the service; above 0, memory in gibibytes.
    tags : Mapping[str, str]
        Labels of the deployment.
    description : str
        A one-sentence description.
    name : str, optional
        The service's name.
    target : str, optional
        The target that runs it.
    options : Mapping[str, Mapping[str, Any]]
        Options by the name of their target.
    serving : Mapping[str, Any]
        How the bundle is served: the fields of :class:`modelship.Serving`.
    require : Mapping[str, float]
        Bounds by the name of the metric.
    data : str, optional
        The test set's file.
    label : str or Sequence[str]
        The column of y, or one for each of several.
    task, separator, decimal : str, optional
        The meaning of y, and the format of a CSV file.
    encode, decode : str, optional
        Functions that convert rows to the service's input, and its output to predictions, as
        ``module:function`` or ``file.py:function``.
    timeout_s : float
        The timeout of a deployment, in seconds.
    services : Mapping[str, Config]
        The settings of each service in the file, by its key there. The key is also its name, unless
        one is set.
    """

    model: str | Sequence[str] | None = None
    entry_script: str | None = None
    source_directory: str | None = None
    environment: str | None = None
    packages: Sequence[str] = ()
    sample_input: Any = None
    schema: str | None = None
    output: str = "labels"
    validate: bool = True
    cpu_cores: float = 1.0
    memory_gb: float = 1.0
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    name: str | None = None
    target: str | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    serving: Mapping[str, Any] = field(default_factory=dict)
    require: Mapping[str, float] = field(default_factory=dict)
    data: str | None = None
    label: str | Sequence[str] = ()
    task: str | None = None
    separator: str | None = None
    decimal: str | None = None
    encode: str | None = None
    decode: str | None = None
    timeout_s: float = 600.0
    services: Mapping[str, Config] = field(default_factory=dict)

    @classmethod
    def find(cls, path: Path | None = None) -> Config:
        """Read `path`, or the current folder's ``modelship.yaml`` if any, and the environment.

        Raises
        ------
        ConfigError
            If the file or a variable is invalid; with the line and the key.
        """
        file: dict[str, Any] = {}
        if path is not None or Path(FILE_NAME).exists():
            file = _read(path or Path(FILE_NAME))
        variables = _from_environment()
        services = _merged(file.pop("services", {}), variables.pop("services", {}))
        return cls(
            **_merged(file, variables),
            services={
                label: cls(**_merged({"name": label}, file, own or {}, variables))
                for label, own in services.items()
            },
        )

    def overridden_by(self, **given: Any) -> Config:
        """Return a copy with the given settings replaced; None and ``()`` mean not given."""
        stated = {key: value for key, value in given.items() if value not in (None, ())}
        for key in ("tags", "require"):
            if key in stated:
                stated[key] = dict(stated[key])
        return replace(self, **_merged({key: getattr(self, key) for key in stated}, stated))

    def of_service(self, label: str | None, **given: Any) -> Config:
        """Return the settings of a service of the file, or else these with that name.

        It is found by its key in the file, or by its name if no other service there has it. The
        given settings override them, as for :meth:`overridden_by`.
        """
        named = [each for each in self.services.values() if each.name == label]
        if label in self.services or len(named) != 1:
            named = [self.services.get(label or "") or self.overridden_by(name=label)]
        return named[0].overridden_by(**given)

    @property
    def models(self) -> tuple[str, ...]:
        """The location of each model; empty if none is set."""
        return (self.model,) if isinstance(self.model, str) else tuple(self.model or ())

    @property
    def scoring(self) -> dict[str, Any]:
        """The test set and how to score it, by the name of the option that goes with ``--data``."""
        names = ("task", "separator", "decimal", "encode", "decode")
        labels = (self.label,) if isinstance(self.label, str) else tuple(self.label)
        return {"label": labels, **{name: getattr(self, name) for name in names}}

    @property
    def chosen_target(self) -> str:
        """The target's name: ``process`` unless another is set."""
        return self.target or "process"


# --- the file and the environment -------------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        text = read_text(path, most_bytes=_MOST_BYTES)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(
            path=str(path), problem=f"it cannot be read: {error.strerror}."
        ) from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(path=str(path), problem=f"{line}{error.problem}.") from error
    except RecursionError:
        raise ConfigError(path=str(path), problem="it is nested too deeply.") from None
    except DocumentError as error:
        raise ConfigError(path=str(path), problem=f"{error}. {SAVE_AS_UTF8}") from error
    except (yaml.YAMLError, ValueError) as error:  # such as an impossible date
        raise ConfigError(path=str(path), problem=f"it is not YAML: {error}.") from error
    if node is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(path=str(path), problem="it is not a mapping of keys to values.")
    for found in problems_in(node, values, KINDS):
        raise ConfigError(path=str(path), problem=f"line {found.line}: {found.text}")
    for own in (values, *values.get("services", {}).values()):
        make_absolute(own, folder=path.parent, has_source="source_directory" in {**values, **own})
    return values


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the layers merged, later ones over earlier ones; mappings are merged recursively.

    A sample request counts as one value.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            before = merged.get(key)
            if isinstance(before, dict) and isinstance(value, dict) and key != "sample_input":
                merged[key] = _merged(before, value)
            else:
                merged[key] = value
    return merged


def _from_environment() -> dict[str, Any]:
    found = {}
    for key, kind in KINDS.items():
        variable = f"MODELSHIP_{key.upper()}"
        text = os.environ.get(variable, "")
        if text:
            found[key] = _value(text, key, kind, variable=variable)
    return found


def _value(text: str, key: str, kind: Kind, *, variable: str) -> Any:
    """Return the value of a key from a variable."""
    import yaml

    # Text is used unparsed: a name such as "123" or "on" is not a number or boolean.
    if kind.fits("text") and key != "sample_input":
        return text
    try:
        node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = f"it is not YAML; expected {kind.expected}."
        raise ConfigError(path=variable, problem=problem) from error
    problem = problem_of(key, value, kind)
    if not problem and kind.keys:
        problem = next(
            (each.text for each in problems_in(node, value, kind.keys, of=f"{key}.")), ""
        )
    if problem:
        raise ConfigError(path=variable, problem=problem)
    return value
