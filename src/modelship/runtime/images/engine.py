"""Wrap the Docker SDK; no other module imports it."""

from __future__ import annotations

import io
import json
import os
import socket
import tarfile
import time
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from modelship.errors import ImageBuildError, MissingExtraError, PortTakenError
from modelship.runtime.images._docker_errors import translate
from modelship.runtime.images.inspection import Container, Image, unix_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import PurePosixPath

    from docker import DockerClient

    from modelship.progress import Deadline

__all__ = ["Engine", "connected"]

_CALL_TIMEOUT_S = 30
_GRACE_S = 5
_SHORTEST_WAIT_S = 1.0
_LINES_KEPT = 40
_CONFLICT = 409
_STEP = "#(nop)"  # what the builder writes where a step runs no command
_NO_MOUNT = "bind source path does not exist"
_PORT_TAKEN = ("port is already allocated", "address already in use")


@contextmanager
def connected() -> Iterator[Engine]:
    """Yield the engine that Docker's environment variables name; the SDK's errors become ours.

    Raises
    ------
    MissingExtraError
        If the Docker SDK is not installed.
    TargetUnavailableError
        If no engine answers, or it refuses what is asked of it.
    """
    try:
        import docker
    except ImportError as error:
        raise MissingExtraError(purpose="The docker target", extra="docker") from error
    import requests

    foreign = (docker.errors.DockerException, docker.errors.StreamParseError)
    try:
        client = docker.from_env(timeout=_CALL_TIMEOUT_S)
        try:
            yield Engine(client)
        finally:
            client.close()
    except (*foreign, requests.RequestException) as error:
        raise translate(error) from error


