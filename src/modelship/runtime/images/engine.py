"""Wrap the Docker SDK; no other module imports it."""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from modelship.errors import ImageBuildError, MissingExtraError
from modelship.runtime.images._docker_errors import translate
from modelship.runtime.images.container_calls import ContainerCalls
from modelship.runtime.images.inspection import Image
from modelship.runtime.images.long_calls import follow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from docker import APIClient, DockerClient

    from modelship.progress import Deadline

__all__ = ["Engine", "connected"]

_CALL_TIMEOUT_S = 30
_STEP = "#(nop)"  # what the builder writes where a step runs no command


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


class Engine(ContainerCalls):
    """A Docker engine. Each call has a timeout, and what is gone already is no error to remove."""

    def __init__(self, client: DockerClient) -> None:
        import docker

        self._api: APIClient = client.api
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
        _, problem = follow(
            self._api,
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
        log, problem = follow(
            self._api,
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
