"""Call the engine's API for containers."""

from __future__ import annotations

import io
import tarfile
import time
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from modelship.errors import PortTakenError
from modelship.runtime.images.engine_facts import EngineFacts
from modelship.runtime.images.inspection import Container
from modelship.runtime.images.long_calls import follow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import PurePosixPath

    from modelship.progress import Deadline

__all__ = ["ContainerCalls"]

_GRACE_S = 5
_CONFLICT = 409
_KILLED = 137
_REMOVAL_TIMEOUT_S = 180
_JUST_GONE = "unrecognized image ID"  # another process removes the same image at this moment
_NO_MOUNT = "bind source path does not exist"
_PORT_TAKEN = ("port is already allocated", "address already in use")


class ContainerCalls(EngineFacts):
    """The container methods of an engine, separate from those for images."""

    _errors: Any

    def containers(self, *, labels: Sequence[str]) -> list[Container]:
        """Return all containers with all of these labels, running or not."""
        listed: list[dict[str, Any]] = self._api.containers(
            all=True, filters={"label": list(labels)}
        )
        return [Container.from_listing(each) for each in listed]

    def container(self, name: str) -> Container | None:
        """Return one container, or None if none has this name."""
        try:
            return Container.from_inspection(self._api.inspect_container(name))
        except self._errors.NotFound:
            return None

    def create(
        self,
        name: str,
        *,
        image: str,
        labels: Mapping[str, str],
        environment: Mapping[str, str],
        host: Mapping[str, Any],
        volume: str = "",
        port: int | None = None,
        entrypoint: Sequence[str] = (),
        command: Sequence[str] = (),
    ) -> None:
        """Create a container without starting it.

        `host` has the arguments of ``create_host_config``. `volume` is a folder in the container
        that can be written from outside, and is removed with the container. A `port` that is
        published has to be named, unless the image exposes it. An `entrypoint` is prepended to a
        `command`; without both, the container runs the default command of its image.

        Raises
        ------
        FileNotFoundError
            If the engine cannot access a folder that is mounted into the container.
        """
        try:
            self._api.create_container(
                image,
                command=list(command) or None,
                entrypoint=list(entrypoint) or None,
                name=name,
                labels=dict(labels),
                environment=dict(environment),
                host_config=self._api.create_host_config(**host),
                volumes=[volume] if volume else None,
                ports=[port] if port is not None else None,
                # Docker's config.json may contain a proxy URL with a password.
                use_config_proxy=False,
            )
        except self._errors.APIError as error:
            if _NO_MOUNT in str(error):
                raise FileNotFoundError(str(error)) from error
            raise

    def start(self, name: str, *, port: int | None) -> None:
        """Start a container that was created.

        Raises
        ------
        PortTakenError
            If another program is listening on `port`.
        """
        try:
            self._api.start(name)
        except self._errors.APIError as error:
            if port is not None and any(words in str(error) for words in _PORT_TAKEN):
                raise PortTakenError(port=port) from error
            raise

    def write(self, name: str, path: PurePosixPath, content: bytes, *, owner: int) -> None:
        """Write a file into a volume of a container, readable only by one user of the container."""
        entry = tarfile.TarInfo(path.name)
        entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o400, owner, owner
        entry.mtime = time.time()
        header = entry.tobuf(tarfile.PAX_FORMAT)  # it has fractions of seconds
        end = bytes(-len(content) % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
        self._api.put_archive(name, str(path.parent), header + content + end)

    def unpack(self, name: str, archive: Iterable[bytes]) -> None:
        """Unpack a tar stream in a container whose root is writable; it need not run."""
        self._api.put_archive(name, "/", iter(archive))

    def fill(self, name: str, archive: Iterable[bytes], *, deadline: Deadline) -> str:
        """Unpack a tar stream as `unpack` does, however long it takes; return an error message."""
        _, problem = follow(
            self._api,
            f"/containers/{name}/archive",
            method="PUT",
            params={"path": "/"},
            headers={"Content-Type": "application/x-tar"},
            data=archive,
            deadline=deadline,
        )
        return problem

    def commit(
        self, name: str, *, tag: str, changes: Sequence[str], deadline: Deadline
    ) -> tuple[str, str]:
        """Create an image from a container; return its id, and the error message or ``""``.

        Without a `tag` it has no name. `changes` are instructions of a Dockerfile.
        """
        repository, _, version = tag.rpartition(":")
        return follow(
            self._api,
            "/commit",
            params={
                "container": name,
                "repo": repository,
                "tag": version,
                "changes": list(changes),
            },
            headers={"Content-Type": "application/json"},
            deadline=deadline,
        )

    def read(self, name: str, path: PurePosixPath) -> bytes | None:
        """Return a file of a container; None if the file or the container does not exist."""
        try:
            stream, _ = self._api.get_archive(name, str(path))
        except self._errors.NotFound:
            return None
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            file = archive.extractfile(path.name)
            return file.read() if file else None

    def logs(self, name: str) -> str:
        """Return the output of a container, or ``""`` if the container does not exist."""
        log: bytes = b""
        with self._unless_gone_or_used():
            log = self._api.logs(name, stdout=True, stderr=True)
        return log.decode(errors="replace")

    def ran_out_of_memory(self, container: Container) -> bool:
        """Return whether the kernel killed a process of a container at its memory limit.

        The state of the container shows that only for its first process. An engine stores its last
        256 events.
        """
        return container.out_of_memory or bool(self._events(container, "oom"))

    def was_killed_for_memory(self, container: Container) -> bool | None:
        """Return whether a container was killed because of its memory limit; None if nobody knows.

        An engine does not hear of it if the control group of the container goes too soon. But it
        knows who was sent a signal through it.
        """
        if self.ran_out_of_memory(container):
            return True
        if container.exit_code != _KILLED:
            return False
        events = reversed(self._events(container, "start", "kill", "die"))
        return None if [*takewhile("start".__ne__, events)] == ["die"] else False

    def _events(self, container: Container, *kinds: str) -> list[str]:
        """Return the stored events of a container that are of these kinds, oldest first."""
        filters = {"container": container.name, "event": list(kinds)}
        # The clock of the engine may differ from ours; with a later time, the call would block.
        until: Any = self.now()
        told = self._api.events(since=1, until=until, filters=filters, decode=True)
        # Read the stream to its end, since its connection stays open otherwise.
        return [each["Action"] for each in [*told]]

    def remove(self, container: Container, *, grace_s: int = _GRACE_S) -> None:
        """Stop a container, kill it after `grace_s` seconds, and remove it."""
        with self._unless_gone_or_used():
            if container.status == "paused":
                self._api.unpause(container.name)
            if container.status in {"running", "paused"}:
                self._api.stop(container.name, timeout=grace_s)
        self.discard(container.name)

    def discard(self, name: str) -> None:
        """Remove a container at once."""
        with self._unless_gone_or_used():
            self._api.remove_container(name, v=True, force=True)

    @contextmanager
    def _unless_gone_or_used(self) -> Iterator[None]:
        # An engine deletes the files first, and meanwhile waits for other deletions and builds.
        usual_s, self._api.timeout = self._api.timeout, _REMOVAL_TIMEOUT_S
        try:
            yield
        except self._errors.NotFound:
            return
        except self._errors.APIError as error:
            if error.status_code != _CONFLICT and _JUST_GONE not in str(error):
                raise
        finally:
            self._api.timeout = usual_s
