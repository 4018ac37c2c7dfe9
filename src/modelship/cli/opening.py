"""Open models, targets and bundles from settings."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from modelship.cli.config import MODEL_NAME, Config
from modelship.cli.kinds import OF_SERVING
from modelship.cli.serving import flag_of
from modelship.cli.shared_options import config_option, gathered, option_option, target_option
from modelship.documents import DocumentError
from modelship.errors import EntryScriptError, InvalidOptionError, ModelError, SampleInputError
from modelship.progress import showing
from modelship.texts import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from modelship.bundle import Environment, ScoringBundle
    from modelship.sources import Model
    from modelship.targets import DeployTarget


__all__ = [
    "WORKSPACE_OPTIONS",
    "Place",
    "as_typed",
    "bundle_from",
    "explaining",
    "open_bundle",
    "open_model",
    "open_named",
    "open_target",
    "parts_of",
    "place_options",
]


WORKSPACE_OPTIONS: Final[tuple[str, ...]] = (
    "workspace",
    "subscription_id",
    "resource_group",
    "workspace_name",
)
_TABLES: Final = (".parquet", ".csv", ".tsv", ".csv.gz", ".tsv.gz")
_SAMPLE_FILE: Final = "an existing JSON, CSV or Parquet file"


@contextmanager
def open_model(location: str) -> Iterator[Model]:
    """Read the model at a path in place, or fetch it for the duration of the body."""
    from modelship.sources import Model, ModelSource

    if Path(location).exists():
        yield Model.read(location)
        return
    with tempfile.TemporaryDirectory(prefix="modelship-") as folder:
        with showing("Fetch the model"):
            model = ModelSource.open(location).fetch(folder)
        yield model


@contextmanager
def open_named(location: str) -> Iterator[Model]:
    """Do the same for ``NAME=LOCATION`` too: the model then has this name."""
    name, equals, place = location.partition("=")
    if not equals or Path(location).exists() or not MODEL_NAME.fullmatch(name):
        name, place = "", location
    with open_model(place) as model:
        yield replace(model, name=name) if name else model


def open_target(config: Config, *, options: Mapping[str, Any]) -> DeployTarget:
    """Return the chosen target with the file's options for it, overridden by the given ones."""
    from modelship.targets import DeployTarget

    for option in options:
        if option in OF_SERVING:  # its value may be a secret: it is not shown
            expected = (
                f"an option of the target; for the service, type {flag_of(OF_SERVING[option])}"
            )
            raise InvalidOptionError("--option", option, expected)
    name = config.chosen_target
    return DeployTarget.open(name, **{**config.options.get(name, {}), **options})


def as_typed(options: Mapping[str, Any], config_file: Path | None) -> str:
    """Return the words of a command that give these options and this file, after a space."""
    words = ["--config", str(config_file)] if config_file else []
    for name, value in options.items():
        text = value if isinstance(value, str) else json.dumps(value)
        words += ["--option", f"{name}={text}"]
    return "".join(f" {shlex.quote(each)}" for each in words)


class Place:
    """Where a service runs, as typed: ``-t``, ``--option``, and the file of ``--config``."""

    def __init__(
        self,
        target: str | None = None,
        options: Iterable[tuple[str, Any]] = (),
        config_file: Path | None = None,
    ) -> None:
        self.target = target
        self.options = dict(options)
        self._file = config_file

    def settings(self, **given: Any) -> Config:
        """Return the settings of the file, overridden by the given ones."""
        return Config.find(self._file).overridden_by(target=self.target, **given)

    def settings_of(self, service: str | None, **given: Any) -> Config:
        """Return the settings of a service, which may be named by its key in the file."""
        return Config.find(self._file).of_service(service, target=self.target, **given)

    def open(self, config: Config) -> DeployTarget:
        """Return the target of `config`, with the options."""
        return open_target(config, options=self.options)

    @property
    def as_typed(self) -> str:
        """The words of a command for the same place: its file, and where its workspace is."""
        where = {name: self.options[name] for name in WORKSPACE_OPTIONS if name in self.options}
        return as_typed(where, self._file)

    def of_service(self, name: str) -> tuple[DeployTarget, str]:
        """Return the target of a service, and its name there."""
        config = self.settings_of(name)
        return self.open(config), str(config.name)


