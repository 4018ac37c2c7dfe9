"""What the tests of the docker target share: one lock, one home, and eyes of their own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from contextlib import contextmanager
from functools import cache
from tempfile import TemporaryDirectory

import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from modelship import DeployTarget, ModelSource, ScoringBundle, Serving
from modelship.bundle import Environment
from modelship.bundle.remembered import todays_lock
from modelship.errors import DeploymentNotFoundError
from modelship.progress import Steps
from modelship.runtime.images.engine import connected
from modelship.runtime.images.image import remove_unused_images, service_image
from modelship.runtime.servers import SERVERS
from modelship.testing.bundles import script_bundle, with_lock

BASE_IMAGE = os.environ.get("MODELSHIP_TEST_BASE_IMAGE", "python:3.11-slim")
SECRET = "xyzzy-plugh-7361"

# Runs what it is sent, so that one container answers many questions.
INSPECTOR = """
def init():
    pass

def run(raw_data):
    names = {}
    exec(raw_data, names)
    return names["answer"]
"""


SCALING = """
import json

def init():
    pass

def run(raw_data):
    return [3 * sum(row) for row in json.loads(raw_data)["data"]]
"""


def docker_says(*arguments: str, stdin: str = "") -> str:
    """Return what the docker command prints: a second opinion, not the SDK's."""
    command = ["docker", *arguments]
    options = {"capture_output": True, "text": True, "timeout": 60, "check": True}
    return subprocess.run(command, input=stdin, **options).stdout


def inspect(reference: str) -> dict:
    """Return what the engine knows about an image or a container."""
    return json.loads(docker_says("inspect", reference))[0]


def exists(reference: str) -> bool:
    """Return whether the engine has an image or a container of this name."""
    command = ["docker", "inspect", reference]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def built(bundle):
    """Build the image of a bundle as a deployment does, without a container; return its facts."""
    options = {"base_image": BASE_IMAGE, "server": SERVERS["modelship"]}
    steps = Steps("images", timeout_s=120)
    with connected() as engine, service_image(engine, bundle, steps=steps, **options) as name:
        return inspect(name)


def unbuilt(bundle):
    """Remove the image of a bundle as the deletion of its last service does."""
    with connected() as engine:
        remove_unused_images(engine, bundle.digest)


class Deployer:
    """Deploys scripts on one lock, and removes in the end all that it deployed."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = Environment("3.11", ())
        self.lock = todays_lock(self.environment)
        # modelship's server, which starts soon: what is tested is seldom the server.
        self.azure_server = DeployTarget.open("docker", base_image=BASE_IMAGE)
        self.target = self.azure_server.with_serving(Serving(server="modelship"))
        # Of this session alone: others may test on the same engine.
        self.mark = secrets.token_hex(3)
        self._left = []  # targets with names
        self._digits = None

    def bundle(self, script, *, model="digits", **options):
        """Return a bundle of the text of a script; that of one text is always the same."""
        folder = self.folder / str(len(list(self.folder.iterdir())))
        model = [self.mark, model]
        parts = {"folder": folder, "environment": self.environment, "model": model}
        return with_lock(script_bundle(script, **parts, **options), lock=self.lock)

    def scaling(self):
        """Return a bundle whose service needs no package, with a sample request."""
        sample = {"data": [[1.0, 2.0]]}
        return self.bundle(SCALING, sample_input=sample)

    def digits(self):
        """Return X, a fitted model and its bundle with the script that modelship writes."""
        if self._digits is None:
            self._digits = self._fitted()
        return self._digits

    def _fitted(self):
        environment, lock = shared_environment()
        X, y = load_digits(return_X_y=True)
        model = LogisticRegression(max_iter=2000).fit(X[:500], y[:500])
        fetched = ModelSource.open(model).fetch(self.folder / "digits")
        bundle = ScoringBundle(
            fetched, environment=environment, sample_input={"data": X[:2]}, memory_gb=0.5
        )
        return X, model, with_lock(bundle, lock=lock)

    def deploy(self, bundle, *, name, target=None, **options):
        """Deploy, and remember to remove it."""
        target = target or self.target
        name = self.name(name, target=target)
        return target.deploy(bundle, name=name, show_output=False, **options)

    def name(self, name, *, target=None):
        """Return a service's name as it is in this session, and remember to remove it."""
        self._left.append((target or self.target, f"{name}-{self.mark}"))
        return f"{name}-{self.mark}"

    def clean(self):
        """Remove what was deployed, where it was: there may be no engine."""
        for target, name in self._left:
            target.delete(name, missing_ok=True)


@cache
def shared_environment():
    """Return an environment that has the scikit-learn of this process, and its lock."""
    X, y = load_digits(return_X_y=True)
    with TemporaryDirectory() as folder:
        model = ModelSource.open(DecisionTreeClassifier().fit(X[:9], y[:9])).fetch(folder)
    environment = Environment("3.11", Environment.for_model(model).requirements)
    return environment, todays_lock(environment)


@contextmanager
def deploying(folder, *, home):
    """Yield a Deployer; the environment of this process holds a secret meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(home))
        for name in ("AWS_SECRET_ACCESS_KEY", "UV_INDEX_CORP_PASSWORD", "HTTPS_PROXY_TOKEN"):
            patch.setenv(name, SECRET)
        found = Deployer(folder)
        try:
            yield found
        finally:
            found.clean()


def require_gone(deployment):
    """Require that neither the container nor the service is there."""
    assert not exists(deployment.instance.instance_id)
    with pytest.raises(DeploymentNotFoundError):
        _ = deployment.state
