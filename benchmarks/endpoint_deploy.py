"""What a deployment to a managed online endpoint costs on the machine that deploys.

::

    python benchmarks/endpoint_deploy.py              5 deployments
    python benchmarks/endpoint_deploy.py --rounds 20  more
    python benchmarks/endpoint_deploy.py --smoke      one, to see that it still runs

The workspace is an offline one, in a process of its own. Two releases that differ in their script
replace each other, each deployed by a new process, with all that is warm after the first time: the
model, the environment, the code and the endpoint exist, and the image is built.

Of each deployment, from the first import to the end of the process, it measures the whole time and
modelship's own part. The own part leaves out the time in which a request is in flight, or in which
modelship waits between two requests. The processor time is that of the deploying process and of
its trial of the script. Those of the workspace and of its containers are not in it.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

NAME = "warm"
GOAL_S = 3.0
SCORE = """\
import json
def init():
    pass
def run(raw_data):
    return [{factor} * each for each in json.loads(raw_data)["data"]]
"""
SERVE = """
import sys
from modelship.testing import OfflineWorkspace
with OfflineWorkspace(sys.argv[1]) as offline:
    print(offline.config_path, flush=True)
    sys.stdin.read()
"""


class Waiting:
    """The time in which at least one thread waits for another machine."""

    def __init__(self):
        self._lock = threading.Lock()
        self._spans = []

    def around(self, function):
        """Return a function that counts its calls as waiting."""

        def call(*arguments, **options):
            began = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                with self._lock:
                    self._spans.append((began, time.perf_counter()))

        return call

    @property
    def seconds(self):
        """The length of the union of all spans."""
        total, until = 0.0, 0.0
        for began, ended in sorted(self._spans):
            total += max(0.0, ended - max(began, until))
            until = max(until, ended)
        return total


def deploy(config, bundle):
    """Deploy a saved bundle in this process; print what that cost."""
    began = time.perf_counter()
    import requests

    import modelship as ms

    waiting = Waiting()
    requests.Session.send = waiting.around(requests.Session.send)
    time.sleep = waiting.around(time.sleep)
    # Not waiting for requests to the replaced deployment: there are none.
    target = ms.DeployTarget.open("online-endpoint", workspace=config, drain_s=0)
    target.deploy(ms.ScoringBundle.load(bundle), name=NAME, overwrite=True, show_output=False)
    whole = time.perf_counter() - began
    used = [resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, trial = (each.ru_utime + each.ru_stime for each in used)
    found = {"whole": whole, "own": whole - waiting.seconds, "cpu": own + trial, "trial": trial}
    print(json.dumps(found))


@contextmanager
def workspace(folder):
    """Open an offline workspace in a process of its own; yield its configuration file."""
    command = [sys.executable, "-c", SERVE, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()


def saved_bundles(folder):
    """Save two bundles whose scripts differ; return their folders."""
    from modelship.bundle import Environment
    from modelship.testing import script_bundle

    environment = Environment(python="3.11", requirements=())
    found = []
    for factor in (1, 2):
        made = script_bundle(
            SCORE.format(factor=factor),
            folder=folder / f"source-{factor}",
            environment=environment,
            sample_input={"data": [1, 2]},
        )
        found.append(made.save(folder / f"bundle-{factor}"))
    return found


def measured(config, bundle):
    """Deploy a bundle in a new process; return what that cost, in seconds."""
    command = [sys.executable, __file__, "--deploy", str(config), str(bundle)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Run the rounds, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--deploy", nargs=2, metavar=("CONFIG", "BUNDLE"))
    asked = parser.parse_args()
    if asked.deploy:
        return deploy(*asked.deploy)
    with tempfile.TemporaryDirectory() as scratch:
        bundles = saved_bundles(Path(scratch))
        with workspace(Path(scratch, "workspace")) as config:
            for bundle in bundles:
                measured(config, bundle)
            rounds = 1 if asked.smoke else asked.rounds
            found = [measured(config, bundles[number % 2]) for number in range(rounds)]
    print("| a warm deployment | median | least | most |\n|---|---|---|---|")
    named = {"whole": "whole time", "own": "modelship's own part"}
    named |= {"cpu": "processor time", "trial": "that of the trial in it"}
    for key, name in named.items():
        values = [each[key] for each in found]
        middle = statistics.median(values)
        print(f"| {name} | {middle:.2f} s | {min(values):.2f} s | {max(values):.2f} s |")
    own = statistics.median(each["own"] for each in found)
    print(f"own part: {own:.2f} s, goal: {GOAL_S} s: {'reached' if own < GOAL_S else 'missed'}")
    return None


if __name__ == "__main__":
    main()
