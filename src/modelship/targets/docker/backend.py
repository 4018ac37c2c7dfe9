"""DockerBackend: one container for each instance, whose labels are the only record there is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from modelship.bundle.profile import PROFILES, Profile
from modelship.diagnosis import Facts
from modelship.errors import InvalidOptionError, UnsupportedError
from modelship.runtime.images import labels
from modelship.runtime.images.dockerfiles import APP_ROOT, KEYS, USER
from modelship.runtime.images.engine import connected
from modelship.runtime.images.image import remove_unused_images, service_image
from modelship.runtime.server_options import ServerOptions
from modelship.runtime.servers import Server, check_workers, trace_variables
from modelship.targets.backend import Instance, TargetBackend
from modelship.targets.docker import container as containers
from modelship.targets.keys import ServiceKeys, refuse_to_open
from modelship.targets.ports import check_port
from modelship.targets.recorded import Secret
from modelship.targets.scoring import answers
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from modelship.bundle import ScoringBundle
    from modelship.progress import Steps
    from modelship.runtime.images.engine import Engine

__all__ = ["DockerBackend"]

# An unhealthy container was healthy before, or had a minute to become so.
_GRACE_S = 5
_DRAIN_S = 40  # longer than either server gives what is under way: 30 s
_ANSWERED_BEFORE = frozenset({"healthy", "unhealthy"})


class DockerBackend(TargetBackend):
    """Runs each service as a container of a Docker engine, published on 127.0.0.1.

    The engine is the one that ``DOCKER_HOST`` and its companions name. A container runs as
    user 1000 on a read-only root with ``/tmp`` to write to, without capabilities, and within
    the bundle's ``memory_gb`` and ``cpu_cores``.

    Parameters
    ----------
    base_image : str, optional
        An image with glibc and the Python that the bundle asks for, as ``python3`` on its path.
        Without it ``python:<version>-slim``; it is pulled if it is not there.
    port : int, optional
        The port of this machine to publish on, 1 to 65535. Without it a free one is taken.
    profile : str, optional
        The place whose limits hold: ``"aci"``, ``"aks"`` or ``"online-endpoint"``. A request may
        take as long as there, and a bundle may ask for as much as there.
    server : {"azmlinfsrv", "modelship"}
        What runs the script: Azure ML's own server, or modelship's faster one.
    workers : int
        How many processes run it, 1 to 64.
    server_options : Mapping[str, int or float or bool or str], optional
        What the server is told besides, such as ``{"scoring_timeout_ms": 60000}``; the names, units
        and ranges are in docs/reference/scoring-server.md.
    auth_enabled : bool, optional
        Whether a request needs a key, as on Azure; with modelship's server alone. The keys are in a
        volume of the container, where whoever may use the engine can read them.
    traces : bool
        Whether spans of the requests are sent, as the variables ``OTEL_...`` and
        ``APPLICATIONINSIGHTS_...`` of this process say; with modelship's server alone. They
        are in the container's configuration, for whoever may use the engine.
    """

    name: ClassVar[str] = "docker"

    def __init__(
        self,
        *,
        base_image: str | None = None,
        port: int | None = None,
        profile: str | None = None,
        server: str = "azmlinfsrv",
        workers: int = 1,
        server_options: Mapping[str, Any] | None = None,
        auth_enabled: bool | None = None,
        traces: bool = False,
    ) -> None:
        if base_image is not None and not re.fullmatch(r"[\w][\w.:/@-]*", base_image, re.ASCII):
            raise InvalidOptionError(
                option="base_image", found=base_image, expected="an image, such as python:3.11-slim"
            )
        self._base_image = base_image
        self._port = check_port(port)
        self._profile = Profile.named(profile) if profile else None
        self._server = Server.named(server)
        self._workers = check_workers(workers)
        self._server_options = ServerOptions.checked(
            self._server, server_options, profile=self._profile
        )
        self._server.check_own(auth_enabled=auth_enabled, traces=traces)
        self._auth_enabled = auth_enabled
        self._traces = traces
        self._answered: set[str] = set()

    @property
    def profile(self) -> Profile:
        return (self._profile or PROFILES["docker"]).but(asks_for_key=None)

    @property
    def options(self) -> Mapping[str, object]:
        return {
            "port": self._port,
            "profile": self._profile.name if self._profile else None,
            "server": self._server.name,
            "workers": self._workers,
            "server_options": self._server_options.recorded,
            "auth_enabled": bool(self._auth_enabled),
            "traces": Secret(json.dumps(trace_variables())) if self._traces else False,
            "base_image": self._base_image,
        }

    def check_replacement(self, replaced: Instance) -> None:
        refuse_to_open(replaced, auth_enabled=self._auth_enabled)

    @property
    def side_by_side(self) -> bool:
        """Whether two instances can run at once: not on a port that was asked for."""
        return self._port is None

    def prepare(self, bundle: ScoringBundle, steps: Steps) -> None:
        with connected() as engine:
            cores, memory_bytes = engine.capacity()
            containers.check_resources(bundle.resources, cores=cores, memory_bytes=memory_bytes)
            with self._image(engine, bundle, steps):
                pass  # start() asks for it again, and holds it until a container does
        of = self._base_image or "the base image"
        if note := bundle.environment.note_on(bundle.lock.python, of=of):
            steps.say(note)

    def start(self, draft: Instance, bundle: ScoringBundle, steps: Steps) -> Instance:
        name = draft.instance_id
        with connected() as engine:
            with self._image(engine, bundle, steps) as image:
                engine.create(
                    name,
                    image=image,
                    labels={
                        labels.RECORD: draft.to_json(),
                        labels.SERVICE_IMAGE: image,
                        labels.TARGET: self._namespace,
                    },
                    environment={
                        "WORKER_COUNT": str(self._workers),
                        **(trace_variables() if self._traces else {}),
                        **({"MODELSHIP_KEYS_FILE": str(KEYS)} if self._auth_enabled else {}),
                        **self.profile.variables,
                        **self._server_options.variables,
                        **self._variables(str(APP_ROOT)),
                    },
                    host=containers.confinement(bundle.resources, port=self._port),
                    volume=str(KEYS.parent) if self._auth_enabled else "",
                )
                if self._auth_enabled:
                    _write_keys(engine, name, ServiceKeys.new())
            engine.start(name, port=self._port)
            started = engine.container(name)
        return draft.at(containers.scoring_uri(started)) if started else draft

    def instances(self) -> Sequence[Instance]:
        with connected() as engine:
            found = engine.containers(labels=[f"{labels.TARGET}={self._namespace}", labels.RECORD])
        return [containers.read_record(each) for each in found]

    def state(self, instance: Instance) -> State:
        with connected() as engine:
            container = engine.container(instance.instance_id)
            if container is None:
                return State.FAILED
            settled = containers.settled_state(container)
            if settled is not None:
                return settled
            if answers(containers.scoring_uri(container)):
                self._answered.add(instance.instance_id)
                return State.HEALTHY
            if instance.instance_id in self._answered or container.health in _ANSWERED_BEFORE:
                return State.UNHEALTHY
            # The server starts a killed worker again, without end, and never answers.
            return State.FAILED if engine.ran_out_of_memory(container) else State.TRANSITIONING

    def logs(self, instance: Instance) -> str:
        with connected() as engine:
            log = engine.logs(instance.instance_id)
            container = engine.container(instance.instance_id)
            out_of_memory = container is not None and engine.ran_out_of_memory(container)
        words = containers.last_words(container, out_of_memory=out_of_memory) if container else ""
        return f"{log}\n{words}" if log and words and not log.endswith("\n") else f"{log}{words}"

    def facts(self, instance: Instance) -> Facts:
        with connected() as engine:
            container = engine.container(instance.instance_id)
            out_of_memory = container is not None and engine.ran_out_of_memory(container)
        if container is None:
            return Facts()
        return containers.facts_of(container, out_of_memory=out_of_memory)

    def stop(self, instance: Instance) -> None:
        self._end(instance, grace_s=_GRACE_S)

    def retire(self, instance: Instance) -> None:
        self._end(instance, grace_s=_DRAIN_S)

    def _end(self, instance: Instance, *, grace_s: int) -> None:
        self._answered.discard(instance.instance_id)
        with connected() as engine:
            container = engine.container(instance.instance_id)
            if container is not None:
                engine.remove(container, grace_s=grace_s)
            if not instance.broken:
                remove_unused_images(engine, instance.digest, ended=container)

    def keys(self, instance: Instance) -> ServiceKeys:
        with connected() as engine:
            found = engine.read(instance.instance_id, KEYS)
        if found is None:
            raise UnsupportedError(target=self.name, ability="keys without auth_enabled=True")
        return ServiceKeys.from_json(found)

    def regenerate_key(
        self, instance: Instance, which: Literal["primary", "secondary"], *, value: str | None
    ) -> None:
        keys = self.keys(instance).but(which, value)
        with connected() as engine:
            _write_keys(engine, instance.instance_id, keys)

    def _image(
        self, engine: Engine, bundle: ScoringBundle, steps: Steps
    ) -> AbstractContextManager[str]:
        return service_image(
            engine, bundle, base_image=self._base_image, server=self._server, steps=steps
        )

    @property
    def _namespace(self) -> str:
        """What tells its containers from those of others; a subclass has one of its own."""
        return self.name

    def _variables(self, app_root: str) -> Mapping[str, str]:  # noqa: ARG002 - for subclasses
        """Return what a container gets in its environment besides; for subclasses."""
        return {}


def _write_keys(engine: Engine, container: str, keys: ServiceKeys) -> None:
    engine.write(container, KEYS, keys.to_json().encode(), owner=USER)