class Engine:
    """A Docker engine. Each call has a timeout, and what is gone already is no error to remove."""

    def __init__(self, client: DockerClient) -> None:
        import docker

        self._api = client.api
        self._errors = docker.errors

    def capacity(self) -> tuple[int, int]:
        """Return how many cores, and how many bytes of memory, the engine has."""
        info = self._api.info()
        return info["NCPU"], info["MemTotal"]

    def identity(self) -> str:
        """Return what tells the engine from others."""
        return str(self._api.info().get("ID") or self._api.base_url)

    @property
    def is_here(self) -> bool:
        """Whether the engine runs on this machine itself, and in no virtual one."""
        is_local = self._api.base_url.startswith("http+docker://")  # the SDK's for a Unix socket
        return is_local and self._api.info()["Name"] == socket.gethostname()

    # --- images ---------------------------------------------------------------------------

    def image(self, reference: str) -> Image | None:
        """Return the image that goes by this name or id, or None."""
        try:
            found = self._api.inspect_image(reference)  # type: ignore[no-untyped-call]  # its stub
        except self._errors.NotFound:
            return None
        return Image.from_inspection(found)

    def has_image(self, label: str) -> bool:
        """Return whether an image carries this label."""
        return bool(self._api.images(filters={"label": label}))

    def images(self, label: str) -> list[Image]:
        """Return every image that carries this label, those that have lost their name too."""
        listed: list[dict[str, Any]] = self._api.images(filters={"label": label})
        return [Image.from_listing(each) for each in listed]

    def load(self, archive: bytes) -> None:
        """Take an image, as ``docker save`` writes it, in the place of the one of its name."""
        told = self._api.load_image(archive)  # type: ignore[no-untyped-call]  # its stub
        for line in told:  # until the engine has done it
            if "error" in line:
                raise self._errors.ImageLoadError(line["error"])

    def every_image(self) -> list[Image]:
        """Return every image, also those that have no name and that no other one stands on."""
        listed = {each["Id"] for each in self._api.images()}
        found = (self.image(image_id) for image_id in sorted(listed))
        return [each for each in found if each is not None]

    def images_of_containers(self) -> list[Image]:
        """Return the image of every container, running or not, whoever made it."""
        used = {each["ImageID"] for each in self._api.containers(all=True)}
        found = (self.image(image_id) for image_id in sorted(used))
        return [each for each in found if each is not None]

    def pull(self, reference: str, *, deadline: Deadline) -> str:
        """Pull an image; return what the engine says if it cannot, else ``""``."""
        from docker import auth
        from docker.utils import parse_repository_tag

        repository, tag = parse_repository_tag(reference)
        registry, _ = auth.resolve_repository_name(repository)
        header = auth.get_config_header(self._api, registry)
        _, problem = self._follow(
            "/images/create",
            params={"fromImage": repository, "tag": tag or "latest"},
            headers={"X-Registry-Auth": header.decode()} if header else {},
            deadline=deadline,
        )
        return problem

    def build(
        self, context: Iterable[bytes], *, tag: str, deadline: Deadline, cache: bool = True
    ) -> str:
        """Build an image from a tar stream that holds a Dockerfile; return the end of the log.

        The build has no network, and gets nothing of this process's environment. It ends with
        the connection, so an interrupt ends it too.

        Raises
        ------
        ImageBuildError
            If it fails; with the end of its log.
        """
        log, problem = self._follow(
            "/build",
            params={
                "t": tag,
                "networkmode": "none",
                "nocache": not cache,
                "rm": True,
                "forcerm": True,
            },
            headers={"Content-Type": "application/x-tar"},
            data=context,
            deadline=deadline,
        )
        if problem:
            raise ImageBuildError(image=tag, problem=problem.rstrip(".\n"), build_log=log)
        return log

    def tag(self, reference: str, name: str) -> None:
        """Give an image one more name."""
        repository, _, tag = name.rpartition(":")
        self._api.tag(reference, repository, tag)

    def remove_image(self, reference: str) -> None:
        """Remove an image, unless something uses it."""
        with self._unless_gone_or_used():
            self._api.remove_image(reference)

    def sweep(self, label: str, *, sparing: str) -> None:
        """Remove what builds that carry one label left: images with no name, and containers.

        Images hand their labels down; containers that carry the label `sparing` are left alone.
        """
        with suppress(self._errors.APIError):
            for container in self.containers(labels=[label]):
                if sparing not in container.labels:
                    self._api.remove_container(container.name, v=True, force=True)
        # One by one: an engine refuses to prune while it prunes for somebody else.
        with suppress(self._errors.APIError):
            for image in self._api.images(quiet=True, filters={"dangling": True, "label": label}):
                self.remove_image(image)

    def sweep_steps(self, label: str) -> None:
        """Remove what builds of another program left that carry one label.

        Such as the Docker SDK's own, which keep a container for each step that runs nothing, and
        with it the image of that step. What was made to run is left alone.
        """
        filters: dict[str, Any] = {"label": label, "status": "created"}
        with suppress(self._errors.APIError):
            for container in self._api.containers(all=True, filters=filters):
                if _STEP in container["Command"]:
                    self._api.remove_container(container["Id"], v=True)
            for image in self._api.images(quiet=True, filters={"dangling": True, "label": label}):
                self.remove_image(image)

    def sweep_forgotten(self, label: str) -> None:
        """Remove images with no name that carry a label of this key and are a day old."""
        filters = {"dangling": True, "label": label, "until": "24h"}
        with suppress(self._errors.APIError):
            self._api.prune_images(filters)  # type: ignore[no-untyped-call]  # its stub

    # --- containers -----------------------------------------------------------------------

    def containers(self, *, labels: Sequence[str]) -> list[Container]:
        """Return every container that carries all of these labels, running or not."""
        listed: list[dict[str, Any]] = self._api.containers(
            all=True, filters={"label": list(labels)}
        )
        return [Container.from_listing(each) for each in listed]

    def container(self, name: str) -> Container | None:
        """Return one container, or None if there is none of this name."""
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
        entrypoint: Sequence[str] = (),
        command: Sequence[str] = (),
    ) -> None:
        """Create a container that does not run yet.

        `host` is what ``create_host_config`` takes; `volume` is a folder in the container that
        can be written from outside, and goes with it. An `entrypoint` goes before a `command`;
        without them the container runs what its image says.

        Raises
        ------
        FileNotFoundError
            If the engine does not see a folder that the container is to see.
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
                # Docker's config.json may hold a proxy with its password.
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
            If another program listens on `port`.
        """
        try:
            self._api.start(name)
        except self._errors.APIError as error:
            if port is not None and any(words in str(error) for words in _PORT_TAKEN):
                raise PortTakenError(port=port) from error
            raise

    def write(self, name: str, path: PurePosixPath, content: bytes, *, owner: int) -> None:
        """Write a file into a volume of a container, for one user of the container alone."""
        entry = tarfile.TarInfo(path.name)
        entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o400, owner, owner
        entry.mtime = time.time()
        header = entry.tobuf(tarfile.PAX_FORMAT)  # which has parts of seconds
        end = bytes(-len(content) % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
        self._api.put_archive(name, str(path.parent), header + content + end)

    def read(self, name: str, path: PurePosixPath) -> bytes | None:
        """Return a file of a container; None if it, or the container, is not there."""
        try:
            stream, _ = self._api.get_archive(name, str(path))
        except self._errors.NotFound:
            return None
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            file = archive.extractfile(path.name)
            return file.read() if file else None

    def logs(self, name: str) -> str:
        """Return what a container wrote, or ``""`` if it is gone."""
        log = b""
        with self._unless_gone_or_used():
            log = self._api.logs(name, stdout=True, stderr=True)
        return log.decode(errors="replace")

    def ran_out_of_memory(self, container: Container) -> bool:
        """Return whether the kernel ended a process of a container at its memory limit.

        The container's own state says so only of its first process. An engine remembers its last
        256 events.
        """
        if container.out_of_memory:
            return True
        filters = {"container": container.name, "event": "oom"}
        # The engine's clock may differ from ours, and until a later time it would wait.
        until: Any = unix_time(self._api.info()["SystemTime"])
        # All are read, since a stream that is left halfway keeps its connection.
        return bool([*self._api.events(since=1, until=until, filters=filters)])

    def remove(self, container: Container, *, grace_s: int = _GRACE_S) -> None:
        """End a container, asked first and forced after `grace_s` seconds, and remove it."""
        with self._unless_gone_or_used():
            if container.status == "paused":
                self._api.unpause(container.name)
            if container.status in {"running", "paused"}:
                self._api.stop(container.name, timeout=grace_s)
        with self._unless_gone_or_used():
            self._api.remove_container(container.name, v=True, force=True)

    @contextmanager
    def _unless_gone_or_used(self) -> Iterator[None]:
        try:
            yield
        except self._errors.NotFound:
            return
        except self._errors.APIError as error:
            if error.status_code != _CONFLICT:
                raise

    def _follow(
        self,
        path: str,
        *,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
        deadline: Deadline,
        data: Iterable[bytes] = (),
    ) -> tuple[str, str]:
        """Do what takes long, and return the end of its log and what went wrong.

        The SDK's own calls for it cannot be ended: they wait without a timeout, and keep the
        connection, and with it the build, when they are interrupted. Whoever is interrupted here
        can clean up: the engine has stopped by then.
        """
        import requests

        deadline.check()
        try:
            with (
                self._api.post(
                    f"{self._api.base_url}/v{self._api.api_version}{path}",
                    params=params,
                    headers=headers,
                    data=_until(deadline, data),
                    stream=True,
                    timeout=max(deadline.remaining_s, _SHORTEST_WAIT_S),
                ) as response,
                _stopped_with(response),
            ):
                return _read_log(response, deadline)
        except requests.RequestException:
            deadline.check()
            raise


def _until(deadline: Deadline, data: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in data:
        deadline.check()
        yield chunk


@contextmanager
def _stopped_with(response: Any) -> Iterator[None]:
    """Run the body, and if it fails or is ended, have the engine stop what it answers.

    It stops when nobody can ask any more, but not at once: the step of a build that it is at
    becomes an image still. So the connection is closed halfway, and its end awaited for some time.
    """
    # A descriptor of our own, since whoever reads the answer closes the other one when it fails.
    with socket.socket(fileno=os.dup(response.raw.fileno())) as connection:
        try:
            yield
        except BaseException:
            end_s = time.monotonic() + _GRACE_S
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(_GRACE_S)
                while time.monotonic() < end_s and connection.recv(65536):
                    pass
            raise


def _read_log(response: Any, deadline: Deadline) -> tuple[str, str]:
    if not response.ok:
        return "", str(response.json().get("message", response.reason))
    lines: deque[str] = deque(maxlen=_LINES_KEPT)
    problem = ""
    for line in response.iter_lines():
        deadline.check()
        message = json.loads(line) if line else {}
        lines.extend(message.get("stream", "").splitlines())
        problem = message.get("error", problem)
    return "\n".join(line for line in lines if line.strip()), problem
