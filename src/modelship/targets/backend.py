"""Define the interface that the author of a target implements.

A backend knows how to run *instances* of releases. Names, validation, waiting, progress, smoke
tests, replacement, history and clean-up are written once, above it. The numbered clauses that a
backend has to keep are in ``docs/reference/target-contract.md``, and
:class:`modelship.testing.TargetContract` tests them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

from modelship.bundle.profile import PROFILES, Profile
from modelship.diagnosis import Facts
from modelship.errors import InvalidOptionError
from modelship.state_paths import exclusive, state_folder
from modelship.targets.history import FolderJournal
from modelship.targets.kept import KeptReleases
from modelship.targets.known import targets_that_keep
from modelship.targets.logtail import last_lines
from modelship.targets.release import Serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from modelship.progress import Steps
    from modelship.targets.history import Journal
    from modelship.targets.instance import Instance
    from modelship.targets.release import Release
    from modelship.targets.state import State

__all__ = [
    "Observation",
    "Prepared",
    "SupportsLend",
    "SupportsReplace",
    "SupportsRoute",
    "TargetBackend",
]


@dataclass(frozen=True)
class Prepared:
    """What :meth:`TargetBackend.prepare` has made ready; a backend derives its own from it.

    Parameters
    ----------
    release : Release
        What is to be started.
    """

    release: Release


@dataclass(frozen=True)
class Observation:
    """What a place says of an instance.

    Parameters
    ----------
    state : State
        What it is doing.
    facts : Callable
        Returns what is known beside its log, such as an exit code. A failure is explained with it:
        it is asked only then, and may take longer than the state.
    """

    state: State
    facts: Callable[[], Facts] = Facts


class TargetBackend(ABC):
    """A place that runs instances of releases. Subclass this to write a target.

    Register the class under its name in the entry-point group ``modelship.targets``.
    The keyword parameters of its constructor become the options of
    :meth:`DeployTarget.open <modelship.targets.DeployTarget.open>`: they say where the place is,
    and what it has of its own. How a bundle is served is for :class:`Serving` to say. A
    constructor does no work: it opens no connection and imports no vendor's SDK.
    """

    name: ClassVar[str]
    """The name that the target goes by."""

    default_check: ClassVar[Literal["static", "trial"]] = "static"
    """What deploy() does before it builds anything; a trial pays where a failure takes minutes."""

    serves: ClassVar[frozenset[str]] = frozenset()
    """The options of :class:`Serving` that the place can keep."""

    @property
    def profile(self) -> Profile:
        """What the place allows; a bundle is judged by it before it is deployed."""
        return PROFILES.get(self.name) or Profile(self.name)

    @property
    def options(self) -> Mapping[str, object]:
        """What the place has of its own for each instance, by the name of the option.

        An option that is left out is None. What is secret is a
        :class:`~modelship.runtime.variables.Secret`. These options are part of a release, and the
        same bundle with others is another release. Options that say where the place is, such as a
        workspace, and not how it runs an instance, are left out.
        """
        return {}

    def check_serving(self, serving: Serving) -> None:
        """Check that the place can serve a bundle so, before anything is built or sent.

        Raises
        ------
        InvalidOptionError
            If an option is set that the place cannot keep.
        """
        plain = Serving()
        for option, value in vars(serving).items():
            # What is off, or empty, asks for nothing.
            if option not in self.serves and value and value != getattr(plain, option):
                shown = sorted(value) if isinstance(value, Mapping) else value
                raise InvalidOptionError(option, shown, self._without(option))

    def _without(self, option: str) -> str:
        """Return what is to be done about an option that the place cannot keep."""
        others = [f"{each!r}" for each in targets_that_keep(option) if each != self.name]
        able = f"; {' and '.join(others)} can" if others else ""
        return f"left out: the target {self.name!r} cannot keep it{able}"

    def runs_beside(self, release: Release, current: Instance | None) -> bool:  # noqa: ARG002 - for those that look at them
        """Return whether an instance of it can start while `current`, of the same name, runs."""
        return True

    @abstractmethod
    def prepare(self, release: Release, steps: Steps) -> Prepared:
        """Build what `release` needs before it can start, such as its environment or image.

        What is built is a cache: calling this again is cheap, and nothing of it is an instance.
        """

    @abstractmethod
    def start(self, draft: Instance, prepared: Prepared, steps: Steps) -> Instance:
        """Start an instance and return its record with where it answers, without waiting for it.

        From the first moment at which something runs, :meth:`instances` shows it, so that
        nothing is lost if this process dies.
        """

    @abstractmethod
    def instances(self, name: str | None = None) -> Sequence[Instance]:
        """Return the record of every instance here, running or not, made by any process.

        Parameters
        ----------
        name : str, optional
            Only those of this service.
        """

    @abstractmethod
    def observe(self, instance: Instance) -> Observation:
        """Return what the instance is doing now, within a few seconds; one that is gone failed."""

    @abstractmethod
    def logs(self, instance: Instance) -> str:
        """Return everything that the instance wrote, or ``""`` if it is gone."""

    def log_end(self, instance: Instance, *, lines: int) -> str:
        """Return the last lines that the instance wrote; override it where the log may be long."""
        return last_lines(self.logs(instance), lines)

    @abstractmethod
    def stop(self, instance: Instance, *, grace_s: float = 5.0) -> None:
        """End the instance and remove what belongs to it alone. Doing it twice is harmless.

        Parameters
        ----------
        instance : Instance
            What to end.
        grace_s : float
            Seconds that what is under way may still take.
        """

    def alone(self, name: str, *, timeout_s: float) -> AbstractContextManager[None]:
        """Hold the name `name`: nobody else changes what it serves meanwhile.

        By default, no other process of this user on this machine. One that is killed holds none.

        Parameters
        ----------
        name : str
            The service's.
        timeout_s : float
            Seconds to wait for another one that holds it; then entering raises TimeoutError.
        """
        return exclusive(f"{self.name}-{name}", timeout_s=timeout_s)

    def releases(self, name: str) -> KeptReleases:
        """Return where the releases of `name` are that it can go back to: here by default."""
        return KeptReleases(self.name, name)

    def journal(self, name: str) -> Journal:
        """Return where the history of the service `name` is kept: on this machine by default."""
        return FolderJournal(state_folder() / "history" / self.name, name=name)


@runtime_checkable
class SupportsReplace(Protocol):
    """A backend that changes a service in its place, which keeps its address."""

    def replace(
        self, current: Instance, draft: Instance, prepared: Prepared, steps: Steps
    ) -> Instance:
        """Let the service become what `draft` says, and return its record.

        What makes it `current` again is kept by the place before anything is changed.
        """

    def restore(self, current: Instance, steps: Steps) -> None:
        """Let the service be `current` again after a replacement that failed or was cut short."""


@runtime_checkable
class SupportsRoute(Protocol):
    """A backend whose names have an address that is not that of one instance.

    Instances of a name share a listening socket. Which of them takes what comes to it is told to
    them; no request is lost when that changes.
    """

    def address(self, instance: Instance) -> socket.socket:
        """Return a duplicate of the listening socket of the name's address."""

    def accept(self, instance: Instance, *, on: bool) -> None:
        """Let the instance take what comes to the address or not; return when that is so."""


@runtime_checkable
class SupportsLend(SupportsRoute, Protocol):
    """A backend with an address that something else may stand in front of for a while.

    A canary and a shadow need it: a router takes what comes to the address then.
    """

    def lend(self, instance: Instance) -> socket.socket:
        """Let the instance take nothing that comes to the address while a connection lasts.

        Return the connection when that is so. Once it has ended at this side, with every duplicate
        of it, the instance takes what comes to the address again, unless :meth:`accept` has been
        called for it since. So the address is never left to nobody, whoever is killed.
        """
