"""``modelship demo``: run the whole workflow on scikit-learn's handwritten digits."""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelship.cli.config import Config
from modelship.cli.opening import open_target
from modelship.cli.output import as_json_is_asked, emit
from modelship.cli.shared_options import command, option_option, target_option, timeout_option
from modelship.errors import MissingExtraError, PredictionError
from modelship.shown import counted
from modelship.staging import storing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelship.bundle import ScoringBundle
    from modelship.evaluation import Evaluator, Report
    from modelship.sources import Model
    from modelship.targets import Deployment, DeployTarget

__all__ = ["demo"]

_BOUND = 0.9
_PICTURED = 30
_NAME_WIDTH = 18


@dataclass
class _Findings:
    """The results of the demo; its ``--json`` document."""

    target: str
    name: str
    n_samples: int = 0
    model_accuracy: float = 0.0
    service_accuracy: float = 0.0
    equal: bool = False
    scoring_uri: str = ""
    digest: str = ""
    files: list[str] = field(default_factory=list)
    kept: bool = False


@command(
    "Run an example from model to service.",
    example="demo -t docker --option base_image=python:3.11-slim",
)
@target_option
@option_option
@click.option("--keep", is_flag=True, help="Leave the service running.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the model, the report and the pictures [default: a temporary one].",
)
@timeout_option("Seconds for the deployment [default: 600].")
def demo(
    *,
    target: str | None,
    options: tuple[tuple[str, Any], ...],
    keep: bool,
    output: Path | None,
    timeout_s: float | None,
) -> None:
    """Train a model, test it, serve it, and show that the service gives the same answers.

    The service is removed at the end, also after a failure or Ctrl-C.
    """
    config = Config().overridden_by(target=target, timeout_s=timeout_s)
    place = open_target(config, options=dict(options))
    findings = _Findings(place.name, f"digits-demo-{secrets.token_hex(2)}", kept=keep)
    story = _Story(on_stderr=as_json_is_asked())
    story.title("From a trained model to a running service: scikit-learn's handwritten digits")
    results = nullcontext(output) if output else _temporary_results()
    with results as folder, ExitStack() as stack:
        with storing(folder, ours=False):
            folder.mkdir(parents=True, exist_ok=True)
        _look_for_place(story, place, dict(options), timeout_s=config.timeout_s)
        _Demo(story, findings, folder).play(place, stack, timeout_s=config.timeout_s, keep=keep)
    if as_json_is_asked():
        emit(asdict(findings))


@contextmanager
def _temporary_results() -> Iterator[Path]:
    """Make a temporary folder that stays only if the demo comes to its end."""
    with ExitStack() as undo:
        folder = tempfile.mkdtemp(prefix="modelship-demo-")
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Path(folder)
        undo.pop_all()


def _look_for_place(
    story: _Story, place: DeployTarget, options: Mapping[str, Any], *, timeout_s: float
) -> None:
    """Check that the place and its base image are available, before any work."""
    with story.step(f"Look for {place.name}", spinner=False) as telling:
        telling.outcome = f"available, with {counted(len(place.list()), 'service')}"
        if place.name == "docker":
            image = options.get("base_image") or "python:{}.{}-slim".format(*sys.version_info)
            telling.outcome += f"; services stand on {image}"
            _fetch_base_image(str(image), timeout_s=timeout_s)


def _fetch_base_image(image: str, *, timeout_s: float) -> None:
    from modelship.progress import Steps
    from modelship.runtime.images.base_image import ensure_base
    from modelship.runtime.images.engine import connected

    with connected() as engine:
        ensure_base(engine, image, steps=Steps("demo", timeout_s=timeout_s, show_output=True))


