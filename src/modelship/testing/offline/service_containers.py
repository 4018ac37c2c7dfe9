"""The containers of services: which belongs to which, its output, and how it ends."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelship.errors import ModelshipError
from modelship.staging import write_atomic
from modelship.targets.instance import Instance
from modelship.testing.offline import deployment_failures as failures
from modelship.testing.offline.service_documents import OWN, limits

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.progress import Steps
    from modelship.testing.offline.addresses import Addresses
    from modelship.testing.offline.compute import Compute
    from modelship.testing.offline.custom_images import Runnable
    from modelship.testing.offline.deployment_failures import DeploymentFailure
    from modelship.testing.offline.document_store import Store

__all__ = ["Containers", "instance_of"]

_NO_SERVER = (
    "/bin/bash: line 1: exec: gunicorn: not found\n"
    "[modelship] the environment lists neither azureml-defaults nor azureml-inference-server-http; "
    "one of them is needed\n"
)


class Containers:
    """Starts and stops the containers of services, and records them in the documents.

    Except on Container Instances, a service that is being updated has two: the newest, and an older
    one that serves.
    The caller holds the lock of the service.

    Parameters
    ----------
    store : Store
        Stores the documents of the services.
    compute : Compute
        Runs the containers.
    addresses : Addresses
        Route to the containers.
    """

    def __init__(self, store: Store, *, compute: Compute, addresses: Addresses) -> None:
        self._services = store.documents("services")
        self._logs = store.folder / "logs"
        self._compute = compute
        self._addresses = addresses
        self._started: set[str] = set()

    def start(self, key: str, image: Runnable | None, steps: Steps) -> Instance:
        """Start a container that replaces the older one.

        On Container Instances the older one is stopped first. Elsewhere it keeps serving until the
        new one does.

        Raises
        ------
        DeploymentFailure
            If it cannot be started; without an image, its environment has no server.
        """
        document = self._document(key)
        if document[OWN].get("older") or document["computeType"] == "ACI":
            self.end(key)
        older = self._document(key)[OWN].get("instance")
        if image is None:
            self.keep_log(key, _NO_SERVER)
            raise failures.crashed(key, _NO_SERVER)
        self._log_file(key).unlink(missing_ok=True)
        try:
            # The name of an online deployment may contain uppercase letters.
            instance = self._compute.run(document["name"].lower(), image, steps)
        except (ModelshipError, TimeoutError) as error:
            raise failures.never_started(str(error)) from error
        self._started.add(instance.instance_id)
        self.note(key, instance=instance.to_json(), older=older)
        return instance

    def serve(self, key: str) -> str:
        """Route to the newest container, stop an older one, and return the scoring URI."""
        own = self._document(key)[OWN]
        uri = self._addresses.lead(key, _address(own["instance"]))
        if older := instance_of(own.get("older")):
            self._addresses.drain(_address(own["older"]))
            self._compute.stop(older)
            self.note(key, older=None)
        return uri

    def is_starting(self, instance: Instance) -> bool:
        """Return whether a container belongs to an earlier process and is starting again."""
        return instance.instance_id not in self._started

    def why(self, key: str, instance: Instance) -> DeploymentFailure:
        """Return why a container has exited; keep its log, and remove the rest of it."""
        killed = self._compute.ran_out_of_memory(instance)
        log = self._compute.logs(instance)
        self.keep_log(key, log)
        self.end(key)
        if killed:
            _, memory_gb = limits(self._document(key))
            return failures.out_of_memory(key, memory_gb=memory_gb or 0)
        return failures.crashed(key, log)

    def end(self, key: str) -> None:
        """Stop the newest container of a service; an older one keeps serving."""
        own = (self._services.get(key) or {OWN: {}})[OWN]
        instance = instance_of(own.get("instance"))
        if instance is None:
            return
        older = own.get("older")
        if older is None:
            self._addresses.block(key)
            self._addresses.drain(_address(own["instance"]))
        self._compute.stop(instance)
        self.note(key, instance=older, older=None)

    def remove(self, key: str) -> None:
        """Stop all containers of a service, and remove its address and its log."""
        self.end(key)
        self.end(key)  # there may be two
        self._addresses.shut(key)
        self._log_file(key).unlink(missing_ok=True)

    def log(self, key: str) -> str:
        """Return the output of a service's container; that of a failed one is kept."""
        with suppress(FileNotFoundError):
            return self._log_file(key).read_text(encoding="utf-8")
        own = (self._services.get(key) or {OWN: {}})[OWN]
        instance = instance_of(own.get("instance"))
        return self._compute.logs(instance) if instance else ""

    def keep_log(self, key: str, log: str) -> None:
        """Keep the log of a container that is gone, until the next one starts."""
        self._logs.mkdir(exist_ok=True)
        write_atomic(self._log_file(key), log, durable=False)

    def note(self, key: str, **fields: Any) -> None:
        """Set some fields of a service that no client sees."""
        with self._services.lock:
            self._services.change(key, **{OWN: self._document(key)[OWN] | fields})

    def _document(self, key: str) -> dict[str, Any]:
        document = self._services.get(key)
        if document is None:
            raise KeyError(key)
        return document

    def _log_file(self, key: str) -> Path:
        return self._logs / f"{key}.container.txt"


def instance_of(record: str | None) -> Instance | None:
    """Return the instance in a field of a service's document, or None."""
    return Instance.from_json(record) if record else None


def _address(record: str) -> tuple[str, int]:
    parts = urlsplit(json.loads(record)["scoring_uri"])
    return parts.hostname or "127.0.0.1", parts.port or 80
