"""Get predictions from a model, a service, an estimator or a function."""

from __future__ import annotations

import tempfile
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.bundle.payload import payload_of
from modelship.errors import (
    InvalidOptionError,
    ModelshipError,
    NoEstimatorError,
    PredictionError,
    ScoringError,
)
from modelship.evaluation.predictions import Predictions, SupportsRun, decode_answer
from modelship.tables.schema import Outputs, Schema, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modelship.sources import Model

    Answer = Predictions | Sequence[object]
    Predictor = Callable[[Any], Answer]

__all__ = ["Subject", "subject_of"]

_EXPECTED = "a Model, a service with run(), an estimator with predict(), or a function"
_OTHER_COLUMNS = "Give the rows as the model was fitted on them."


@dataclass(frozen=True)
class Subject:
    """Anything that predicts.

    Attributes
    ----------
    predict : Callable
        The function from a batch of rows to predictions.
    schema : Schema
        What is known of its input columns and its outputs.
    described : str
        Its name in messages.
    wants_rows : bool
        Whether a table of numbers is passed to it as rows of numbers.
    asked : Callable
        A slower function that finds out more about its columns: the schema for explaining why rows
        were rejected.
    """

    predict: Predictor
    schema: Schema
    described: str
    wants_rows: bool = False
    asked: Callable[[], Schema] = Schema


def subject_of(
    subject: object,
    *,
    encode: Callable[[Any], Any] | None,
    decode: Callable[[Any], Answer] | None,
    trust_model: bool = False,
    needs_types: bool = False,
) -> Subject:
    """Return the prediction function of `subject`, and its schema.

    With `needs_types`, the column types of an estimator are read as from its file.

    Raises
    ------
    InvalidOptionError
        If it cannot predict.
    NoEstimatorError
        If it is a model whose file holds nothing that predicts.
    UntrustedModelError
        If it is a model that could run code when it is loaded, and it is not trusted.
    """
    from modelship.sources import Model

    known = Schema()
    if isinstance(subject, Model):
        known = subject.schema
        subject = _served_by(subject, loaded=subject.load(trust_model=trust_model))
    elif isinstance(subject, SupportsRun) and not isinstance(subject, type):
        return _of_service(subject, encode=encode, decode=decode)
    if isinstance(subject, type):
        raise InvalidOptionError(
            option="subject", found=subject, expected=f"{_EXPECTED}; this is a class, not made yet"
        )
    if hasattr(subject, "predict"):
        if needs_types and known == Schema():
            known = _dumped_schema(subject)
        return _of_estimator(subject, known=known)
    if callable(subject):
        return Subject(_calling(subject), Schema(), "the function")
    raise InvalidOptionError(option="subject", found=type(subject).__name__, expected=_EXPECTED)


def _served_by(model: Model, *, loaded: Any) -> Any:
    """Return the part of a model's content that a generated script would predict with."""
    contents = model.contents
    if contents.key is not None:
        return loaded[contents.key]
    if contents.predicts is False and not callable(loaded):
        raise NoEstimatorError(model.path.name, contents.told)
    return loaded


def _of_service(
    service: SupportsRun,
    *,
    encode: Callable[[Any], Any] | None,
    decode: Callable[[Any], Answer] | None,
) -> Subject:
    key, form = (getattr(service, name, None) for name in ("input_key", "input_form"))

    def predict(batch: Any) -> Answer:
        with _blaming("encode", advice=""):
            payload = encode(batch) if encode else payload_of(batch, key=key, form=form)
        answer = service.run(payload)
        with _blaming("decode", advice=""):
            return decode(answer) if decode else decode_answer(answer)

    return Subject(
        predict, _schema_of_service(service), "the service", wants_rows=form != "records"
    )


def _schema_of_service(service: SupportsRun) -> Schema:
    """Return the schema that a service publishes, and the recorded task."""
    said: object = None
    with suppress(ScoringError):  # run() shows whether it answers at all
        said = getattr(service, "schema", None)
    known = said if isinstance(said, Schema) else Schema()
    task = getattr(service, "task", "")
    return known.completed_by(Schema(outputs=Outputs(task=task if isinstance(task, str) else "")))


def _of_estimator(estimator: Any, *, known: Schema) -> Subject:
    from modelship.tables.learning import schema_of_estimator

    def predict(batch: Any) -> Answer:
        with _blaming("predict", advice=_OTHER_COLUMNS), _without_news_of_names():
            values = estimator.predict(batch)
            return Predictions(values, *_probabilities(estimator, batch))

    schema = schema_of_estimator(estimator)
    with suppress(SchemaError):  # its names are those of the file
        schema = schema.completed_by(known)
    return Subject(
        predict,
        schema,
        type(estimator).__name__,
        asked=Schema if known != Schema() else partial(_dumped_schema, estimator),
    )


def _dumped_schema(estimator: Any) -> Schema:
    """Return the schema in an estimator's file; empty if it cannot be written."""
    from modelship.sources import Model

    with tempfile.TemporaryDirectory(prefix="modelship-") as folder, suppress(Exception):
        import joblib

        path = Path(folder, "model.joblib")
        joblib.dump(estimator, path)
        return Model.read(path).schema
    return Schema()


def _calling(function: Callable[[Any], Any]) -> Predictor:
    def predict(batch: Any) -> Answer:
        with _blaming(getattr(function, "__name__", "the function"), advice=""):
            answer: Answer = function(batch)
        return answer

    return predict


def _probabilities(estimator: Any, batch: Any) -> tuple[Any, Any]:
    """Return a table for each output, or one for all, and the classes; None if there are none."""
    try:
        tables, classes = estimator.predict_proba(batch), estimator.classes_
    except Exception:  # noqa: BLE001 - probabilities are a gift; estimators refuse them in many ways
        return None, None
    return (tables, classes) if _fits(tables, classes) else (None, None)


def _fits(tables: Any, classes: Any) -> bool:
    """Return whether there is a column for each class, or for each output that is 0 or 1."""
    if isinstance(tables, list):
        same = isinstance(classes, list) and len(tables) == len(classes)
        return same and all(map(_fits, tables, classes))
    return bool(getattr(tables, "shape", ())[1:] == (len(classes),))


@contextmanager
def _without_news_of_names() -> Iterator[None]:
    """Suppress scikit-learn's warnings about missing names: they were matched already."""
    with warnings.catch_warnings():
        for said in ("X does not have valid feature names", "X has feature names, but"):
            warnings.filterwarnings("ignore", message=said)
        yield


@contextmanager
def _blaming(what: str, *, advice: str) -> Iterator[None]:
    """Report that `what` raised, unless the error is already specific."""
    try:
        yield
    except ModelshipError:
        raise
    except Exception as error:
        raise PredictionError(
            problem=f"{what} raised {type(error).__name__}: {str(error).strip().rstrip('.')}",
            advice=advice,
            summary="The rows cannot be scored",
        ) from error
