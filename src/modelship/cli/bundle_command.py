"""``modelship bundle``: save everything that a service needs into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelship.cli.az_files import az_files_option, described_by, read_az_files
from modelship.cli.completing import files
from modelship.cli.config import Config
from modelship.cli.opening import open_bundle
from modelship.cli.output import answer, say_facts
from modelship.cli.shared_options import PATH, command, config_option, file_option, pairs_option
from modelship.progress import showing
from modelship.shown import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelship.bundle import ScoringBundle
    from modelship.sources import Model

__all__ = ["bundle"]


@command(
    "Save everything that a service needs into a folder.",
    example="bundle model.pkl --environment myenv.yml -o bundle",
)
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=files)
@click.option("-o", "--output", type=PATH, required=True, help="The folder.")
@file_option("--entry-script", "The script with init() and run(raw_data).")
@file_option("--source-directory", "A folder of files to include with it.", metavar="FOLDER")
@file_option("--environment", "A conda YAML or requirements file.")
@click.option(
    "--package",
    "packages",
    multiple=True,
    metavar="NAME",
    help="An additional package, such as pandas or 'pyarrow>=15'; may be repeated.",
)
@click.option(
    "--upgrade",
    is_flag=True,
    help="Resolve the newest versions now instead of reusing today's lock.",
)
@file_option(
    "--sample-input", "A sample request: a JSON file, or a table in a .parquet or .csv file."
)
@file_option("--schema", "A schema.json that describes the model's columns.")
@click.option("--proba", is_flag=True, help="Also answer with the probability of each class.")
@click.option(
    "--no-validate", is_flag=True, help="Do not refuse requests that do not fit the schema."
)
@click.option("--cpu-cores", type=float, help="Cores of processor time [default: 1].")
@click.option("--memory-gb", type=float, help="Memory in gibibytes [default: 1].")
@pairs_option("--tag", "tags", form="KEY=VALUE", about="A label, such as data=MNIST")
@click.option("--description", help="One sentence for people.")
@az_files_option
@config_option
def bundle(
    *,
    models: tuple[str, ...],
    output: Path,
    upgrade: bool,
    proba: bool,
    no_validate: bool,
    az_files: tuple[Path, ...],
    config_file: Path | None,
    **given: Any,
) -> None:
    """Save MODEL with its script and its locked environment into a folder.

    Without a script or an environment, they are generated from the model. Several
    models need a script; each is in the folder AZUREML_MODEL_DIR/<name>/<version>. The name is
    that of the file, or NAME in NAME=MODEL. A deployment file of az ml, given with -f, can take the
    place of both; its sample request is given with --sample-input.
    """
    if proba:
        given["output"] = "proba"
    if no_validate:
        given["validate"] = False
    with (
        described_by(read_az_files(az_files), Config.find(config_file)) as found,
        showing("Make the bundle"),
        open_bundle(found.overridden_by(model=models, **given)) as made,
    ):
        if upgrade:
            from modelship.bundle.remembered import upgraded_lock

            made = made.with_lock(upgraded_lock(made.environment))  # noqa: PLW2901 - the same one
        made.save(output)
        document = _document(made, folder=output)
    answer(document, lambda: _say(document))


def _document(made: ScoringBundle, *, folder: Path) -> dict[str, Any]:
    models = [_model_document(model) for model in made.models]
    return {
        "folder": str(folder),
        "digest": made.digest,
        "parts": dict(made.parts),
        **({"model": models[0]} if len(models) == 1 else {}),
        "models": models,
        "entry_script": made.entry_script,
        "source": [file.path for file in made.source],
        "python": made.lock.python,
        "packages": dict(made.lock.versions),
        "has_sample_input": made.sample_json is not None,
        "cpu_cores": made.resources.cpu_cores,
        "memory_gb": made.resources.memory_gb,
        "tags": dict(made.tags),
        "description": made.description,
    }


def _model_document(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "format": model.format,
        "digest": model.digest,
        "size_bytes": sum(file.size_bytes for file in model.files),
    }


def _model_line(model: Mapping[str, Any]) -> str:
    return f"{model['name']}:{model['version']}, {model['format']}, {model['size_bytes']:,} bytes"


def _say(document: Mapping[str, Any]) -> None:
    models = document["models"]
    others = len(document["source"]) - 1
    click.echo(f"{document['folder']}  sha256:{document['digest']}")
    say_facts(
        {
            "model" if len(models) == 1 else "models": "; ".join(map(_model_line, models)),
            "script": document["entry_script"]
            + (f" and {counted(others, 'more file')}" if others else ""),
            "environment": f"Python {document['python']}, "
            f"{counted(len(document['packages']), 'package')}, locked with hashes",
            "sample": "yes" if document["has_sample_input"] else "none; give one: --sample-input",
            "resources": _resources(document["cpu_cores"], document["memory_gb"]),
            "next": f"modelship deploy {document['folder']} -n NAME",
        }
    )


def _resources(cpu_cores: float, memory_gb: float) -> str:
    return f"{cpu_cores:g} core{'s' * (cpu_cores != 1)}, {memory_gb:g} GB"