class _Demo:
    """The steps of the demo, in order."""

    def __init__(self, story: _Story, findings: _Findings, output: Path) -> None:
        self._story = story
        self._findings = findings
        self._output = output

    def play(self, place: DeployTarget, stack: ExitStack, *, timeout_s: float, keep: bool) -> None:
        estimator, evaluator = self._train()
        model = self._fetch(estimator)
        report = self._test(evaluator, model)
        bundle = self._bundle(model, evaluator)
        deployment = self._deploy(place, bundle, stack, timeout_s=timeout_s)
        self._compare(evaluator, deployment, report)
        self._draw(report)
        if keep:
            stack.pop_all()
            self._story.say(f"\nIt is kept: {deployment.scoring_uri}")
            self._story.say(f"Delete it with: modelship delete {deployment.name} -t {place.name}\n")
            return
        with self._story.step("Delete") as telling:
            deployment.delete()
            telling.outcome = f"{deployment.name} is gone"
        self._story.say("\nWhat ran there was what was tested here.\n")

    def _train(self) -> tuple[Any, Evaluator]:
        with self._story.step("Train") as telling:
            try:
                from sklearn.datasets import load_digits
                from sklearn.linear_model import LogisticRegression
                from sklearn.model_selection import train_test_split
            except ImportError as error:
                raise MissingExtraError(purpose="The demo", extra="sklearn") from error
            from modelship.evaluation import Evaluator

            X, y = load_digits(return_X_y=True)
            X_train, X_test, y_train, y_test = train_test_split(
                X / 16.0, y, test_size=0.25, random_state=42, stratify=y
            )
            estimator = LogisticRegression(max_iter=1000).fit(X_train, y_train)
            telling.outcome = f"LogisticRegression on {len(X_train):,} images of 8x8 pixels"
        self._findings.n_samples = len(X_test)
        return estimator, Evaluator(X_test, y_test, progress=False)

    def _fetch(self, estimator: Any) -> Model:
        import joblib

        from modelship.sources import ModelSource

        with self._story.step("Save and fetch") as telling:
            path = self._output / "digits.joblib"
            with storing(path, ours=False):
                joblib.dump(estimator, path)
            model = ModelSource.open(path).fetch(self._output)
            by = model.passport.written_by
            telling.outcome = f"{path}, sha256 {model.digest[:12]}…, written by {by}"
        self._findings.files.append(str(path))
        return model

    def _test(self, evaluator: Evaluator, model: Model) -> Report:
        with self._story.step("Test here") as telling:
            report = evaluator.evaluate(model)
            telling.outcome = f"accuracy {report.accuracy:.4f} on {report.n_samples} other images"
        with self._story.step("Pass the gate") as telling:
            report.require(accuracy=_BOUND)
            telling.outcome = f"accuracy is at least {_BOUND}"
        self._findings.model_accuracy = report.accuracy
        return report

    def _bundle(self, model: Model, evaluator: Evaluator) -> ScoringBundle:
        from modelship.bundle import ScoringBundle

        with self._story.step("Bundle") as telling:
            bundle = ScoringBundle(model, sample_input={"data": evaluator.X[:2]})
            packages = len(bundle.lock.versions)
            telling.outcome = (
                f"score.py written, {packages} packages for Python {bundle.lock.python} locked, "
                f"sha256 {bundle.digest[:12]}…"
            )
        self._findings.digest = bundle.digest
        return bundle

    def _deploy(
        self, place: DeployTarget, bundle: ScoringBundle, stack: ExitStack, *, timeout_s: float
    ) -> Deployment:
        with self._story.step("Deploy", spinner=False) as telling:
            deployment = place.deploy(bundle, name=self._findings.name, timeout_s=timeout_s)
            stack.callback(deployment.delete, missing_ok=True)
            telling.outcome = f"{deployment.scoring_uri} on {place.name}"
        self._findings.scoring_uri = deployment.scoring_uri
        return deployment

    def _compare(self, evaluator: Evaluator, deployment: Deployment, report: Report) -> None:
        with self._story.step("Test over HTTP") as telling:
            served = evaluator.evaluate(deployment)
            equal = int((served.y_pred == report.y_pred).sum())
            if equal != report.n_samples:
                problem = f"only {equal} of {report.n_samples} equal those of the model in process"
                raise PredictionError(problem=problem)
            telling.outcome = f"all {equal} predictions equal those of the model in process"
        self._findings.service_accuracy = served.accuracy
        self._findings.equal = True

    def _draw(self, report: Report) -> None:
        with self._story.step("Draw") as telling:
            try:
                report.plot_confusion_matrix(self._output / "conf.png")
                report.plot_predictions(self._output / "results.png", n=_PICTURED)
                report.to_html(self._output / "report.html")
            except MissingExtraError as error:
                telling.outcome = f"left out. {error.message} {error.hint}"
                return
            drawn = [
                str(self._output / each) for each in ("conf.png", "results.png", "report.html")
            ]
            telling.outcome = ", ".join(drawn)
        self._findings.files += drawn


# --- what is printed --------------------------------------------------------------------


@dataclass
class _Telling:
    """The message of a finished step; its body fills this in."""

    outcome: str = ""


class _Story:
    """A sequence of steps, each printed on one line with its duration.

    Parameters
    ----------
    on_stderr : bool
        Print to stderr, since stdout is for a JSON document.
    """

    def __init__(self, *, on_stderr: bool) -> None:
        from rich.console import Console

        self._console = Console(stderr=on_stderr, highlight=False, soft_wrap=True)

    def title(self, text: str) -> None:
        """Print the title."""
        self._console.print(f"\n[bold]{text}[/bold]\n")

    def say(self, text: str) -> None:
        """Print a line between steps, or after the last."""
        self._console.print(text, markup=False)

    @contextmanager
    def step(self, name: str, *, spinner: bool = True) -> Iterator[_Telling]:
        """Run the body as the step `name`, and print its outcome and duration.

        A body that shows its own progress gets no spinner.
        """
        telling = _Telling()
        started = time.monotonic()
        try:
            with self._console.status(name) if spinner else nullcontext():
                yield telling
        except BaseException:
            self._tell("[red]✗[/red]", name, "", started)
            raise
        self._tell("[green]✓[/green]", name, telling.outcome, started)

    def _tell(self, mark: str, name: str, outcome: str, started: float) -> None:
        from rich.markup import escape

        duration = f"{time.monotonic() - started:.1f} s"
        line = f"{mark} {name:<{_NAME_WIDTH}} [dim]{duration:>6}[/dim]  {escape(outcome)}"
        self._console.print(line.rstrip())
