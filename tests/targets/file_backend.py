"""A target whose instances are files: nothing runs, so each step of a rollout can be looked at."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

from modelship.bundle import Environment
from modelship.targets import Instance, Observation, Prepared, State, TargetBackend
from modelship.targets.history import FolderJournal
from modelship.testing import offline_bundle, script_bundle

WELL = "def init(): ...\ndef run(raw_data): return 1\n"


def make_bundle(folder, *, number=1, script=WELL):
    """Return a bundle; each number makes another one."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = Environment(python="3.11", requirements=())
    script = f"{script}# {number}\n"
    made = script_bundle(
        script, folder=folder, environment=environment, model={"weights": [1] * 1000}
    )
    return offline_bundle(made)


class FileBackend(TargetBackend):
    """Each instance is a file that says whether it is well, and whether requests come to it."""

    name = "file"
    serves = frozenset({"variables", "secrets", "workers", "auth"})

    def __init__(self, folder, *, beside=True, state=State.HEALTHY, size=None):
        self.folder = folder
        self.beside = beside
        self.state = state
        self.size = size

    @property
    def options(self):
        return {"size": self.size}

    def runs_beside(self, release, current):
        return self.beside

    def prepare(self, release, steps):
        return Prepared(release)

    def start(self, draft, prepared, steps):
        instance = draft.at("http://127.0.0.1:9/score", own_uri="http://127.0.0.1:9/score")
        self._write(instance, routed=False)
        return instance

    def instances(self, name=None):
        found = [self._read(path) for path in sorted(self.folder.glob("*.instance"))]
        return [each for each in found if name in {None, each.name}]

    def observe(self, instance):
        path = self.folder / f"{instance.instance_id}.instance"
        if not path.exists():
            return Observation(State.FAILED)
        return Observation(State(json.loads(path.read_text())["state"]))

    def logs(self, instance):
        return "a log of 1 line with the password=hunter2hunter2 and s3cr3t-value\n"

    def stop(self, instance, *, grace_s=5.0):
        (self.folder / f"{instance.instance_id}.instance").unlink(missing_ok=True)

    def accept(self, instance, *, on):
        self._write(instance, routed=on)

    def journal(self, name):
        return FolderJournal(self.folder / "history", name=name)

    def crash(self, instance):
        self._write(instance, routed=True, state=State.FAILED)

    def _write(self, instance, *, routed, state=None):
        path = self.folder / f"{instance.instance_id}.instance"
        document = {"record": instance.to_json(), "routed": routed}
        path.write_text(json.dumps({**document, "state": str(state or self.state)}))

    def _read(self, path):
        found = json.loads(path.read_text())
        return replace(Instance.from_json(found["record"]), routed=found["routed"])


class _DyingJournal(FolderJournal):
    def __init__(self, folder, *, name, point):
        super().__init__(folder, name=name)
        self.point = point

    def write(self, *changes):
        self.point()
        super().write(*changes)
        self.point()


class DyingBackend(FileBackend):
    """Kills its own process before or after the step `at`; counts from 1."""

    at = 0
    passed = 0

    def point(self):
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def start(self, draft, prepared, steps):
        self.point()
        instance = super().start(draft, prepared, steps)
        self.point()
        return instance

    def accept(self, instance, *, on):
        self.point()
        super().accept(instance, on=on)
        self.point()

    def stop(self, instance, *, grace_s=5.0):
        self.point()
        super().stop(instance, grace_s=grace_s)
        self.point()

    def journal(self, name):
        return _DyingJournal(self.folder / "history", name=name, point=self.point)
