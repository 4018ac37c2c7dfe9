"""Define the target ``memory``: services in threads of this process, for fast tests.

It is the reference implementation of the target contract: it has the same states, errors and HTTP
behavior as the real targets, without an environment, a process or a container.
"""

from __future__ import annotations

import atexit
import select
import socket
import threading
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from modelship.bundle.profile import Profile
from modelship.targets import Instance, Observation, Prepared, State, TargetBackend
from modelship.targets.address import listen, port_of
from modelship.targets.history import MemoryJournal
from modelship.testing.loopback import ScoringServer
from modelship.testing.scripted_service import ScriptedService
from modelship.testing.thread_output import Log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.bundle import ScoringBundle
    from modelship.targets import Release, Steps
    from modelship.targets.history import Journal

__all__ = ["MemoryBackend"]

_GRACE_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.02  # also the delay of a shutdown
_DESCRIBED: Final = {"swagger2.json": "2", "swagger3.json": "3"}


def _descriptions(bundle: ScoringBundle) -> dict[str, str]:
    """Return the descriptions next to the script, by version."""
    files = {each.path: each.content.decode() for each in bundle.source if each.path in _DESCRIBED}
    return {_DESCRIBED[path]: text for path, text in files.items()}


class _Service:
    """One script in a thread, served on two ports: its own and that of its name's address."""

    def __init__(self, draft: Instance, release: Release, address: socket.socket) -> None:
        self._log = Log()
        self._address = address
        self._accepting = False
        self._loan: socket.socket | None = None  # the address stays lent while this runs
        self._taking = threading.Lock()
        serving = release.serving
        self._script = ScriptedService(
            release.bundle,
            log=self._log,
            variables={**serving.variables, **serving.secret_environment},
        )
        self._server = ScoringServer(
            self._script.answer, descriptions=_descriptions(release.bundle)
        )
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._live, name=f"modelship_memory_{draft.instance_id}", daemon=True
        )
        port = address.getsockname()[1]
        self.record = draft.at(f"http://127.0.0.1:{port}/score", own_uri=self._server.scoring_uri)
        self.state = State.TRANSITIONING

    @property
    def instance(self) -> Instance:
        return replace(self.record, routed=self._accepting or self._loan is not None)

    @property
    def log(self) -> str:
        return self._log.text

    def begin(self) -> None:
        self._thread.start()

    def address(self) -> socket.socket:
        return self._address.dup()

    def accept(self, *, on: bool) -> None:
        with self._taking:  # so that no connection is being accepted when this returns
            self._accepting = on
            self._end_loan()

    def lend(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        self.accept(on=False)
        self._loan = ours
        return theirs

    def _end_loan(self) -> None:
        if self._loan is not None:
            self._loan.close()
            self._loan = None

    def end(self) -> None:
        """Stop the thread, close the ports and remove the folder.

        An ``init()`` or ``run()`` that never returns cannot be stopped within a process: its thread
        is abandoned after a few seconds.
        """
        self._ended.set()
        self._script.remove()
        self._thread.join(_GRACE_S)
        self._close()

    def _close(self) -> None:
        self._end_loan()
        self._server.server_close()
        self._address.close()
        self.state = State.FAILED

    def _live(self) -> None:
        try:
            self._script.load()
        except BaseException:  # noqa: BLE001 - a script that exits must not take this process along
            self._log.write(traceback.format_exc())
            self._close()
            return
        self.state = State.HEALTHY
        while not self._ended.is_set():
            self._take()

    def _take(self) -> None:
        """Accept connections, for a moment."""
        self._look_at_loan()
        own = self._server.socket
        listeners = [own, self._address] if self._accepting else [own]
        for ready in select.select(listeners, [], [], _LOOK_EVERY_S)[0]:
            with self._taking:
                if ready is own or self._accepting:
                    self._server.take(ready)

    def _look_at_loan(self) -> None:
        """Take the address back if its borrower has exited: nothing is ever sent."""
        with self._taking:
            if self._loan is not None and select.select([self._loan], [], [], 0)[0]:
                self._accepting = True
                self._end_loan()


_SERVICES: dict[str, _Service] = {}
_JOURNALS: dict[str, MemoryJournal] = {}


class MemoryBackend(TargetBackend):
    """Runs each service in a thread of this process, on 127.0.0.1.

    The bundle's script is imported into this process and uses its packages. The environment is not
    built: pass the bundle through :func:`~modelship.testing.offline_bundle` so that none is
    resolved either. ``init()`` finds ``AZUREML_MODEL_DIR`` as in a service, and the variables of
    the serving; calls of ``run()`` are serialized. A module next to the script has to be imported
    at the top of the script or in ``init()``.

    All objects of this class share the same services, which end with this process.
    """

    name: ClassVar[str] = "memory"

    serves: ClassVar[frozenset[str]] = frozenset({"port", "variables", "secrets"})

    @property
    def profile(self) -> Profile:
        """A place that runs the script in this process, with the packages installed here."""
        return Profile("memory", installs_lock=False)

    def prepare(self, release: Release, steps: Steps) -> Prepared:  # noqa: ARG002 - there is nothing to build
        return Prepared(release)

    def start(
        self,
        draft: Instance,
        prepared: Prepared,
        steps: Steps,  # noqa: ARG002 - nothing here takes long enough to report
    ) -> Instance:
        release = prepared.release
        address = self._address_for(draft.name, port=release.serving.port)
        try:
            service = _Service(draft, release, address)
        except BaseException:
            address.close()
            raise
        _SERVICES[draft.instance_id] = service
        service.begin()
        return service.record

    def instances(self, name: str | None = None) -> Sequence[Instance]:
        found = [service.instance for service in list(_SERVICES.values())]
        return [each for each in found if name in {None, each.name}]

    def observe(self, instance: Instance) -> Observation:
        service = _SERVICES.get(instance.instance_id)
        return Observation(service.state if service else State.FAILED)

    def logs(self, instance: Instance) -> str:
        service = _SERVICES.get(instance.instance_id)
        return service.log if service else ""

    def stop(self, instance: Instance, *, grace_s: float = _GRACE_S) -> None:  # noqa: ARG002 - see _Service.end
        service = _SERVICES.pop(instance.instance_id, None)
        if service:
            service.end()

    def journal(self, name: str) -> Journal:
        return _JOURNALS.setdefault(name, MemoryJournal())

    def address(self, instance: Instance) -> socket.socket:
        return _SERVICES[instance.instance_id].address()

    def accept(self, instance: Instance, *, on: bool) -> None:
        _SERVICES[instance.instance_id].accept(on=on)

    def lend(self, instance: Instance) -> socket.socket:
        return _SERVICES[instance.instance_id].lend()

    def crash(self, instance: Instance) -> None:
        """Stop the service as if its process had died: it stays listed, as Failed."""
        service = _SERVICES.get(instance.instance_id)
        if service:
            service.end()

    def _address_for(self, name: str, *, port: int | None) -> socket.socket:
        """Return the listening socket of a name: its instances', or one on their port."""
        mine = self.instances(name)
        for each in mine:
            is_asked_for = port in {None, port_of(each.scoring_uri)}
            if is_asked_for and self.observe(each).state is not State.FAILED:
                return self.address(each)
        listener = listen(port or next((port_of(each.scoring_uri) for each in mine), None))
        listener.setblocking(False)
        return listener


@atexit.register
def _end_all() -> None:
    while _SERVICES:
        _SERVICES.popitem()[1].end()
