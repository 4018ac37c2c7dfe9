"""Every error that modelship raises on purpose.

::

    ModelshipError                      exit code 1
    ├── InputError                      2   what was typed cannot be meant
    │   ├── InvalidNameError
    │   ├── InvalidOptionError
    │   ├── UnknownPluginError
    │   ├── MissingExtraError
    │   └── ConfigError
    ├── ModelError                      3   the model, or the way to it
    │   ├── ModelNotFoundError
    │   ├── FetchError
    │   ├── DigestMismatchError
    │   ├── CorruptModelError
    │   ├── ModelLoadError
    │   └── UntrustedModelError
    ├── EvaluationError                 4   the test set, or what it showed
    │   ├── InvalidTestSetError
    │   ├── PredictionError
    │   ├── UnknownMetricError
    │   ├── PictureError
    │   └── GateError
    ├── BundleError                     5   what a service is made of
    │   ├── EntryScriptError
    │   ├── SampleInputError
    │   ├── BundleFormatError
    │   └── CheckFailedError
    ├── EnvironmentSpecError            6   what the script needs
    │   ├── UntranslatablePackageError
    │   ├── ResolutionError
    │   ├── PythonNotFoundError
    │   └── EnvironmentBuildError
    ├── TargetError                     7   the place that runs it
    │   ├── TargetUnavailableError
    │   ├── UnsupportedError
    │   ├── BaseImageError
    │   ├── ImageBuildError
    │   ├── NameTakenError
    │   ├── PortTakenError
    │   ├── DeploymentNotFoundError
    │   ├── NoEarlierReleaseError
    │   ├── DeploymentFailedError
    │   ├── DeploymentTimeoutError
    │   └── RolloutFailedError
    ├── ScoringError                    8   one request
    │   ├── InvalidPayloadError
    │   ├── ScoringRequestError
    │   ├── ServiceUnreachableError
    │   ├── ScoringTimeoutError
    │   ├── ParityError
    │   ├── ReplayError
    │   └── ClientGenerationError
    ├── WorkspaceError                  9   the Azure ML workspace
    │   ├── WorkspaceNotFoundError
    │   ├── WorkspaceCredentialsError
    │   ├── WorkspaceUnreachableError
    │   └── WorkspaceRequestError
    └── StorageError                    10  the disk, and what is kept on it

A place that raises passes data; the class makes the sentence. Each error says
what was found and what was expected (:attr:`ModelshipError.message`), the last
thing seen where there is one (:attr:`ModelshipError.evidence`), and one thing
to do next (:attr:`ModelshipError.hint`). ``exit_code`` is what the command
line exits with.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelship.findings import Diagnosis, Finding

__all__ = [
    "BaseImageError",
    "BundleError",
    "BundleFormatError",
    "CheckFailedError",
    "ClientGenerationError",
    "ConfigError",
    "CorruptModelError",
    "DeploymentFailedError",
    "DeploymentNotFoundError",
    "DeploymentTimeoutError",
    "DigestMismatchError",
    "EntryScriptError",
    "EnvironmentBuildError",
    "EnvironmentSpecError",
    "EvaluationError",
    "FetchError",
    "GateError",
    "ImageBuildError",
    "InputError",
    "InvalidNameError",
    "InvalidOptionError",
    "InvalidPayloadError",
    "InvalidTestSetError",
    "MissingExtraError",
    "ModelError",
    "ModelLoadError",
    "ModelNotFoundError",
    "ModelshipError",
    "NameTakenError",
    "NoEarlierReleaseError",
    "ParityError",
    "PictureError",
    "PortTakenError",
    "PredictionError",
    "PythonNotFoundError",
    "ReplayError",
    "ResolutionError",
    "RolloutFailedError",
    "SampleInputError",
    "ScoringError",
    "ScoringRequestError",
    "ScoringTimeoutError",
    "ServiceUnreachableError",
    "StorageError",
    "TargetError",
    "TargetUnavailableError",
    "UnknownMetricError",
    "UnknownPluginError",
    "UnsupportedError",
    "UntranslatablePackageError",
    "UntrustedModelError",
    "WorkspaceCredentialsError",
    "WorkspaceError",
    "WorkspaceNotFoundError",
    "WorkspaceRequestError",
    "WorkspaceUnreachableError",
    "nearest",
]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the closest of `known`, or ``""``."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


_REASONS_SHOWN = 3


def _rebuild(cls: type[ModelshipError], state: dict[str, Any]) -> ModelshipError:
    error = cls.__new__(cls)
    for name, value in state.items():
        setattr(error, name, value)  # an AttributeError keeps its name elsewhere than in __dict__
    return error


class ModelshipError(Exception):
    """Base of every error that modelship raises on purpose."""

    exit_code: ClassVar[int] = 1

    aftermath: str = ""
    """What was done after it, such as that the service of before was started again; or empty."""

    @property
    def message(self) -> str:
        """What was found and what was expected; one sentence."""
        return type(self).__doc__ or type(self).__name__

    @property
    def evidence(self) -> str:
        """The last thing seen, such as the tail of a log; may be empty."""
        return ""

    @property
    def hint(self) -> str:
        """One thing to do next; may be empty."""
        return ""

    def __str__(self) -> str:
        parts = [self.message]
        if self.evidence:
            parts.append("\n".join(f"  | {line}" for line in self.evidence.splitlines()))
        if self.aftermath:
            parts.append(self.aftermath)
        if self.hint:
            parts.append(f"  -> {self.hint}")
        return "\n".join(parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.__dict__)


# --- what was typed ---------------------------------------------------------------------


class InputError(ModelshipError):
    """What was asked for cannot be meant."""

    exit_code = 2


@dataclass(eq=False)
class InvalidNameError(InputError):
    """A name breaks the rule that Azure ML sets for it."""

    name: object
    kind: str
    rule: str

    @property
    def message(self) -> str:
        return f"{self.name!r} is not a valid {self.kind} name: it needs {self.rule}."


@dataclass(eq=False)
class InvalidOptionError(InputError):
    """An option has a value that it cannot take, or does not exist."""

    option: str
    found: object
    expected: str

    @property
    def message(self) -> str:
        return f"{self.option} is {self.found!r}; expected {self.expected}."


@dataclass(eq=False)
class UnknownPluginError(InputError):
    """No source or target goes by this name."""

    kind: str
    name: str
    known: Sequence[str]

    @property
    def message(self) -> str:
        return f"There is no {self.kind} named {self.name!r}{nearest(self.name, self.known)}."

    @property
    def hint(self) -> str:
        return f"Available: {', '.join(sorted(self.known))}."


@dataclass(eq=False)
class MissingExtraError(InputError):
    """An optional part of modelship is not installed."""

    purpose: str
    extra: str

    @property
    def message(self) -> str:
        return f"{self.purpose} needs the extra {self.extra!r}, which is not installed."

    @property
    def hint(self) -> str:
        return f"pip install 'modelship-ml[{self.extra}]'"


@dataclass(eq=False)
class ConfigError(InputError):
    """``modelship.yaml`` cannot be used as it stands."""

    path: str
    problem: str

    @property
    def message(self) -> str:
        return f"{self.path}: {self.problem}"


# --- the model --------------------------------------------------------------------------


class ModelError(ModelshipError):
    """The model, or the way to it, is not as it should be."""

    exit_code = 3


@dataclass(eq=False)
class ModelNotFoundError(ModelError):
    """There is no model at this location."""

    location: str
    nearby: Sequence[str] = ()

    @property
    def message(self) -> str:
        return f"There is no model at {self.location!r}."

    @property
    def hint(self) -> str:
        if self.nearby:
            return f"Nearby there is: {', '.join(self.nearby)}."
        return "Check the path; a relative one starts at the current folder."


@dataclass(eq=False)
class FetchError(ModelError):
    """A model could not be brought from where it lives."""

    location: str
    cause: str
    advice: str = "Check the address and the network, and fetch again; nothing was kept."

    @property
    def message(self) -> str:
        return f"Fetching {self.location} failed: {self.cause}."

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class DigestMismatchError(ModelError):
    """The bytes are not the ones that were asked for, or not those first seen."""

    what: str
    expected: str
    found: str

    @property
    def message(self) -> str:
        return f"{self.what} has the sha256 digest {self.found}, but {self.expected} was expected."

    @property
    def hint(self) -> str:
        return "The content changed. Fetch the model again, or correct the expected digest."


@dataclass(eq=False)
class CorruptModelError(ModelError):
    """A model file is truncated, or is not of the format that its name promises."""

    path: str
    problem: str
    advice: str = "Save it again with joblib.dump(model, path), or copy it again from its source."

    @property
    def message(self) -> str:
        return f"{self.path} cannot be a usable model: {self.problem}."

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class ModelLoadError(ModelError):
    """A model file could not be loaded in this process."""

    path: str
    cause: str
    written_by: str = ""
    advice: str = "See whether it loads where it was saved, and save it again there."

    @property
    def message(self) -> str:
        by = f" (written by {self.written_by})" if self.written_by else ""
        return f"Loading {self.path}{by} failed: {self.cause}."

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class UntrustedModelError(ModelError):
    """Loading the model could run code that is not known to be safe, so it was not loaded."""

    path: str
    reasons: Sequence[str]

    @property
    def message(self) -> str:
        shown = "; ".join(self.reasons[:_REASONS_SHOWN])
        more = len(self.reasons) - _REASONS_SHOWN
        rest = f"; and {more} more" if more > 0 else ""
        return f"{self.path} was not loaded: {shown}{rest}."

    @property
    def hint(self) -> str:
        return (
            "Get the model from a source that you trust. If you know who made this file and what "
            "it runs, pass trust_model=True (--trust-model)."
        )


# --- evaluation -------------------------------------------------------------------------


class EvaluationError(ModelshipError):
    """A test set, or what it showed, is not as it should be."""

    exit_code = 4


@dataclass(eq=False)
class InvalidTestSetError(EvaluationError):
    """X and y do not make a test set."""

    problem: str
    advice: str = ""

    @property
    def message(self) -> str:
        return f"This is not a usable test set: {self.problem}."

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class PredictionError(EvaluationError):
    """What was evaluated did not answer with one prediction a row."""

    problem: str
    advice: str = (
        "If the service speaks another form, pass encode= (--encode MODULE:FUNCTION) and "
        "decode= (--decode MODULE:FUNCTION)."
    )
    summary: str = "The answer is not one prediction a row"

    @property
    def message(self) -> str:
        return f"{self.summary}: {self.problem}."

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class UnknownMetricError(EvaluationError, AttributeError):
    """The report holds no metric of this name; for ``hasattr`` it is not there."""

    name: str
    known: Sequence[str]

    @property
    def message(self) -> str:
        return f"There is no metric {self.name!r}{nearest(self.name, self.known)}."

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), {**self.__dict__, "name": self.name})

    @property
    def hint(self) -> str:
        return f"There is: {', '.join(self.known)}."


@dataclass(eq=False)
class PictureError(EvaluationError):
    """A picture cannot be drawn from this report."""

    problem: str
    advice: str = ""

    @property
    def message(self) -> str:
        return f"The picture cannot be drawn: {self.problem}."

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class GateError(EvaluationError):
    """A report did not reach a bound. ``report`` holds the whole report."""

    report: Any
    failures: Sequence[str]

    @property
    def message(self) -> str:
        return f"The model does not pass the gate: {'; '.join(self.failures)}."


# --- bundle -----------------------------------------------------------------------------


class BundleError(ModelshipError):
    """What a service is made of is not complete or not right."""

    exit_code = 5


@dataclass(eq=False)
class EntryScriptError(BundleError):
    """The scoring script breaks the contract of init() and run()."""

    path: str
    problem: str
    line: int | None = None
    advice: str = "A scoring script defines init() and run(raw_data)."

    @property
    def message(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.problem}"

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class SampleInputError(BundleError):
    """The sample request cannot be sent, or does not fit the model."""

    problem: str
    advice: str = 'Give plain lists and numbers, such as {"data": X[:2].tolist()}.'

    @property
    def message(self) -> str:
        return f"sample_input cannot be used: {self.problem}."

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class BundleFormatError(BundleError):
    """A folder is not a saved bundle, or was changed since it was saved."""

    path: str
    problem: str
    advice: str = "Save it again with ScoringBundle.save() (modelship bundle)."

    @property
    def message(self) -> str:
        return f"{self.path} is not a usable bundle: {self.problem}."

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class CheckFailedError(BundleError):
    """A check found errors in a bundle. ``findings`` holds them."""

    findings: Sequence[Finding]

    @property
    def message(self) -> str:
        count = "an error" if len(self.findings) == 1 else f"{len(self.findings)} errors"
        return f"The check found {count} in the bundle; nothing was built or sent."

    @property
    def evidence(self) -> str:
        lines = []
        for each in self.findings:
            lines.append(f"{each.code} {each.where}: {each.problem}".replace(" : ", ": "))
            lines += [f"  {line}" for line in each.evidence.splitlines()]
        return "\n".join(lines)

    @property
    def hint(self) -> str:
        return self.findings[0].advice


# --- environment ------------------------------------------------------------------------


class EnvironmentSpecError(ModelshipError):
    """What the script needs cannot be read, resolved or built."""

    exit_code = 6

    def __init__(self, path: str, problem: str, advice: str = "") -> None:
        self.path = path
        self.problem = problem
        self.advice = advice

    @property
    def message(self) -> str:
        return f"{self.path}: {self.problem}"

    @property
    def hint(self) -> str:
        return self.advice


class UntranslatablePackageError(EnvironmentSpecError):
    """Conda packages have no known counterpart on PyPI. ``packages`` names them."""

    def __init__(self, path: str, packages: Sequence[str]) -> None:
        names = ", ".join(map(repr, packages))
        super().__init__(
            path,
            f"the conda package {names} has no known counterpart on PyPI."
            if len(packages) == 1
            else f"the conda packages {names} have no known counterparts on PyPI.",
            "List the PyPI name of each that the script imports under 'pip:' instead, and remove "
            "the others: libraries in C come with the wheels that use them.",
        )
        self.packages = tuple(packages)


class ResolutionError(EnvironmentSpecError):
    """No set of versions satisfies the requirements, or a package does not exist."""

    def __init__(self, path: str, problem: str, resolver_output: str, advice: str = "") -> None:
        advice = advice or "Loosen or correct the requirements named above."
        super().__init__(path, problem, advice)
        self.resolver_output = resolver_output

    @property
    def evidence(self) -> str:
        return self.resolver_output


class PythonNotFoundError(EnvironmentSpecError):
    """The Python that the environment asks for is not on this machine."""

    def __init__(self, path: str, python: str, found: Sequence[str]) -> None:
        here = f"this machine has {', '.join(found)}" if found else "this machine has none"
        super().__init__(
            path,
            f"it asks for Python {python}, but {here}.",
            f"Install Python {python}, or ask for another one ('python={found[-1]}')."
            if found
            else f"Install Python {python}.",
        )
        self.python = python
        self.found = tuple(found)


class EnvironmentBuildError(EnvironmentSpecError):
    """The locked packages could not be installed."""

    def __init__(
        self, path: str, problem: str, installer_output: str = "", advice: str = ""
    ) -> None:
        advice = advice or "Check the network and the disk, and deploy again."
        super().__init__(path, problem, advice)
        self.installer_output = installer_output

    @property
    def evidence(self) -> str:
        return self.installer_output


# --- targets ----------------------------------------------------------------------------


class TargetError(ModelshipError):
    """The place that runs services did not do what was asked."""

    exit_code = 7


@dataclass(eq=False)
class TargetUnavailableError(TargetError):
    """The place that runs services cannot be reached."""

    target: str
    cause: str
    advice: str

    @property
    def message(self) -> str:
        return f"The target {self.target!r} is not available: {self.cause}."

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class UnsupportedError(TargetError):
    """A target has no such ability."""

    target: str
    ability: str

    @property
    def message(self) -> str:
        return f"The target {self.target!r} has no {self.ability}."


@dataclass(eq=False)
class BaseImageError(TargetError):
    """The base image is missing, or is not one that the environment can run on."""

    image: str
    problem: str
    advice: str

    @property
    def message(self) -> str:
        return f"The base image {self.image!r} cannot be used: {self.problem}."

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class ImageBuildError(TargetError):
    """A container image could not be built."""

    image: str
    problem: str
    build_log: str = ""

    @property
    def message(self) -> str:
        return f"Building the image {self.image!r} failed: {self.problem}."

    @property
    def evidence(self) -> str:
        return self.build_log


@dataclass(eq=False)
class NameTakenError(TargetError):
    """Another bundle is deployed under this name, or the same one is run in another way."""

    name: str
    target: str
    differences: Sequence[str] = ()

    @property
    def message(self) -> str:
        differs = f" It differs in: {', '.join(self.differences)}." if self.differences else ""
        return f"Something else is already deployed as {self.name!r} on {self.target!r}.{differs}"

    @property
    def hint(self) -> str:
        return "Choose another name, delete that deployment, or pass overwrite=True (--overwrite)."


@dataclass(eq=False)
class PortTakenError(TargetError):
    """Another program listens on the port that was asked for."""

    port: int

    @property
    def message(self) -> str:
        return f"Port {self.port} on 127.0.0.1 is already in use."

    @property
    def hint(self) -> str:
        return "Choose another port, or leave it out to get a free one."


@dataclass(eq=False)
class DeploymentNotFoundError(TargetError):
    """No deployment goes by this name."""

    name: str
    target: str
    known: Sequence[str] = ()
    has_failed: bool = False

    @property
    def message(self) -> str:
        return (
            f"There is no deployment named {self.name!r} on {self.target!r}"
            f"{nearest(self.name, self.known)}."
        )

    @property
    def hint(self) -> str:
        if self.has_failed:
            return f"Its last deployment failed: modelship doctor {self.name} tells why."
        if not self.known:
            return f"Nothing is deployed on {self.target!r}."
        return f"Deployed there: {', '.join(self.known)}."


@dataclass(eq=False)
class NoEarlierReleaseError(TargetError):
    """A service has no release before the one that serves, to go back to."""

    name: str
    numbers: Sequence[int] = ()

    @property
    def message(self) -> str:
        return f"{self.name!r} has no release to go back to: the one that serves is its first."

    @property
    def hint(self) -> str:
        if self.numbers:
            numbers = ", ".join(map(str, self.numbers))
            return (
                f"To serve the release of another change, pass its number, to= (--to): {numbers}."
            )
        return "Nothing needs to be undone; to serve another bundle, update the service."


def _named(diagnosis: Diagnosis) -> str:
    """Return the cause with its place and its code, to go on in a sentence."""
    place = ", ".join(part for part in (diagnosis.where, diagnosis.code) if part)
    return f"{diagnosis.cause.rstrip('.')} ({place})"


@dataclass(eq=False)
class DeploymentFailedError(TargetError):
    """A service did not become healthy, or ended. ``diagnosis`` names the cause, if it is known."""

    name: str
    target: str
    state: str
    problem: str
    log_tail: str = ""
    operation_id: str = ""
    diagnosis: Diagnosis | None = None

    @property
    def message(self) -> str:
        cause = _named(self.diagnosis) if self.diagnosis else self.problem
        operation = f" (operation {self.operation_id})" if self.operation_id else ""
        return f"{self.name!r} on {self.target!r} is {self.state}: {cause}{operation}."

    @property
    def evidence(self) -> str:
        if self.diagnosis is None:
            return self.log_tail
        # That it has ended is all that the problem of a failed one tells, unless Azure tells it.
        told = self.problem if self.operation_id or self.state != "Failed" else ""
        lines = self.diagnosis.evidence
        known = not told or any(line.rstrip(".") in told for line in lines if line)
        return "\n".join(lines if known and lines else (told, *lines)).strip("\n")

    @property
    def hint(self) -> str:
        if self.diagnosis is not None:
            return self.diagnosis.remedy
        return "Fix the error shown in the log above, and deploy again." if self.log_tail else ""


@dataclass(eq=False)
class DeploymentTimeoutError(TargetError):
    """A deadline passed before the service was healthy. ``diagnosis`` says why, if known."""

    name: str
    target: str
    doing: str
    timeout_s: float
    log_tail: str = ""
    diagnosis: Diagnosis | None = None

    @property
    def message(self) -> str:
        cause = f": {_named(self.diagnosis)}" if self.diagnosis else ""
        return (
            f"{self.name!r} on {self.target!r} was not healthy within {self.timeout_s:g} s{cause}; "
            f"the step under way was {self.doing!r}."
        )

    @property
    def evidence(self) -> str:
        return "\n".join(self.diagnosis.evidence) if self.diagnosis else self.log_tail

    @property
    def hint(self) -> str:
        if self.diagnosis is not None:
            return self.diagnosis.remedy
        return "Give it more time with timeout_s= (--timeout), or make init() faster."


@dataclass(eq=False)
class RolloutFailedError(TargetError):
    """A new release was tried and must not take over. ``report`` is that of its gate, if it failed.

    ``figures`` holds what was measured, by name; ``serves`` the digest of the release that serves
    on, or ``""``.
    """

    name: str
    target: str
    stage: str
    reason: str
    serves: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    report: Any = None
    advice: str = ""

    @property
    def message(self) -> str:
        reason = self.reason.rstrip(".")
        now = "the old one serves on" if self.serves else "nothing serves under this name"
        return (
            f"The new release of {self.name!r} on {self.target!r} did not pass the {self.stage}: "
            f"{reason}. It was removed, and {now}."
        )

    @property
    def evidence(self) -> str:
        return "\n".join(f"{name}: {value:g}" for name, value in self.figures.items())

    @property
    def hint(self) -> str:
        return self.advice


# --- scoring ----------------------------------------------------------------------------


class ScoringError(ModelshipError):
    """One request to a service did not come back with an answer."""

    exit_code = 8


@dataclass(eq=False)
class InvalidPayloadError(ScoringError):
    """A payload cannot be written as JSON."""

    problem: str
    advice: str = (
        "Send dicts, lists, strings, numbers or arrays; or the body itself as str or bytes."
    )

    @property
    def message(self) -> str:
        return f"The payload cannot be sent as JSON: {self.problem}."

    @property
    def hint(self) -> str:
        return self.advice


_BAD_REQUEST: Final = 400
_NOT_ALLOWED: Final = frozenset((401, 403))


@dataclass(eq=False)
class ScoringRequestError(ScoringError):
    """A service answered with an error status."""

    scoring_uri: str
    status: int
    request_id: str
    body: str
    problem: str = ""
    advice: str = ""

    @property
    def message(self) -> str:
        said = f": {self.problem}" if self.problem else ""
        return (
            f"{self.scoring_uri} answered {self.status} to request {self.request_id or '-'}{said}."
        )

    @property
    def evidence(self) -> str:
        return self.body

    @property
    def hint(self) -> str:
        if self.advice:
            return self.advice
        if self.status in _NOT_ALLOWED:
            return "Give a key of the service, which deployment.keys() (modelship keys NAME) has."
        if self.status == _BAD_REQUEST and self.body:
            return "Change the request as the answer says."
        return "The service's log has the traceback: deployment.logs() (modelship logs NAME)."


@dataclass(eq=False)
class ServiceUnreachableError(ScoringError):
    """No service answers at the scoring URI."""

    scoring_uri: str
    cause: str

    @property
    def message(self) -> str:
        return f"No service answers at {self.scoring_uri}: {self.cause}."

    @property
    def hint(self) -> str:
        return "See what it wrote last: deployment.logs() (modelship logs NAME)."


@dataclass(eq=False)
class ScoringTimeoutError(ScoringError):
    """A service did not answer in time."""

    scoring_uri: str
    timeout_s: float

    @property
    def message(self) -> str:
        return f"{self.scoring_uri} did not answer within {self.timeout_s:g} s."

    @property
    def hint(self) -> str:
        return "Send fewer rows at once, or give it more time with timeout_s=."


@dataclass(eq=False)
class ParityError(ScoringError):
    """Places answered the same requests differently. ``differences`` holds how."""

    places: Sequence[str]
    requests: int
    differences: Sequence[Any]  # modelship.parity.Difference, which lies above

    @property
    def message(self) -> str:
        differing = len({id(each.request) for each in self.differences})
        return (
            f"{', '.join(self.places)} differ in their answers to {differing} of "
            f"{self.requests} requests."
        )

    @property
    def evidence(self) -> str:
        return str(self.differences[0])

    @property
    def hint(self) -> str:
        return "Look what the script takes from where it runs: versions, variables, files, time."


@dataclass(eq=False)
class ReplayError(ScoringError):
    """Captured requests failed again."""

    place: str
    failed: int
    sent: int
    first: str

    @property
    def message(self) -> str:
        return f"{self.failed} of {self.sent} captured requests failed again on {self.place}."

    @property
    def evidence(self) -> str:
        return self.first

    @property
    def hint(self) -> str:
        return "The log of the service has the traceback, with the request's id."


# --- the workspace ----------------------------------------------------------------------


@dataclass(eq=False)
class ClientGenerationError(ScoringError):
    """A client could not be generated from the description of a service."""

    language: str
    problem: str
    advice: str
    said: str = ""

    @property
    def message(self) -> str:
        return f"The client in {self.language} was not generated: {self.problem}."

    @property
    def hint(self) -> str:
        return self.advice

    @property
    def evidence(self) -> str:
        return self.said


class WorkspaceError(ModelshipError):
    """The Azure ML workspace, or the way to it, is not as it should be."""

    exit_code = 9


@dataclass(eq=False)
class WorkspaceNotFoundError(WorkspaceError):
    """It is not known which workspace is meant, or there is none of this name."""

    problem: str
    advice: str

    @property
    def message(self) -> str:
        return f"No Azure ML workspace: {self.problem}."

    @property
    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class WorkspaceCredentialsError(WorkspaceError):
    """The credentials for a workspace are missing, expired or refused."""

    workspace: str
    cause: str

    @property
    def message(self) -> str:
        return f"The credentials for the workspace {self.workspace!r} were not taken: {self.cause}."

    @property
    def hint(self) -> str:
        return (
            "Sign in again (az login), or set AZUREML_SERVICE_PRINCIPAL_ID, _TENANT_ID and "
            "_PASSWORD; what you may do there is under Access control in the portal."
        )


@dataclass(eq=False)
class WorkspaceUnreachableError(WorkspaceError):
    """The services of Azure ML do not answer."""

    workspace: str
    doing: str
    cause: str
    advice: str = ""

    @property
    def message(self) -> str:
        return (
            f"The workspace {self.workspace!r} did not answer while it was asked to {self.doing}: "
            f"{self.cause}."
        )

    @property
    def hint(self) -> str:
        return self.advice or "Check the network and the proxy (HTTPS_PROXY), and try again."


@dataclass(eq=False)
class WorkspaceRequestError(WorkspaceError):
    """The services of Azure ML refused a request, or could not serve it."""

    workspace: str
    doing: str
    cause: str
    status: int | None = None
    detail: str = ""
    advice: str = ""

    @property
    def message(self) -> str:
        status = f" ({self.status})" if self.status else ""
        return f"The workspace {self.workspace!r} refused to {self.doing}{status}: {self.cause}."

    @property
    def evidence(self) -> str:
        return self.detail

    @property
    def hint(self) -> str:
        return self.advice


# --- the disk ---------------------------------------------------------------------------


@dataclass(eq=False)
class StorageError(ModelshipError):
    """Something cannot be kept on this machine, or read from it."""

    exit_code = 10

    path: str
    cause: str
    advice: str

    @property
    def message(self) -> str:
        return f"{self.path} cannot be used: {self.cause}."

    @property
    def hint(self) -> str:
        return self.advice
