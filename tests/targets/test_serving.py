"""Serving as a value: equal, hashable, replaceable; each option counts in a release."""

import pickle
from dataclasses import asdict, fields, replace

import pytest

from modelship import Serving
from modelship.errors import InvalidOptionError
from modelship.runtime.variables import Secret
from modelship.targets import Release
from modelship.targets.known import TARGETS, targets_that_keep
from modelship.testing import offline_bundle, script_bundle

SCRIPT = "def init(): ...\ndef run(raw_data): ..."
# One other value for each option, with what it needs beside it. An option that is not here fails.
OTHER = {
    "server": ("modelship", {}, "server"),
    "workers": (2, {}, "workers"),
    "port": (5001, {}, "port"),
    "auth": (True, {}, "auth"),
    "traces": (True, {"server": "modelship"}, "traces"),
    "capture": ("captured", {"server": "modelship"}, "capture"),
    "limits": ("aci", {}, "limits"),
    "variables": ({"A": "1"}, {}, "variables.A"),
    "secrets": ({"A": Secret("one")}, {}, "secrets.A"),
    "server_options": ({"worker_timeout_s": 5}, {}, "server_options.worker_timeout_s"),
}


@pytest.fixture
def bundle(tmp_path):
    return offline_bundle(script_bundle(SCRIPT, folder=tmp_path, environment=None))


@pytest.mark.parametrize("option", [each.name for each in fields(Serving)])
def test_each_option_makes_another_release(bundle, option):
    """It changes the digest, and a record names it, and nothing else, as what differs."""
    value, beside, named = OTHER[option]
    before, after = Serving(**beside), Serving(**{**beside, option: value})
    assert before != after
    one, other = Release(bundle, before), Release(bundle, after)
    assert one.digest != other.digest
    assert one.record().differences(other) == (named,)
    assert other.record().differences(one) == (named,)
    assert other.record().differences(Release(bundle, after)) == ()


@pytest.mark.parametrize("option", [each.name for each in fields(Serving)])
def test_each_option_is_kept_by_a_replacement(option):
    """dataclasses.replace() changes what it is told, and reads nothing again."""
    value, beside, _ = OTHER[option]
    serving = Serving(**{**beside, option: value})
    other = replace(serving, workers=3)
    assert other.workers == 3
    assert replace(other, workers=serving.workers) == serving
    assert len({serving, replace(serving), other}) == 2


def test_another_secret_is_another_release(bundle):
    """The value counts and not where it was read; what is recorded does not hold it."""
    one, same, other = (
        Release(bundle, Serving(secrets={"A": Secret(value, source=source)}))
        for value, source in [("hunter2", "env:A"), ("hunter2", "file:/a"), ("hunter3", "env:A")]
    )
    assert one.serving == same.serving != other.serving
    assert one.digest == same.digest != other.digest
    assert one.record().differences(other) == ("secrets.A",)
    assert "hunter2" not in str(one.record().to_document())


def test_the_order_in_which_variables_are_given_does_not_count(bundle):
    """Two mappings with the same content are one value."""
    one = Serving(variables={"A": "1", "B": "2"})
    other = Serving(variables={"B": "2", "A": "1"})
    assert {one} == {other}
    assert Release(bundle, one).digest == Release(bundle, other).digest


def test_it_cannot_be_changed_from_outside():
    """What was given may change later; it does not."""
    given = {"A": "1"}
    serving = Serving(variables=given)
    given["A"] = "2"
    assert serving.variables == {"A": "1"}
    with pytest.raises(TypeError):
        serving.variables["A"] = "3"


def test_one_without_secrets_is_pickled():
    """It comes back as an equal value, in another process too."""
    serving = Serving(server="modelship", variables={"A": "1"}, server_options={"queue": 5})
    assert pickle.loads(pickle.dumps(serving)) == serving
    assert pickle.loads(pickle.dumps(serving)).variables == {"A": "1"}


