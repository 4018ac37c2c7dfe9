"""Run the containers of an offline workspace with modelship's own backends."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
import threading
from abc import abstractmethod
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from modelship.bundle import Resources
from modelship.errors import TargetUnavailableError
from modelship.state_paths import lock_file
from modelship.targets.backend import TargetBackend
from modelship.targets.instance import Instance
from modelship.targets.release import Release, Serving
from modelship.testing.offline.images import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.bundle.scoring_script import SourceFile
    from modelship.progress import Steps
    from modelship.testing.offline.custom_images import Runnable
    from modelship.testing.offline.pythons import PythonsHere, PythonsOfImages

__all__ = ["Compute", "Kind"]

Kind = Literal["process", "docker"]

_REAPER_S = 30.0
# Import modules from the same places as this process, never from the current folder; and only to
# stop containers: it takes longer than starting one.
_REAPER = (
    "import os, sys; _, path, folder = sys.argv; sys.path[:] = path.split(os.pathsep); "
    "sys.stdin.read() and sys.exit(); from {module} import {name}; {name}(folder).stop_all()"
)
_STOPPED = b"stopped"
_LOCK = "reaper.lock"


class Compute(TargetBackend):
    """A backend that runs the containers of one workspace, apart from all other instances.

    Parameters
    ----------
    folder : path
        Where it stores its files; it also separates the containers from those of another workspace.
    pythons : PythonsHere or PythonsOfImages
        The Pythons available for an environment.
    front_key : str
        The key that the servers require from clients; none if it is empty.
    **options
        Those of the backend.
    """

    source: ClassVar[tuple[SourceFile, ...]] = ()
    """The files that it needs in addition to those of a service."""

    can_be_measured: ClassVar[bool] = False
    """Whether :meth:`usage` is supported."""

    _has_gates: ClassVar[bool] = False  # the workspace is in front of them and forwards requests

    def __init__(
        self,
        folder: str | Path,
        *,
        pythons: PythonsHere | PythonsOfImages,
        front_key: str,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.pythons = pythons
        self._of_workspace = Path(folder)
        self._front_key = front_key
        self._starting = threading.local()
        self._reaper: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._guarding = threading.Lock()

    @abstractmethod
    def capacity(self) -> tuple[float, int]:
        """Return the cores and the memory, in bytes, of the machine; Azure has more."""

    @abstractmethod
    def ended(self, instance: Instance) -> bool:
        """Return whether nothing of a container is running; sends no request to its server."""

    @abstractmethod
    def ran_out_of_memory(self, instance: Instance) -> bool:
        """Return whether a container was killed at its memory limit."""

    def usage(self, instance: Instance) -> tuple[float, int]:
        """Return a container's CPU time so far, in seconds, and its memory, in bytes."""
        raise NotImplementedError

    def fit(self, resources: Resources) -> Resources:
        """Return `resources`, limited to what this machine has."""
        cores, memory_bytes = self.capacity()
        return Resources(
            cpu_cores=min(resources.cpu_cores, cores),
            memory_gb=min(resources.memory_gb, memory_bytes / 2**30),
        )

    def build(self, image: Image, steps: Steps) -> None:
        """Build what `image` needs before it can start."""
        self.prepare(_release_of(image), steps)

    def run(self, name: str, image: Runnable, steps: Steps) -> Instance:
        """Start a container, without waiting for it.

        It is stopped when this process exits, even if it is killed.
        """
        self._call_reaper()
        assert isinstance(image, Image)  # a process cannot be asked for another
        release = _release_of(image)
        self._starting.image = image
        draft, prepared = Instance.draft(release, name=name), self.prepare(release, steps)
        return self._kept(self.start(draft, prepared, steps))

    def _kept(self, instance: Instance) -> Instance:
        """Return a container that was started, unless everything has been stopped meanwhile."""
        if self._closed:
            self.stop(instance)
            raise TargetUnavailableError(
                target=self.name,
                cause="the offline workspace was closed",
                advice="Open it again, and deploy again.",
            )
        return instance

    def stop_all(self) -> None:
        """Stop all containers of this workspace, including those that an earlier process left."""
        for instance in self.instances():
            self.stop(instance)

    def close(self) -> None:
        """Stop all containers, also one that is being started, and what would stop them."""
        self._closed = True
        try:
            self.stop_all()
        except BaseException:
            self._end_reaper()
            raise
        self._end_reaper(_STOPPED)

    def _call_reaper(self) -> None:
        """Start a process that stops the containers once its standard input is closed.

        That of an earlier workspace in the folder, which was killed, has ended before: it stops
        what it finds there.
        """
        with self._guarding:
            if self._reaper is not None:
                return
            path = os.pathsep.join(str(Path(each).absolute()) for each in sys.path if each)
            program = _REAPER.format(module=type(self).__module__, name=type(self).__name__)
            with _locked(self._of_workspace / _LOCK) as lock:
                self._reaper = subprocess.Popen(
                    [sys.executable, "-I", "-c", program, path, str(self._of_workspace)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # so that Ctrl-C only reaches the workspace
                    pass_fds=[lock],  # it is locked until the process has ended
                )

    def _end_reaper(self, said: bytes = b"") -> None:
        if self._reaper is None:
            return
        try:
            self._reaper.communicate(said, timeout=_REAPER_S)
        except subprocess.TimeoutExpired:
            self._reaper.kill()
            self._reaper.communicate()

    @abstractmethod
    def _settings(self, app_root: str) -> str:
        """Return the path of a file of settings that the gunicorn of a container also reads."""

    def _variables(self, app_root: str) -> dict[str, str]:
        given = self._starting.image.variables
        # The settings come last, so that they override the user's own.
        settings = f"--config {shlex.quote(self._settings(app_root))}"
        arguments = f"{given.get('GUNICORN_CMD_ARGS', '')} {settings}".strip()
        own = {"GUNICORN_CMD_ARGS": arguments, "MODELSHIP_FRONT_KEY": self._front_key}
        return {**given, **own}


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Yield an open file that is locked, as soon as nobody else has it; some seconds at most."""
    with path.open("ab") as file:
        with suppress(TimeoutError):
            lock_file(file.fileno(), fcntl.LOCK_EX, timeout_s=_REAPER_S)
        yield file.fileno()


def _release_of(image: Image) -> Release:
    return Release(image.bundle, Serving(limits="aci"))
