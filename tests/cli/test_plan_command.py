"""modelship plan and apply: the services of modelship.yaml, on the target memory."""

import json

import pytest

from modelship.cli.config import FILE_NAME
from modelship.targets import DeployTarget

TWO = """\
target: memory
services:
  staging: {name: digits-staging}
  production: {tags: {stage: production}}
"""


@pytest.fixture
def write(here):
    """Return what writes modelship.yaml into the current folder."""
    return (here / FILE_NAME).write_text


@pytest.fixture
def typed(modelship, files):
    """Return what types plan or apply for the bundle of digits."""

    def type_command(command, *arguments):
        return modelship(command, "--bundle", files / "bundle", *arguments)

    return type_command


def names():
    return [deployment.name for deployment in DeployTarget.open("memory").list()]


def test_a_plan_tells_what_apply_then_does_and_nothing_is_left_to_do(write, typed):
    """Exit code 2 says that there are changes; after apply there are none, and it is 0."""
    write(TWO)
    planned = typed("plan")
    assert (planned.exit_code, names()) == (2, [])
    assert planned.stdout.splitlines() == [
        "+ digits-staging on memory: create",
        "+ production on memory: create",
        "2 to create",
    ]
    assert typed("apply", "--quiet").exit_code == 0
    assert names() == ["digits-staging", "production"]
    again = typed("plan")
    assert (again.exit_code, again.stdout.splitlines()[-1]) == (0, "2 unchanged")


def test_only_the_services_that_are_named_are_changed(write, typed):
    """The others of the file are neither looked at nor touched."""
    write(TWO)
    assert typed("apply", "staging", "--quiet").exit_code == 0
    assert names() == ["digits-staging"]
    assert typed("plan", "staging").exit_code == 0
    assert typed("plan").exit_code == 2


def test_a_plan_as_json_has_each_difference(write, modelship, files):
    """The document says of each service what would be done and why."""
    write("name: digits-svc\ntarget: memory\n")
    modelship("apply", "--bundle", files / "bundle", "--quiet")
    done = modelship("plan", "--bundle", files / "raising", "--json")
    document = json.loads(done.stdout)
    [service] = document["services"]
    assert (done.exit_code, document["has_changes"], service["service"]) == (2, True, "digits-svc")
    assert (service["action"], service["way"], service["error"]) == (
        "replace",
        "side by side",
        None,
    )
    changed = {each["name"]: each["detail"] for each in service["differences"]}
    assert changed["script"].startswith("entry_script score.py -> raising.py, ")


def test_apply_as_json_says_what_came_of_each_service(write, typed):
    """A program learns which services were deployed, and where they answer."""
    write(TWO)
    typed("apply", "staging", "--quiet")
    found = json.loads(typed("apply", "--json").stdout)["services"]
    assert [each["outcome"] for each in found] == ["unchanged", "applied"]
    assert found[1]["scoring_uri"].startswith("http://")


def test_apply_stops_at_the_first_service_that_fails(write, modelship, files):
    """What comes after it in the file is left as it is: staging guards production."""
    write(TWO)
    done = modelship("apply", "--bundle", files / "failing", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == found["error"]["exit_code"] == 7
    assert [each["outcome"] for each in found["services"]] == ["failed", "not reached"]
    assert names() == []


def test_apply_holds_each_service_to_a_gate(write, typed, files):
    """What does not pass it never serves, and the services after it are left as they are."""
    write(TWO)
    gate = ("--gate", files / "test.npz", "--require", "accuracy=1.01")
    done = typed("apply", *gate, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == found["error"]["exit_code"] != 0
    assert [each["outcome"] for each in found["services"]] == ["failed", "not reached"]
    assert names() == []


def test_nothing_is_applied_if_one_target_cannot_be_reached(write, typed, monkeypatch):
    """The plan of all comes first; its error has the target's exit code, and others are planned."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    write(TWO.replace("production: {", "production: {target: docker, "))
    planned = typed("plan")
    assert planned.exit_code == 7
    assert "+ digits-staging on memory: create" in planned.stdout
    assert "error: production: The target 'docker' is not available" in planned.stderr
    assert typed("apply").exit_code == 7
    assert names() == []


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("target: memory\n", (), "names no service"),
        (TWO, ("stagin",), "did you mean 'staging'"),
        (TWO, ("--nonsense",), "--nonsense"),
        (TWO.replace("{name", "{nam"), (), "line 3: there is no key 'nam' in services.staging"),
        (f"name: one\n{TWO.replace('{name: digits-staging}', '{}')}", (), "are both 'one'"),
        ("name: one\ntarget: memory\nserving: {workers: 99}\n", (), "workers is 99"),
    ],
)
def test_what_was_typed_has_another_code_than_changes(write, typed, text, arguments, said):
    """A script that goes by exit code 2 never takes a slip for a plan with changes."""
    write(text)
    done = typed("plan", *arguments)
    assert done.exit_code == 64
    assert said in done.stderr


def test_deploy_takes_what_the_file_says_of_the_service_of_that_name(write, modelship, files):
    """`deploy -n staging` and `apply staging` are the same."""
    write(TWO)
    done = modelship("deploy", files / "bundle", "-n", "staging", "--quiet")
    assert done.exit_code == 0, done.output
    assert names() == ["digits-staging"]
    assert modelship("plan", "staging", "--bundle", files / "bundle").exit_code == 0