def test_its_fields_can_be_taken_apart_and_put_together():
    """asdict() and repr() work as for any dataclass, and show no secret."""
    serving = Serving(variables={"A": "1"}, secrets={"B": Secret("hunter2", source="env:B")})
    assert Serving(**asdict(serving)) == serving
    assert "variables={'A': '1'}, secrets={'B': Secret(source='env:B')}" in repr(serving)
    assert "hunter2" not in str(asdict(serving))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"server": "azmlinfsrv"}, "server_options['queue'] is 5; expected no value"),
        ({"server": 5}, "server is 5"),
        ({"limits": "acl"}, "limits is 'acl'; expected one of"),
        ({"limits": ["aci"]}, "limits is ['aci']"),
        ({"capture": 5}, "capture is 5; expected the path of a folder"),
        ({"capture": "a\0b"}, "expected the path of a folder (embedded null byte)"),
        ({"capture": "~nobody-of-that-name/a"}, "expected the path of a folder (could not"),
        ({"auth": "yes"}, "auth is 'yes'; expected True or False"),
        ({"traces": 1}, "traces is 1; expected True or False"),
        ({"workers": 0}, "workers is 0"),
        ({"variables": "A=1"}, "variables is 'str'; expected a mapping by name"),
        ({"server_options": {"scoring_timeout_ms": 1}, "limits": "aci"}, "limits='aci' sets it"),
    ],
)
def test_what_an_option_cannot_be_is_refused(changes, said):
    """Also when an option that was good does not go with one that is replaced."""
    serving = Serving(server="modelship", server_options={"queue": 5})
    with pytest.raises(InvalidOptionError) as refused:
        replace(serving, **changes)
    assert said in str(refused.value)


def test_traces_give_way_to_what_is_said_of_the_service(monkeypatch):
    """A variable or secret of the service counts more than one of this process."""
    for name in ("OTEL_SERVICE_NAME", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_TRACES_EXPORTER"):
        monkeypatch.setenv(name, "of this process")
    own = {"variables": {"OTEL_SERVICE_NAME": "v"}}
    secrets = {"OTEL_EXPORTER_OTLP_HEADERS": Secret("s")}
    serving = Serving(server="modelship", traces=True, secrets=secrets, **own)
    assert serving.secret_environment["OTEL_EXPORTER_OTLP_HEADERS"] == "s"
    assert serving.secret_environment["OTEL_TRACES_EXPORTER"] == "of this process"
    assert "OTEL_SERVICE_NAME" not in serving.secret_environment


@pytest.mark.parametrize("option", [each.name for each in fields(Serving)])
@pytest.mark.parametrize("place", ["process", "docker", "aci", "memory"])
def test_what_a_target_cannot_keep_is_refused_and_it_is_said_which_can(place, option):
    """An option is kept, or named in an error that says which target does or what Azure does."""
    value, beside, _ = OTHER[option]
    backend = TARGETS.load(place)(**{"workspace": object()} if place == "aci" else {})
    if option in backend.serves:
        assert {*beside} <= backend.serves
        return
    serving = Serving(**{**beside, option: value})
    with pytest.raises(InvalidOptionError) as refused:
        backend.check_serving(serving)
    able = [each for each in targets_that_keep(refused.value.option) if each != "aci"]
    assert able
    if place == "aci":
        assert "Azure" in refused.value.expected
    else:
        assert all(repr(each) in refused.value.expected for each in able)


@pytest.mark.parametrize("option", [each.name for each in fields(Serving)])
def test_process_and_docker_keep_the_same(option):
    """A service that runs in a process can run in a container in the same way, but for one."""
    places = targets_that_keep(option)
    assert {"process", "docker"} - {*places} == ({"docker"} if option == "capture" else set())


def test_what_is_off_is_no_option_that_is_asked_for():
    """auth=False asks for nothing, and so it is kept everywhere."""
    for place in ("process", "docker", "memory"):
        TARGETS.load(place)().check_serving(Serving(auth=False, variables={}))
