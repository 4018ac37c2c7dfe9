"""Kill deployers at random moments, and check that each name keeps serving.

Run from the repository: ``python benchmarks/rollout/kills.py --kills 100``. Each round updates a
service to another release in a child of this process, kills the child (SIGKILL) after a random time
that is no longer than an update took just before, and then requires that

- the service answers, with the old release or the new one,
- its history has one change that serves, of the release that answers, and none under way,
- nothing is orphaned: one instance, its processes and no others, no folder of a draft,
- and, at each tenth round, that an update which is not killed works and leaves no drafts either.

A child that was done before it could be killed does not count. It exits with 1 if any of that was
not so.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil

from modelship import DeployTarget, Serving
from modelship.bundle import Environment
from modelship.bundle.lock import lock
from modelship.testing.bundles import script_bundle, with_lock

NAME = f"killed-{secrets.token_hex(3)}"
MARKER = "MODELSHIP_INSTANCE"
ENDING_S = 10.0
LONGEST_S = 3600.0
OLD, NEW = "killed, the old release serves", "killed, the new release serves"


def main() -> int:
    """Run the rounds and print what came of them."""
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="modelship-kills-") as folder:
        os.environ["MODELSHIP_HOME"] = str(Path(folder) / "home")
        rounds = Rounds(Path(folder), options)
        try:
            return rounds.run()
        finally:
            rounds.target.delete(NAME, missing_ok=True)


def parsed():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", default="process")
    parser.add_argument("--server", default="azmlinfsrv")
    parser.add_argument("--base-image", help="for the target docker")
    return parser.parse_args()


class Rounds:
    """One service, and what was seen of it."""

    def __init__(self, folder, options):
        self.options = options
        self.folder = folder
        self.random = random.Random(options.seed)
        chosen = {"base_image": options.base_image} if options.base_image else {}
        self.target = DeployTarget.open(options.target, **chosen)
        self.serving = Serving(server=options.server)
        environment = Environment(python="3.11", requirements=())
        self.environment, self.lock = environment, lock(environment)
        self.seen = collections.Counter()
        self.problems = []
        self.number = self.serves = 0
        self.takes_s = 0.0
        self.rounds = 0

    def run(self):
        self.deploy(self.next_bundle())
        self.timed()
        began_s = time.monotonic()
        while self.killed < self.options.kills and time.monotonic() - began_s < LONGEST_S:
            self.round()
        print(f"{self.options.target}, {self.options.server}: {dict(self.seen)}")
        for problem in self.problems:
            print(f"PROBLEM {problem}")
        return 1 if self.problems else 0

    @property
    def killed(self):
        """How many deployers were killed before they were done."""
        return self.seen[OLD] + self.seen[NEW]

    def timed(self):
        """Update without a kill, and remember how long that takes."""
        began_s = time.monotonic()
        self.deploy(self.next_bundle())
        self.serves, self.takes_s = self.number, time.monotonic() - began_s

    def round(self):
        """Kill one update, and look at what is left."""
        self.rounds += 1
        after_s = self.random.uniform(0, self.takes_s)
        child = self.child(self.next_bundle())
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        try:
            answered = self.target.get(NAME).run("{}")
            expected = {self.serves, self.number}
            self.require(answered in expected, f"{answered} answers, and not one of {expected}")
            which = NEW if answered == self.number else OLD
            self.seen[which if status else "done before"] += 1
            self.seen["left under way"] += self.is_under_way()
            self.serves = answered
            self.look(answered)
            if self.rounds % 10 == 0:
                self.timed()
                self.look(self.number)
                self.require(self.drafts() == [], f"drafts: {self.drafts()}")
        except Exception as error:  # noqa: BLE001 - each is one round that failed
            self.problems.append(
                f"after {self.killed} kills, killed after {after_s:.3f} s: {error!r}"
            )

    def is_under_way(self):
        """Return whether the history, before it is settled, says that the update is in progress."""
        changes = self.target._backend.journal(NAME).changes()  # noqa: SLF001 - as it is
        return changes[-1].outcome == "under way"

    def look(self, answered):
        """Require that history and instances agree with what answers."""
        changes = self.target.history(NAME)
        serving = [each for each in changes if each.outcome == "serving"]
        self.require(len(serving) == 1, f"{len(serving)} changes serve")
        self.require(all(each.outcome != "under way" for each in changes), "one is under way")
        deployment = self.target.get(NAME)
        self.require(serving[0].release.digest == deployment.release.digest, "another one serves")
        self.require(deployment.run("{}") == answered, "the answer has changed")
        instances = self.target._backend.instances(NAME)  # noqa: SLF001 - all, and not the first
        self.require(len(instances) == 1, f"{len(instances)} instances")
        self.require(not self.strangers(instances), f"processes: {self.strangers(instances)}")

    def strangers(self, instances):
        """Return processes of instances that are not there, once they had time to end."""
        known = {each.instance_id for each in instances}
        end_s = time.monotonic() + ENDING_S
        while (found := of_others(known)) and time.monotonic() < end_s:
            time.sleep(0.1)
        return found

    def drafts(self):
        state = self.folder / "home" / "state"
        return [str(each.relative_to(state)) for each in state.rglob(".*") if each.is_dir()]

    def require(self, holds, otherwise):
        if not holds:
            raise AssertionError(otherwise)

    def child(self, bundle):
        """Start an update in a child of this process, and return its id."""
        child = os.fork()
        if child == 0:
            try:
                self.deploy(bundle)
            finally:
                os._exit(0)
        return child

    def deploy(self, bundle):
        self.target.deploy(
            bundle,
            name=NAME,
            serving=self.serving,
            overwrite=True,
            check="off",
            show_output=False,
        )

    def next_bundle(self):
        """Return a bundle whose service answers the next number."""
        self.number += 1
        script = f"def init(): pass\ndef run(raw_data): return {self.number}\n"
        folder = self.folder / "bundles" / str(self.number)
        folder.mkdir(parents=True)
        parts = {"environment": self.environment, "sample_input": {}}
        return with_lock(script_bundle(script, folder=folder, **parts), lock=self.lock)


def of_others(known):
    """Return the processes of this service's instances that are none of the known ones."""
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(MARKER)
        except psutil.Error:
            continue
        if mark and mark.startswith(NAME) and mark not in known:
            found.append((process.pid, mark))
    return found


if __name__ == "__main__":
    sys.exit(main())
