"""The target ``memory``: services in threads of this process, for fast tests.

It is the reference that the target contract is read against: the same states, errors and HTTP as
the real targets, with no environment, no process and no container.
"""

from __future__ import annotations

import atexit
import threading
import traceback
from typing import TYPE_CHECKING, ClassVar

from modelship.bundle.profile import Profile
from modelship.targets import Instance, Observation, Prepared, State, TargetBackend
from modelship.targets.history import MemoryJournal
from modelship.testing.capture import Log
from modelship.testing.loopback import ScoringServer
from modelship.testing.script import Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.bundle import ScoringBundle
    from modelship.targets import Release, Steps
    from modelship.targets.history import Journal

__all__ = ["MemoryBackend"]

_GRACE_S = 5.0


class _Service:
    """One script behind one port, in a thread."""

    def __init__(self, draft: Instance, bundle: ScoringBundle) -> None:
        self._log = Log()
        module_name = f"modelship_memory_{draft.instance_id.replace('-', '_')}"
        self._script = Script(bundle, module_name=module_name, log=self._log)
        self._server = ScoringServer(self._script.run, log=self._log)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name=module_name, daemon=True)
        self.instance = draft.at(self._server.scoring_uri)
        self.state = State.TRANSITIONING

    @property
    def log(self) -> str:
        return self._log.text

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """End the thread, close the port and remove the folder.

        An ``init()`` or ``run()`` that never returns cannot be ended in one process: its thread
        is left alone after a few seconds.
        """
        self._ended.set()
        self._script.remove()
        self._thread.join(_GRACE_S)
        self._server.server_close()
        self.state = State.FAILED

    def _live(self) -> None:
        try:
            self._script.load()
        except BaseException:  # noqa: BLE001 - a script that exits must not take this process along
            self._log.write(traceback.format_exc())
            self.state = State.FAILED
            self._server.server_close()
            return
        self.state = State.HEALTHY
        while not self._ended.is_set():
            self._server.handle_request()


_SERVICES: dict[str, _Service] = {}
_JOURNALS: dict[str, MemoryJournal] = {}


class MemoryBackend(TargetBackend):
    """Runs each service in a thread of this process, on 127.0.0.1.

    The bundle's script is imported into this process, whose packages it uses: its environment is
    not built, so give :func:`~modelship.testing.offline_bundle` a bundle to have none resolved.
    ``init()`` finds ``AZUREML_MODEL_DIR`` as in a service, and calls of ``run()`` wait for each
    other. A module that lies beside the script has to be imported at its top or in ``init()``.

    All objects of this class show the same services; they end with this process.
    """

    name: ClassVar[str] = "memory"

    @property
    def profile(self) -> Profile:
        """A place where the script runs in this process, with the packages that it has."""
        return Profile("memory", installs_lock=False)

    def prepare(self, release: Release, steps: Steps) -> Prepared:  # noqa: ARG002 - there is nothing to build
        return Prepared(release)

    def start(
        self,
        draft: Instance,
        prepared: Prepared,
        steps: Steps,  # noqa: ARG002 - nothing here takes long enough to tell
    ) -> Instance:
        service = _Service(draft, prepared.release.bundle)
        _SERVICES[draft.instance_id] = service
        service.begin()
        return service.instance

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

    def crash(self, instance: Instance) -> None:
        """End the service as if its process had died: it stays listed, and is Failed."""
        service = _SERVICES.get(instance.instance_id)
        if service:
            service.end()


@atexit.register
def _end_all() -> None:
    while _SERVICES:
        _SERVICES.popitem()[1].end()
