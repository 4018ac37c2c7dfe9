"""Define the interface that the author of a target implements.

A backend runs *instances* of releases. Names, validation, waiting, progress, smoke tests,
replacement, history and clean-up are implemented once, above it. The numbered clauses that a
backend has to satisfy are in ``docs/reference/target-contract.md``, and
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

    from modelship.bundle import ScoringBundle
    from modelship.progress import Deadline, Steps
    from modelship.targets.history import Journal
    from modelship.targets.instance import Instance
    from modelship.targets.release import Release
    from modelship.targets.state import State

__all__ = [
    "Observation",
    "Prepared",
    "SupportsDirect",
    "SupportsLend",
    "SupportsReplace",
    "SupportsRoute",
    "SupportsShares",
    "TargetBackend",
]


@dataclass(frozen=True)
class Prepared:
    """The result of :meth:`TargetBackend.prepare`; a backend derives its own class from it.

    Parameters
    ----------
    release : Release
        The release to start.
    """

    release: Release


@dataclass(frozen=True)
class Observation:
    """The state of an instance as its place reports it.

    Parameters
    ----------
    state : State
        The state of the instance.
    facts : Callable
        Returns facts in addition to the log, such as an exit code. They explain a failure: the
        function is called only then, and may take longer than the state.
    """

    state: State
    facts: Callable[[], Facts] = Facts


class TargetBackend(ABC):
    """A place that runs instances of releases. Subclass this to write a target.

    Register the class under its name in the entry-point group ``modelship.targets``. The keyword
    parameters of its constructor become the options of :meth:`DeployTarget.open
    <modelship.targets.DeployTarget.open>`: the location of the place, and its own options.
    :class:`Serving` defines how a bundle is served. A constructor does no work: it opens no
    connection and imports no vendor's SDK.
    """

    name: ClassVar[str]
    """The name of the target."""

    default_check: ClassVar[Literal["static", "trial"]] = "static"
    """The default of ``deploy(check=)``; a trial is worthwhile if a failure takes minutes."""

    serves: ClassVar[frozenset[str]] = frozenset()
    """The options of :class:`Serving` that the target supports."""

    @property
    def profile(self) -> Profile:
        """The limits of the place; a bundle is checked against them before it is deployed."""
        return PROFILES.get(self.name) or Profile(self.name)

    @property
    def options(self) -> Mapping[str, object]:
        """The place's own options for each instance, by name.

        An omitted option is None. A secret value is a :class:`~modelship.runtime.variables.Secret`.
        These options are part of a release: the same bundle with other options is another release.
        Options that only locate the place, such as a workspace, are not included.
        """
        return {}

    def check_serving(self, serving: Serving) -> None:
        """Check that the place supports this serving, before anything is built or sent.

        Raises
        ------
        InvalidOptionError
            If an option is set that the place does not support.
        """
        plain = Serving()
        for option, value in vars(serving).items():
            # An option that is off or empty requires nothing.
            if option not in self.serves and value and value != getattr(plain, option):
                shown = sorted(value) if isinstance(value, Mapping) else value
                raise InvalidOptionError(option, shown, self._without(option))

    def check_bundle(self, bundle: ScoringBundle) -> None:  # noqa: B027 - optional
        """Check that the place supports this bundle, before anything is built or sent.

        What :attr:`profile` has limits for is checked later, with the rest of the bundle.

        Raises
        ------
        InvalidOptionError
            If a part of the bundle is not supported.
        """

    def _without(self, option: str) -> str:
        """Return the remedy for an option that the place does not support."""
        others = [f"{each!r}" for each in targets_that_keep(option) if each != self.name]
        able = f"; supported by {' and '.join(others)}" if others else ""
        return f"no value: the target {self.name!r} does not support it{able}"

    def runs_beside(self, release: Release, current: Instance | None) -> bool:  # noqa: ARG002 - for those that look at them
        """Return whether an instance of it can start while `current`, of the same name, runs."""
        return True

    @abstractmethod
    def prepare(self, release: Release, steps: Steps) -> Prepared:
        """Build the prerequisites of `release`, such as its environment or image.

        The result is cached: calling this again is cheap, and creates no instance.
        """

    @abstractmethod
    def start(self, draft: Instance, prepared: Prepared, steps: Steps) -> Instance:
        """Start an instance and return its record with its address, without waiting for it.

        As soon as anything runs, :meth:`instances` lists it: a killed process loses nothing.
        """

    @abstractmethod
    def instances(self, name: str | None = None) -> Sequence[Instance]:
        """Return the record of every instance of this place, running or not, from any process.

        Parameters
        ----------
        name : str, optional
            Return only those of this service.
        """

    @abstractmethod
    def observe(self, instance: Instance) -> Observation:
        """Return the instance's current state within a few seconds; a missing one has failed."""

    @abstractmethod
    def logs(self, instance: Instance) -> str:
        """Return everything that the instance wrote, or ``""`` if it is gone."""

    def log_end(self, instance: Instance, *, lines: int) -> str:
        """Return the last lines that the instance wrote; override it where the log may be long."""
        return last_lines(self.logs(instance), lines)

    @abstractmethod
    def stop(self, instance: Instance, *, grace_s: float = 5.0) -> None:
        """Stop the instance and remove everything that belongs to it alone. Idempotent.

        Parameters
        ----------
        instance : Instance
            The instance to stop.
        grace_s : float
            Seconds that requests in progress may still take.
        """

    def retire(self, instance: Instance, *, grace_s: float = 5.0) -> None:
        """Stop an instance that another one has replaced; parameters as :meth:`stop`.

        A place may keep it instead, without requests, for a quick rollback: :meth:`start` then
        returns the record of that instance for a draft of its release.
        """
        self.stop(instance, grace_s=grace_s)

    def within(self, deadline: Deadline) -> TargetBackend:  # noqa: ARG002 - this machine is always fast
        """Return the same place; requests to another machine end at the deadline."""
        return self

    def alone(self, name: str, *, timeout_s: float) -> AbstractContextManager[None]:
        """Lock the name `name`: nobody else changes its service meanwhile.

        By default, this locks out this user's other processes here; a killed one releases it.

        Parameters
        ----------
        name : str
            The service's.
        timeout_s : float
            Seconds to wait for the lock; then entering raises TimeoutError.
        """
        return exclusive(f"{self.name}-{name}", timeout_s=timeout_s)

    def releases(self, name: str) -> KeptReleases:
        """Return the store of the releases that `name` can roll back to: local by default."""
        return KeptReleases(self.name, name)

    def journal(self, name: str) -> Journal:
        """Return the store of the history of the service `name`: local by default."""
        return FolderJournal(state_folder() / "history" / self.name, name=name)