place_options = gathered((target_option, option_option, config_option), into="at", make=Place)


@contextmanager
def open_bundle(config: Config) -> Iterator[ScoringBundle]:
    """Create the bundle that `config` describes; its model exists until the body ends."""
    from modelship.bundle import ScoringBundle

    if not config.models:
        raise click.UsageError("Give a model, or name it as model in modelship.yaml.")
    with ExitStack() as stack:
        with explaining(config.models if config.entry_script is None else ()):
            models = [stack.enter_context(open_named(each)) for each in config.models]
            bundle = ScoringBundle(
                models, **parts_of(config, models), tags=config.tags, description=config.description
            )
        yield bundle


@contextmanager
def explaining(locations: Sequence[str]) -> Iterator[None]:
    """If a model is unusable, say what the file is if it is no model at all."""
    from modelship.bundle.mistaken import require_model

    try:
        yield
    except (EntryScriptError, ModelError):
        for path in map(Path, locations):
            if path.exists():
                require_model(path)
        raise


def bundle_from(folder: Path | None, config: Config, stack: ExitStack) -> ScoringBundle:
    """Return the bundle in `folder`, or what `config` describes while `stack` is open."""
    if folder is None:
        return stack.enter_context(open_bundle(config))
    from modelship.bundle import ScoringBundle

    return ScoringBundle.load(folder)


def parts_of(config: Config, models: Sequence[Model | str]) -> dict[str, Any]:
    """Return the parts of a bundle besides the models, as its parameters."""
    return {
        "entry_script": _entry_script(config),
        "source_directory": config.source_directory,
        "environment": _environment(config),
        "sample_input": _sample_input(config, models),
        "schema": config.schema,
        "output": config.output,
        "validate": config.validate,
        "cpu_cores": config.cpu_cores,
        "memory_gb": config.memory_gb,
    }


def _environment(config: Config) -> Environment | str | Sequence[str] | None:
    """Return the environment of the file together with the packages, if any are given."""
    if config.environment is None or not config.packages:
        return config.environment or config.packages or None
    from modelship.bundle import Environment

    return Environment.read(config.environment).with_packages(*config.packages)


def _entry_script(config: Config) -> str | None:
    """Return the script relative to its folder, whether from flags, the file, or both."""
    script, folder = config.entry_script, config.source_directory
    if script is None or folder is None or not Path(script).is_absolute():
        return script
    return os.path.relpath(script, folder)


def _sample_input(config: Config, models: Sequence[Model | str]) -> object:
    given = config.sample_input
    if not isinstance(given, str):
        return given
    if given.lower().endswith(_TABLES):
        return _sample_of_table(given, config, models)
    try:
        return json.loads(as_text(Path(given).read_bytes()))
    except OSError as error:
        raise InvalidOptionError("sample_input", given, _SAMPLE_FILE) from error
    except DocumentError as error:
        expected = f"UTF-8 text, but {error}"
        raise InvalidOptionError("sample_input", given, expected) from error
    except ValueError as error:
        advice = 'Write the request as JSON, such as {"data": [[0.5, 1.5]]}.'
        raise SampleInputError(f"{given} is not JSON; {error}", advice) from error


def _sample_of_table(path: str, config: Config, models: Sequence[Model | str]) -> object:
    """Return rows of a table in a file, as the only model takes them unless a script does."""
    from modelship.bundle.schemas import schema_of
    from modelship.evaluation.files.sampling import sample_of
    from modelship.sources import Model

    if not Path(path).is_file():
        raise InvalidOptionError("sample_input", path, _SAMPLE_FILE)
    read = [model for model in models if isinstance(model, Model)]
    known = schema_of(
        read if len(read) == len(models) else (), given=config.schema, sample=None, strict=False
    )
    return sample_of(path, known, is_whole=config.entry_script is not None)
