"""Define errors of targets and deployments."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelship.errors.base_error import ModelshipError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.findings import Diagnosis

__all__ = [
    "BaseImageError",
    "DeploymentFailedError",
    "DeploymentNotFoundError",
    "DeploymentTimeoutError",
    "ImageBuildError",
    "ImagePushError",
    "NameTakenError",
    "NoEarlierReleaseError",
    "PortTakenError",
    "RolloutFailedError",
    "TargetError",
    "TargetUnavailableError",
    "UnsupportedError",
]


class TargetError(ModelshipError):
    """A target failed to perform an operation."""

    exit_code = 7


@dataclass(eq=False)
class TargetUnavailableError(TargetError):
    """A target is not available."""

    _message = "The target {target!r} is not available: {cause}."

    target: str
    cause: str
    advice: str


@dataclass(eq=False)
class UnsupportedError(TargetError):
    """A target does not support this operation."""

    _message = "The target {target!r} does not support {ability}."

    target: str
    ability: str


@dataclass(eq=False)
class BaseImageError(TargetError):
    """The base image is missing, or the environment cannot run on it."""

    _message = "The base image {image!r} cannot be used: {problem}."

    image: str
    problem: str
    advice: str


@dataclass(eq=False)
class ImageBuildError(TargetError):
    """A container image could not be built."""

    _message = "Building the image {image!r} failed: {problem}."
    _evidence = "{build_log}"

    image: str
    problem: str
    build_log: str = ""


@dataclass(eq=False)
class ImagePushError(TargetError):
    """A registry did not accept a container image."""

    _message = "The image {image!r} cannot be pushed: {problem}."

    image: str
    problem: str
    advice: str


@dataclass(eq=False)
class NameTakenError(TargetError):
    """Another bundle, or the same one with another serving, is deployed under this name."""

    _hint = "Choose another name, delete that deployment, or pass overwrite=True (--overwrite)."

    name: str
    target: str
    differences: Sequence[str] = ()

    @property
    def message(self) -> str:
        differs = f" It differs in: {', '.join(self.differences)}." if self.differences else ""
        return f"Something else is already deployed as {self.name!r} on {self.target!r}.{differs}"


@dataclass(eq=False)
class PortTakenError(TargetError):
    """Another program is using the requested port."""

    _message = "Port {port} on 127.0.0.1 is already in use."
    _hint = "Choose another port, or omit it to use a free one."

    port: int


@dataclass(eq=False)
class DeploymentNotFoundError(TargetError):
    """No deployment has this name."""

    name: str
    target: str
    known: Sequence[str] = ()
    has_failed: bool = False
    removed: Sequence[str] = ()

    @property
    def message(self) -> str:
        removed = "".join(f" Its damaged history, {each}, was removed." for each in self.removed)
        return (
            f"There is no deployment named {self.name!r} on {self.target!r}"
            f"{nearest(self.name, self.known)}.{removed}"
        )

    @property
    def hint(self) -> str:
        if self.has_failed:
            return f"Its last deployment failed: modelship doctor {self.name} explains why."
        if not self.known:
            return f"Nothing is deployed on {self.target!r}."
        return f"Deployed there: {', '.join(self.known)}."


@dataclass(eq=False)
class NoEarlierReleaseError(TargetError):
    """A service has no earlier release for a rollback."""

    name: str
    numbers: Sequence[int] = ()
    has_history: bool = True
    kept: Sequence[str] = ()

    @property
    def message(self) -> str:
        if not self.has_history:
            return f"The earlier releases of {self.name!r} are unknown: its history was removed."
        return f"{self.name!r} has no earlier release: the current one is its first."

    @property
    def hint(self) -> str:
        if self.kept:
            return (
                "This machine still has a bundle that it has served: modelship update "
                f"{self.name} {shlex.quote(self.kept[0])}"
            )
        if self.numbers:
            numbers = ", ".join(map(str, self.numbers))
            return (
                f"To serve the release of another change, pass its number with to= (--to): "
                f"{numbers}."
            )
        return "There is nothing to roll back; to serve another bundle, update the service."


@dataclass(eq=False)
class DeploymentFailedError(TargetError):
    """A service did not become healthy, or ended; ``diagnosis`` has the cause, if known."""

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
        # The problem of a stopped service says only that it stopped, unless Azure reports the
        # cause.
        told = self.problem if self.operation_id or self.state != "Failed" else ""
        lines = self.diagnosis.evidence
        known = not told or any(line.rstrip(".") in told for line in lines if line)
        return "\n".join(lines if known and lines else (told, *lines)).strip("\n")

    @property
    def hint(self) -> str:
        if self.diagnosis is not None:
            return self.diagnosis.advice
        return "Fix the error shown in the log above, and deploy again." if self.log_tail else ""


@dataclass(eq=False)
class DeploymentTimeoutError(TargetError):
    """A service was not healthy by the deadline; ``diagnosis`` has the cause, if known.

    ``blocked_by`` says who has been deploying the same name all the time, if that is the cause.
    """

    name: str
    target: str
    doing: str
    timeout_s: float
    log_tail: str = ""
    diagnosis: Diagnosis | None = None
    blocked_by: str = ""

    @property
    def message(self) -> str:
        if self.blocked_by:
            return (
                f"{self.name!r} on {self.target!r} was not deployed: for {self.timeout_s:g} s, "
                f"{self.blocked_by}."
            )
        cause = f": {_named(self.diagnosis)}" if self.diagnosis else ""
        return (
            f"{self.name!r} on {self.target!r} was not healthy within {self.timeout_s:g} "
            f"s{cause}; the "
            f"current step was {self.doing!r}."
        )

    @property
    def evidence(self) -> str:
        return "\n".join(self.diagnosis.evidence) if self.diagnosis else self.log_tail

    @property
    def hint(self) -> str:
        if self.diagnosis is not None:
            return self.diagnosis.advice
        if self.blocked_by:
            return (
                f"Wait until that deployment has ended, which modelship history {self.name} shows, "
                "and deploy again; or raise timeout_s= (--timeout)."
            )
        return "Raise timeout_s= (--timeout), or make init() faster."


@dataclass(eq=False)
class RolloutFailedError(TargetError):
    """A new release failed its gate, shadow or canary; ``report`` is that of the gate.

    ``figures`` holds the measurements, by name; ``serves`` the digest of the release that keeps
    serving, or ``""``.
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
        now = (
            "the old release keeps serving"
            if self.serves
            else "no release is running under this name"
        )
        return (
            f"The new release of {self.name!r} on {self.target!r} failed the {self.stage}: "
            f"{reason}. It was removed, and {now}."
        )

    @property
    def evidence(self) -> str:
        return "\n".join(f"{name}: {value:g}" for name, value in self.figures.items())


def _named(diagnosis: Diagnosis) -> str:
    """Return the cause with its place and its code, as part of a sentence."""
    place = ", ".join(part for part in (diagnosis.where, diagnosis.code) if part)
    return f"{diagnosis.problem.rstrip('.')} ({place})"
