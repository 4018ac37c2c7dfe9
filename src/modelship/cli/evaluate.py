"""``modelship evaluate``: score a model or a running service on a test set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.completing import files
from modelship.cli.opening import Place, explaining, open_named, place_options
from modelship.cli.output import as_json_is_asked, emit, fail, say_facts, say_table, say_trusted
from modelship.cli.shared_options import (
    command,
    file_option,
    name_option,
    require_option,
    trust_option,
)
from modelship.cli.testset import evaluator_from, testset_options
from modelship.errors import GateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.cli.config import Config
    from modelship.evaluation import Evaluator, Report

__all__ = ["evaluate"]

_PLAN = "_modelship/plan.json"  # of a batch job; its modules need pyarrow
_STORES = ("s3://", "s3a://", "gs://", "gcs://", "abfs://", "abfss://", "az://", "oss://")
_FILE = click.Path(dir_okay=False, path_type=Path)


@command(
    "Score a model or a running service on a test set.",
    example="evaluate model.pkl --data test.npz --require accuracy=0.9",
)
@click.argument("model", required=False, shell_complete=files)
@file_option("--data", "The test set: .csv, .parquet, .json, .jsonl, or .npz with X, y.")
@testset_options
@name_option
@place_options
@require_option("A bound such as accuracy=0.9; exit code 4 if it is not met")
@trust_option
@click.option("--html", type=_FILE, help="Write the report as one HTML file.")
@click.option("--confusion-matrix", type=_FILE, help="Write it as a picture: png, svg or pdf.")
@click.option("--predictions", type=_FILE, help="Write some samples with their predictions.")
@click.option(
    "--image-shape", nargs=2, type=click.IntRange(min=1), metavar="H W",
    help="Height and width of the images of --predictions [default: square].",
)  # fmt: skip
def evaluate(
    *,
    model: str | None,
    data: str | None,
    scoring: Mapping[str, Any],
    name: str | None,
    at: Place,
    require: tuple[tuple[str, float], ...],
    trust_model: bool,
    html: Path | None,
    confusion_matrix: Path | None,
    predictions: Path | None,
    image_shape: tuple[int, int] | None,
) -> None:
    """Score MODEL, or the service NAME, on a test set.

    MODEL is a path or a URI; or the output folder of a batch job, with the column of the true
    values in --label in place of --data. Losses such as log_loss have upper bounds, scores lower
    ones.
    """
    if model and name:
        raise click.UsageError("Give either MODEL or -n NAME, not both.")
    config = at.settings(model=model, name=name, data=data, require=require, **scoring)
    if config.models and not name:
        _refuse_functions(scoring)
    if model and _is_output(model, has_data=config.data is not None):
        report = _evaluate_output(model, config, data=data)
    elif config.data is None:
        raise click.UsageError("Give the test set with --data FILE, or as data in modelship.yaml.")
    else:
        evaluator = evaluator_from(config.data, config.scoring)
        report = _evaluate(config, evaluator, at, of_service=bool(name), trust_model=trust_model)
    failure = _gate(report, config.require)
    if html:
        report.to_html(html)
    if confusion_matrix:
        report.plot_confusion_matrix(confusion_matrix)
    if predictions:
        report.plot_predictions(predictions, image_shape=image_shape)
    _say(report, config.require, failure)


def _is_output(model: str, *, has_data: bool) -> bool:
    """Return whether a path has the output of a batch job, also in an object store.

    Without a test set, nothing else in a store can be evaluated.
    """
    if not model.lower().startswith(_STORES):
        return Path(model, _PLAN).is_file()
    from modelship.batch.output_files import output_files
    from modelship.batch.store_waits import showing_waits

    files = output_files(model)
    with showing_waits(), files.storing():
        return not has_data or files.exists(_PLAN)


def _refuse_functions(scoring: Mapping[str, Any]) -> None:
    """Refuse the request and response options of a service if a model is given."""
    typed = [f"--{each}" for each in ("encode", "decode") if scoring.get(each)]
    if typed:
        raise click.UsageError(
            f"{typed[0]} is for the {'requests' if typed[0] == '--encode' else 'answers'} of a "
            "service; name one with -n NAME in place of a model."
        )


def _evaluate_output(folder: str, config: Config, *, data: str | None) -> Report:
    from modelship.batch.batch_extra import require_batch_extra

    require_batch_extra()
    from modelship.batch.batch_evaluation import evaluate_output
    from modelship.batch.store_waits import showing_waits

    label = config.scoring["label"]
    if data or not label:
        raise click.UsageError(
            "Name the column of the true values in the output of a batch job with --label COLUMN, "
            "without --data."
        )
    with showing_waits():
        return evaluate_output(folder, label=label, task=config.scoring["task"])


def _evaluate(
    config: Config, evaluator: Evaluator, at: Place, *, of_service: bool, trust_model: bool
) -> Report:
    if len(config.models) > 1 and not of_service:
        raise click.UsageError("Give one model: modelship.yaml names several.")
    if config.models and not of_service:
        with explaining(config.models), open_named(config.models[0]) as model:
            if trust_model:
                say_trusted(model)
            return evaluator.evaluate(model, trust_model=trust_model)
    if config.name is None:
        raise click.UsageError("Give MODEL, or the name of a service with -n NAME.")
    return evaluator.evaluate(at.open(config).get(config.name))


def _gate(report: Report, bounds: Mapping[str, float]) -> GateError | None:
    try:
        if bounds:
            report.require(**bounds)
    except GateError as failure:
        return failure
    return None


def _say(report: Report, bounds: Mapping[str, float], failure: GateError | None) -> None:
    failures = list(failure.failures) if failure else []
    gate = {"require": dict(bounds), "passed": failure is None, "failures": failures}
    document = json.loads(report.to_json()) | {"gate": gate if bounds else None}
    if not as_json_is_asked():
        _say_text(report, bounds)
    elif failure is None:
        emit(document)
    if failure:
        fail(failure, document=document)


def _say_outputs(report: Report) -> None:
    """Print the metrics of each output, for those metrics that all outputs have."""
    outputs = report.outputs
    metrics = [
        each for each in report.metrics if all(each in one.metrics for one in outputs.values())
    ]
    rows = [
        (name, *(f"{one.metrics[metric]:.4f}" for metric in metrics))
        for name, one in outputs.items()
    ]
    click.echo()
    say_table(("output", *metrics), rows)


def _say_text(report: Report, bounds: Mapping[str, float]) -> None:
    rows = [
        (metric, f"{value:.4f}", f"{bounds[metric]:g}" if metric in bounds else "")
        for metric, value in report.metrics.items()
    ]
    if bounds:
        say_table(("metric", "value", "bound"), rows)
    else:
        say_table(("metric", "value"), [row[:2] for row in rows])
    if report.outputs:
        _say_outputs(report)
    facts = {"samples": str(report.n_samples), "task": report.task}
    if report.task == "classification":
        facts["misclassified"] = str(len(report.misclassified))
    click.echo()
    say_facts(facts)
