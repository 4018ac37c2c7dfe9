"""What can be evaluated: from a model, a service, an estimator or a function to predictions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from modelship.bundle.payload import payload_of
from modelship.errors import InvalidOptionError, ModelshipError, PredictionError
from modelship.evaluation.predictions import Predictions, SupportsRun, decode_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Answer = Predictions | Sequence[object]
    Predictor = Callable[[Any], Answer]

__all__ = ["predictor_of"]

_EXPECTED = "a Model, a service with run(), an estimator with predict(), or a function"


def predictor_of(
    subject: object,
    *,
    encode: Callable[[Any], Any] | None,
    decode: Callable[[Any], Answer] | None,
    trust_model: bool = False,
) -> Predictor:
    """Return the function from a batch of rows to predictions that `subject` stands for.

    Raises
    ------
    InvalidOptionError
        If it is nothing that predicts.
    UntrustedModelError
        If it is a model that could run code when it is loaded, and it is not trusted.
    """
    from modelship.sources import Model

    if isinstance(subject, Model):
        subject = subject.load(trust_model=trust_model)
    elif isinstance(subject, SupportsRun) and not isinstance(subject, type):
        return _of_service(subject, encode=encode, decode=decode)
    if isinstance(subject, type):
        raise InvalidOptionError(
            option="subject", found=subject, expected=f"{_EXPECTED}; this is a class, not made yet"
        )
    if hasattr(subject, "predict"):
        return _of_estimator(subject)
    if callable(subject):
        return _of_function(subject)
    raise InvalidOptionError(option="subject", found=type(subject).__name__, expected=_EXPECTED)


def _of_service(
    service: SupportsRun,
    *,
    encode: Callable[[Any], Any] | None,
    decode: Callable[[Any], Answer] | None,
) -> Predictor:
    key, form = (getattr(service, name, None) for name in ("input_key", "input_form"))

    def predict(batch: Any) -> Answer:
        with _blaming("encode"):
            payload = encode(batch) if encode else payload_of(batch, key=key, form=form)
        answer = service.run(payload)
        with _blaming("decode"):
            return decode(answer) if decode else decode_answer(answer)

    return predict


def _of_estimator(estimator: Any) -> Predictor:
    def predict(batch: Any) -> Answer:
        with _blaming("predict"):
            values = estimator.predict(batch)
        return Predictions(values, *_probabilities(estimator, batch))

    return predict


def _of_function(function: Callable[[Any], Any]) -> Predictor:
    def predict(batch: Any) -> Answer:
        with _blaming(getattr(function, "__name__", "the function")):
            answer: Answer = function(batch)
        return answer

    return predict


def _probabilities(
    estimator: Any, batch: Any
) -> tuple[NDArray[Any], NDArray[Any]] | tuple[None, None]:
    try:
        probabilities, classes = estimator.predict_proba(batch), estimator.classes_
        usable = probabilities.shape == (probabilities.shape[0], len(classes))
    except Exception:  # noqa: BLE001 - probabilities are a gift; estimators refuse them in many ways
        return None, None
    return (probabilities, classes) if usable else (None, None)


@contextmanager
def _blaming(what: str) -> Iterator[None]:
    """Say that `what` raised, unless the error already says all."""
    try:
        yield
    except ModelshipError:
        raise
    except Exception as error:
        raise PredictionError(
            problem=f"{what} raised {type(error).__name__}: {str(error).strip().rstrip('.')}"
        ) from error