@runtime_checkable
class SupportsReplace(Protocol):
    """A backend that updates a service in place, which keeps its address."""

    def replace(
        self, current: Instance, draft: Instance, prepared: Prepared, steps: Steps
    ) -> Instance:
        """Update the service to what `draft` describes, and return its record.

        The place stores what is needed to restore `current` before anything is changed.
        """

    def restore(self, current: Instance, steps: Steps) -> None:
        """Restore the service to `current` after a replacement that failed or was interrupted."""


@runtime_checkable
class SupportsRoute(Protocol):
    """A backend whose names have an address that does not belong to one instance.

    Instances that share a listening socket accept from it or not, and a place with traffic rules
    changes those. No request is lost when that changes.
    """

    def accept(self, instance: Instance, *, on: bool) -> None:
        """Set whether requests to the name reach the instance; return once in effect."""


@runtime_checkable
class SupportsDirect(Protocol):
    """A backend whose instances of one name share a URI, at which a header selects one of them."""

    def direct_headers(self, instance: Instance) -> Mapping[str, str]:
        """Return the headers of a request to this instance, whatever the name's routing is."""


@runtime_checkable
class SupportsLend(SupportsRoute, Protocol):
    """A backend with an address that another process can temporarily take over.

    Required by a canary and a shadow: a router then accepts the connections to the address, which
    is a listening socket that the instances of a name share.
    """

    def address(self, instance: Instance) -> socket.socket:
        """Return a duplicate of the listening socket of the name's address."""

    def lend(self, instance: Instance) -> socket.socket:
        """Stop the instance from accepting connections to the address while a connection is open.

        Return the connection when that is in effect. Once this end of it is closed, with all its
        duplicates, the instance accepts connections to the address again, unless :meth:`accept` has
        been called for it since. So the address is always served, whichever process is killed.
        """


@runtime_checkable
class SupportsShares(SupportsRoute, Protocol):
    """A backend whose place divides the requests to a name among its instances.

    A canary and a shadow then need no router in front of the address.
    """

    def share(self, new: Instance, old: Instance, *, percent: int) -> None:
        """Route `percent` of the requests to `new` and all others to `old`."""

    def mirror(self, new: Instance, old: Instance, *, percent: int) -> None:
        """Route all requests to `old`, and copies of `percent` of them to `new`."""
