"""What a plan says before a deployment, and that the deployment then does just that."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from modelship.bundle import Environment
from modelship.errors import CheckFailedError, InvalidOptionError, TargetUnavailableError
from modelship.state_paths import state_folder
from modelship.targets import DeployTarget, Serving
from modelship.testing import MemoryBackend, offline_bundle, script_bundle

ENVIRONMENT = Environment(python="3.11", requirements=())
SCRIPT = "def init():\n    pass\n\ndef run(raw_data):\n    return {answer}\n"


class Anything(MemoryBackend):
    """The target in memory, for every option of a Serving."""

    serves: ClassVar = frozenset({"workers", "port", "auth", "variables", "secrets"})

    def runs_beside(self, release, current):
        return release.serving.port is None


@pytest.fixture
def target(tmp_path, monkeypatch):
    """Return a target in memory that takes every option, without services."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SECRET", "hunter2")
    target = DeployTarget(Anything())
    yield target
    for deployment in target.list():
        deployment.delete()


@pytest.fixture
def make(tmp_path):
    """Return what makes a bundle whose script gives one answer."""

    def bundle(answer=1, *, files=(), script=SCRIPT, environment=ENVIRONMENT, **parts):
        folder = tmp_path / f"bundle-{len(list(tmp_path.iterdir()))}"
        (folder / "source").mkdir(parents=True)
        for name, text in files:
            (folder / "source" / name).write_text(text)
        text = script.replace("{answer}", str(answer))
        return offline_bundle(script_bundle(text, folder=folder, environment=environment, **parts))

    return bundle


def applied(target, bundle, **options):
    return target.deploy(bundle, name="planned", overwrite=True, show_output=False, **options)


def said(plan):
    return [str(each) for each in plan.differences]


def test_a_new_name_is_created_and_nothing_is_done_for_the_plan(target, make):
    """A plan changes nothing: neither a service nor a file is there after it."""
    plan = target.plan(make(), name="planned")
    assert (plan.action, plan.differences, plan.way, plan.has_changes) == ("create", (), "", True)
    assert target.list() == ()
    assert not state_folder().exists()


def test_what_was_applied_is_planned_as_nothing(target, make):
    """A plan after its deployment has no changes, also with a secret and an option left open."""
    serving = Serving(auth=True, variables={"MODE": "a"}, secrets={"KEY": "env:SECRET"})
    applied(target, make(), serving=serving)
    left_open = Serving(variables={"MODE": "a"}, secrets={"KEY": "env:SECRET"})
    assert target.plan(make(), name="planned", serving=left_open).action == "nothing"


def test_each_option_is_told_with_its_values_and_a_secret_without(target, make, monkeypatch):
    """An option says what it was and what it would be; of a secret only that it changed."""
    first = Serving(variables={"MODE": "a", "OLD": "1"}, secrets={"KEY": "env:SECRET"})
    applied(target, make(), serving=first)
    monkeypatch.setenv("SECRET", "hunter3")
    new = {"KEY": "env:SECRET", "TOKEN": "env:SECRET"}
    second = Serving(workers=2, variables={"MODE": "b"}, secrets=new)
    plan = target.plan(make(), name="planned", serving=second)
    assert said(plan) == [
        "secrets.KEY: changed",
        "secrets.TOKEN: added",
        "variables.MODE: a -> b",
        "variables.OLD: 1 -> none",
        "workers: 1 -> 2",
    ]
    assert "hunter" not in f"{plan}{plan.to_document()}"


def test_a_variable_that_looks_like_a_secret_is_not_shown(target, make):
    """Who writes a password among the variables does not find it in the log of CI."""
    applied(target, make(), serving=Serving(variables={"DB_PASSWORD": "hunter2-hunter2"}))
    second = Serving(variables={"DB_PASSWORD": "hunter3-hunter3"})
    plan = target.plan(make(), name="planned", serving=second)
    assert said(plan) == ["variables.DB_PASSWORD: changed"]
    assert "hunter" not in str(plan.to_document())


def test_each_part_of_the_bundle_is_told_with_what_differs_in_it(target, make):
    """Files, packages, resources, tags and words are named, not only the part."""
    before = Environment(python="3.11", requirements=("numpy==1.26.4", "six==1.16.0"))
    after = Environment(python="3.11", requirements=("numpy==2.0.0",))
    files = [("old.py", ""), ("same.py", "")]
    applied(target, make(1, files=files, environment=before, tags={"a": "1"}), check="off")
    bundle = make(
        2, files=files[1:], environment=after, tags={"a": "2"}, memory_gb=2, description="New"
    )
    assert said(target.plan(bundle, name="planned", trust_model=True)) == [
        "script: old.py removed, score.py changed",
        "environment: numpy 1.26.4 -> 2.0.0, six 1.16.0 removed",
        "resources: memory_gb 1 -> 2",
        "tags: a 1 -> 2",
        "description: '' -> New",
    ]


def test_what_was_deployed_elsewhere_is_told_by_part(target, make, tmp_path, monkeypatch):
    """Where the old release is not kept, the part that differs is known, and no more of it."""
    applied(target, make(1))
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "another"))
    assert said(target.plan(make(2), name="planned")) == ["script: changed"]


def test_the_way_is_that_of_the_deployment(target, make):
    """Two on one port cannot run at once; all others go side by side."""
    applied(target, make(1))
    assert target.plan(make(2), name="planned").way == "side by side"
    assert target.plan(make(2), name="planned", serving=Serving(port=5001)).way == "stop and start"


def test_a_service_that_has_failed_is_planned_to_be_replaced(target, make):
    """The same release is restarted if it does not run, as by a deployment."""
    deployment = applied(target, make())
    Anything().crash(deployment.instance)
    plan = target.plan(make(), name="planned")
    assert (plan.action, said(plan)) == ("replace", ["state: Failed -> Healthy"])


def test_a_service_whose_record_is_broken_is_planned_to_be_replaced(target, make):
    """It is told what is wrong with the record, and nothing else can be known."""

    class Broken(Anything):
        def instances(self, name=None):
            return [replace(each, broken="it is no JSON") for each in super().instances(name)]

    applied(target, make())
    plan = DeployTarget(Broken()).plan(make(), name="planned")
    assert (plan.action, said(plan)) == ("replace", ["record: it is no JSON"])


def test_what_a_deployment_would_refuse_is_no_plan(target, make):
    """The check and the place's own limits speak up in the plan, before anything is done."""
    with pytest.raises(CheckFailedError):
        target.plan(make(model=eval), name="planned")
    with pytest.raises(InvalidOptionError, match="does not support it"):
        target.plan(make(), name="planned", serving=Serving(server="modelship", traces=True))


def test_a_place_that_cannot_be_reached_is_an_error(make, monkeypatch):
    """Nobody knows what is there, so there is no plan."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(TargetUnavailableError):
        DeployTarget.open("docker").plan(make(), name="planned")
