"""Define errors of models and model sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelship.errors.base_error import ModelshipError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CorruptModelError",
    "DigestMismatchError",
    "FetchError",
    "ModelError",
    "ModelLoadError",
    "ModelNotFoundError",
    "NoEstimatorError",
    "UntrustedModelError",
]


class ModelError(ModelshipError):
    """A model is invalid, or cannot be accessed."""

    exit_code = 3


@dataclass(eq=False)
class ModelNotFoundError(ModelError):
    """There is no model at this location."""

    _message = "There is no model at {location!r}."

    location: str
    nearby: Sequence[str] = ()

    @property
    def hint(self) -> str:
        is_registered = self.location.startswith("azureml:")
        if self.nearby:
            what = "Models there" if is_registered else "Files in the same folder"
            return f"{what}: {', '.join(self.nearby)}."
        if is_registered:
            return "Check the name and the workspace: modelship found no registered model there."
        return "Check the path; a relative path starts at the current folder."


@dataclass(eq=False)
class FetchError(ModelError):
    """A model could not be fetched from its location."""

    _message = "Fetching {location} failed: {cause}."

    location: str
    cause: str
    advice: str = "Check the address and the network, and fetch again; no partial file was kept."


@dataclass(eq=False)
class DigestMismatchError(ModelError):
    """The bytes differ from the requested digest, or from those first read."""

    _message = "{what} has the sha256 digest {found}, but {expected} was expected."
    _hint = "The content changed. Fetch the model again, or correct the expected digest."

    what: str
    expected: str
    found: str


@dataclass(eq=False)
class CorruptModelError(ModelError):
    """A model file is truncated, or its format does not match its name."""

    _message = "{path} is not a usable model: {problem}."

    path: str
    problem: str
    advice: str = "Save it again with joblib.dump(model, path), or copy it again from its source."


@dataclass(eq=False)
class ModelLoadError(ModelError):
    """A model file could not be loaded in this process."""

    path: str
    cause: str
    written_by: str = ""
    advice: str = "Check whether it loads where it was saved, and save it again there."

    @property
    def message(self) -> str:
        by = f" (written by {self.written_by})" if self.written_by else ""
        return f"Loading {self.path}{by} failed: {self.cause}."


@dataclass(eq=False)
class NoEstimatorError(ModelError):
    """A model file contains something that does not predict, such as a dict of parts."""

    _message = "{path} holds {found}; expected an estimator with predict(), or a function."
    _hint = "Save the object that predicts in a separate file, and evaluate that."

    path: str
    found: str


_REASONS_SHOWN = 3


@dataclass(eq=False)
class UntrustedModelError(ModelError):
    """Loading the model could run code that is not known to be safe, so it was not loaded."""

    _hint = (
        "Get the model from a source that you trust. If you know who made this file and what it "
        "runs, pass trust_model=True (--trust-model)."
    )

    path: str
    reasons: Sequence[str]

    @property
    def message(self) -> str:
        shown = "; ".join(self.reasons[:_REASONS_SHOWN])
        more = len(self.reasons) - _REASONS_SHOWN
        rest = f"; and {more} more" if more > 0 else ""
        return f"{self.path} was not loaded: {shown}{rest}."
