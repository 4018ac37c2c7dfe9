"""Define DockerBackend: one container per instance, with its record in labels."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from modelship.errors import InvalidOptionError, StorageError
from modelship.runtime.images import labels
from modelship.runtime.images.dockerfiles import (
    APP_ROOT,
    KEYS,
    SECRETS,
    USER,
    command,
    with_secrets,
)
from modelship.runtime.images.engine import connected
from modelship.state_paths import state_folder
from modelship.targets.address import uri_of
from modelship.targets.backend import Observation, Prepared
from modelship.targets.docker import container as containers
from modelship.targets.docker import gates
from modelship.targets.docker.addressed import AddressedContainers
from modelship.targets.keys import ServiceKeys
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from modelship.diagnosis import Facts
    from modelship.progress import Steps
    from modelship.runtime.images.engine import Engine
    from modelship.runtime.images.inspection import Container
    from modelship.targets.history import Change
    from modelship.targets.instance import Instance
    from modelship.targets.release import Release

__all__ = ["DockerBackend"]

_NO_ADDRESS = (
    "note: this engine cannot pass the address of a name to a container. Requests go to the "
    "container's own port; to keep that in an update, set one: Serving(port=...)"
)
_IMAGE = re.compile(r"[\w][\w.:/@-]*", re.ASCII)
_GRACE_S = 5.0
# An unhealthy container was healthy before, or had a minute to become healthy.
_ANSWERED_BEFORE = frozenset({"healthy", "unhealthy"})


class DockerBackend(AddressedContainers):
    """Runs each service as a container of a Docker engine, published on 127.0.0.1.

    The engine is selected by ``DOCKER_HOST`` and related variables. A container runs as user 1000
    on a read-only root with a writable ``/tmp``, without capabilities, and within the bundle's
    ``memory_gb`` and ``cpu_cores``.

    Parameters
    ----------
    base_image : str, optional
        An image with glibc and the bundle's Python, as ``python3`` on its path. Default:
        ``python:<version>-slim``; it is pulled if missing.
    """

    name: ClassVar[str] = "docker"

    serves: ClassVar[frozenset[str]] = frozenset(
        {
            *("server", "workers", "port", "auth", "traces", "limits"),
            *("variables", "secrets", "server_options"),
        }
    )

    def __init__(self, *, base_image: str | None = None) -> None:
        is_image = isinstance(base_image, str) and _IMAGE.fullmatch(base_image)
        if base_image is not None and not is_image:
            raise InvalidOptionError("base_image", base_image, "an image, such as python:3.11-slim")
        super().__init__()
        self._base_image = base_image
        self._is_refused = False  # a gate, through the engine
        self._answered: set[str] = set()

    @property
    def options(self) -> Mapping[str, object]:
        return {"base_image": self._base_image}

    def prepare(self, release: Release, steps: Steps) -> Prepared:
        bundle = release.bundle
        with connected() as engine:
            cores, memory_bytes = engine.capacity()
            containers.check_resources(bundle.resources, cores=cores, memory_bytes=memory_bytes)
            with self._image(engine, release, steps):
                pass  # start() requests it again, and holds it until a container does
        of = self._base_image or "the base image"
        if note := bundle.environment.note_on(bundle.lock.python, of=of):
            steps.say(note)
        return Prepared(release)

    def start(self, draft: Instance, prepared: Prepared, steps: Steps) -> Instance:
        with connected() as engine:
            if self._has_gates:
                started = self._start_with_gate(engine, draft, prepared, steps)
                if started is not None:
                    return started
                steps.say(_NO_ADDRESS)
            self._run(engine, draft, prepared, steps, port=prepared.release.serving.port)
            container = engine.container(draft.instance_id)
        return containers.at(draft, container) if container else draft

    def _start_with_gate(
        self, engine: Engine, draft: Instance, prepared: Prepared, steps: Steps
    ) -> Instance | None:
        """Start a container that has a gate; None if none can be passed to it."""
        if self._is_refused or not engine.is_here:
            return None
        folder = state_folder() / self._namespace / draft.instance_id
        with (
            self._address_for(draft.name, prepared.release.serving.port) as address,
            gates.offered(folder) as (calls, handover),
        ):
            instance = draft.at(uri_of(address))
            try:
                self._run(engine, instance, prepared, steps, port=None, folder=folder)
            except FileNotFoundError:  # the engine sees other folders than this process
                self._refuse(folder)
                return None
            leash = gates.taken(handover, may_come=lambda: _may_come(engine, instance, steps))
            container = engine.container(instance.instance_id)
            if leash is not None:
                with suppress(OSError):  # it exits
                    self._gates.hand_over(instance, leash, address=address, calls=calls)
            elif container is not None and containers.answers_itself(container):
                engine.remove(container, grace_s=0)
                self._refuse(folder)
                return None
        return containers.at(instance, container) if container else instance

    def _refuse(self, folder: Path) -> None:
        gates.remove(folder)
        self._is_refused = True

    def _run(
        self,
        engine: Engine,
        instance: Instance,
        prepared: Prepared,
        steps: Steps,
        *,
        port: int | None,
        folder: Path | None = None,
    ) -> None:
        """Create and start a container, which is published on `port` and mounts `folder`."""
        name, release = instance.instance_id, prepared.release
        serving = release.serving
        secrets = serving.secret_environment
        mounts = [gates.mount(folder)] if folder is not None else []
        with self._image(engine, release, steps) as image:
            engine.create(
                name,
                image=image,
                labels={
                    labels.RECORD: instance.to_json(),
                    labels.SERVICE_IMAGE: image,
                    labels.TARGET: self._namespace,
                    **({labels.GATE: str(folder)} if folder is not None else {}),
                },
                environment={
                    **(gates.ENVIRONMENT if folder is not None else {}),
                    **({"MODELSHIP_KEYS_FILE": str(KEYS)} if serving.auth else {}),
                    "MODELSHIP_SERVICE": instance.name,
                    **serving.environment(serving.profile(self.profile)),
                    **self._variables(str(APP_ROOT)),
                },
                host=containers.confinement(release.bundle.resources, port=port, mounts=mounts),
                volume=str(KEYS.parent) if serving.auth or secrets else "",
                entrypoint=with_secrets() if secrets else (),
                command=command(
                    entry_script=release.bundle.entry_script, module=serving.program.module
                )
                if secrets
                else (),
            )
            if serving.auth:
                self._write_keys(instance, self._keys_of(instance.name) or ServiceKeys.new())
            if secrets:
                content = "".join(f"{each}={value}\0" for each, value in secrets.items())
                engine.write(name, SECRETS, content.encode(), owner=USER)
        engine.start(name, port=port)

    def observe(self, instance: Instance) -> Observation:
        with connected() as engine:
            container = engine.container(instance.instance_id)
            if container is None:
                return Observation(State.FAILED)
            state = self._state(engine, instance, container)
        return Observation(state, partial(_facts, container))

    def _state(self, engine: Engine, instance: Instance, container: Container) -> State:
        settled = containers.settled_state(container)
        if settled is not None:
            return settled
        if self._answers(container):
            self._answered.add(instance.instance_id)
            return State.HEALTHY
        if instance.instance_id in self._answered or container.health in _ANSWERED_BEFORE:
            return State.UNHEALTHY
        # The server restarts a killed worker, endlessly, and never answers.
        return State.FAILED if engine.ran_out_of_memory(container) else State.TRANSITIONING

    def _answers(self, container: Container) -> bool:
        return containers.answers_itself(container)

    def logs(self, instance: Instance) -> str:
        with connected() as engine:
            log = engine.logs(instance.instance_id)
            container = engine.container(instance.instance_id)
            out_of_memory = container is not None and engine.ran_out_of_memory(container)
        words = containers.last_words(container, out_of_memory=out_of_memory) if container else ""
        return f"{log}\n{words}" if log and words and not log.endswith("\n") else f"{log}{words}"

    def stop(self, instance: Instance, *, grace_s: float = _GRACE_S) -> None:
        self._answered.discard(instance.instance_id)
        self._gates.let_go(instance)
        with connected() as engine:
            container = engine.container(instance.instance_id)
            if container is not None:
                engine.remove(container, grace_s=round(grace_s))
            if digest := instance.digest or (container and containers.digest_in_labels(container)):
                self._remove_images(engine, instance.name, digest, ended=container)
        if container is not None:
            gates.remove(self._folder_of(container))

    def _remove_images(
        self, engine: Engine, name: str, digest: str, *, ended: Container | None
    ) -> None:
        """Remove unused images; the previous release's image stays, for a rollback."""
        from modelship.runtime.images.image import remove_images_of, remove_unused_images

        changes: Sequence[Change] = ()
        with suppress(StorageError):  # an unreadable history protects no service
            changes = self.journal(name).changes()
        served = {each.release.bundle for each in changes if each.has_served}
        is_deleted = bool(changes) and changes[-1].kind == "delete"
        keep = digest in served and not is_deleted
        remove_unused_images(engine, digest, ended=ended, keep=keep)
        if keep or is_deleted:
            others = {each.release.bundle for each in changes}  # also those of killed changes
            remove_images_of(engine, others - {digest, changes[-1].release.bundle})

    def _read_keys(self, instance: Instance) -> ServiceKeys | None:
        with connected() as engine:
            found = engine.read(instance.instance_id, KEYS)
        return ServiceKeys.from_json(found) if found is not None else None

    def _write_keys(self, instance: Instance, keys: ServiceKeys) -> None:
        with connected() as engine:
            engine.write(instance.instance_id, KEYS, keys.to_json().encode(), owner=USER)

    def _image(self, engine: Engine, release: Release, steps: Steps) -> AbstractContextManager[str]:
        from modelship.runtime.images.image import service_image

        return service_image(
            engine,
            release.bundle,
            base_image=self._base_image,
            server=release.serving.program,
            steps=steps,
        )


def _facts(container: Container) -> Facts:
    with connected() as engine:
        out_of_memory = engine.was_killed_for_memory(container)
    return containers.facts_of(container, out_of_memory=out_of_memory)


def _may_come(engine: Engine, instance: Instance, steps: Steps) -> bool:
    """Return whether a container may still connect for its gate, before its first answer."""
    steps.deadline.check()
    found = engine.container(instance.instance_id)
    if found is None or containers.settled_state(found):
        return False
    return not containers.answers_itself(found)
