"""modelship.yaml, what stands over it, and what is said of its mistakes."""

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelship.cli.config import FILE_NAME, Config
from modelship.errors import ConfigError

WHOLE = """\
model: models/model.pkl
entry_script: score.py
environment: myenv.yml
sample_input: {data: [[1, 2]]}
cpu_cores: 2
memory_gb: 0.5
tags: {data: MNIST}
description: Digits
name: digits-svc
target: docker
options: {docker: {base_image: "python:3.11-slim"}, process: {}}
serving: {port: 5001, capture: failed, secrets: {KEY: "file:secrets/key", TOKEN: "env:TOKEN"}}
require: {accuracy: 0.9, log_loss: 0.5}
data: test.npz
label: [y, z]
task: regression
separator: ";"
decimal: ","
encode: forms.py:encode
decode: forms:decode
timeout_s: 90
"""

MISTAKES = [
    ("name: a-b-c\nmodle: x.pkl\n", "line 2: there is no key 'modle' (did you mean 'model'?)"),
    ("name: 7\n", "line 1: name is 7; expected text."),
    ("cpu_cores: '2'\n", "cpu_cores is '2'; expected a number above 0."),
    ("memory_gb: -1\n", "memory_gb is -1; expected a number above 0."),
    ("timeout_s: .nan\n", "timeout_s is nan; expected a number above 0."),
    ("timeout_s: true\n", "timeout_s is True; expected a number above 0."),
    ("tags:\n  build: 7\n", "line 1: tags is {'build': 7}; expected a mapping of text to text."),
    ("require: {accuracy: high}\n", "expected a mapping of metric to number."),
    ("options: {password: hunter2}\n", "options is dict; expected a mapping of target to its"),
    ("label: 7\n", "label is 7; expected the column with y, or a list of them."),
    ("task: ranking\n", "task is 'ranking'; expected classification or regression."),
    ("decimal: ', '\n", "decimal is ', '; expected a character."),
    ("target:\n", "target is None; expected text."),
    ("name: abc\nname: abd\n", "line 2: name is given twice."),
    ("name: [abc\n", "line 2: "),
    (
        "name: abc\nserver: x\n",
        "line 2: there is no key 'server'; write it as serving: {server: ...",
    ),
    ("name: abc\nserving:\n  wokers: 2\n", "line 3: there is no key 'wokers' in serving (did you"),
    ("serving:\n  workers: two\n", "line 2: serving.workers is 'two'; expected a whole number."),
    ("serving:\n  workers: 99\n", "line 2: serving.workers is 99; expected 1 to 64."),
    ("serving: {server: modelshp}\n", "serving.server is 'modelshp'; expected 'azmlinfsrv' or"),
    ("serving: {auth: 'no'}\n", "serving.auth is 'no'; expected true or false."),
    (
        "serving:\n  variables:\n    THREADS: 4\n",
        "line 3: serving.variables.THREADS is 4; expected",
    ),
    (
        "serving:\n  secrets:\n    KEY: hunter2\n",
        "line 3: serving.secrets.KEY is str; expected env",
    ),
    ("serving: {secrets: hunter2}\n", "serving.secrets is str; expected a mapping"),
    ("serving: {port: 1, port: 2}\n", "serving.port is given twice."),
    ("options:\n  process:\n    port: 1\n", "line 3: options.process.port says how a bundle is"),
    ("services:\n  a-b-c: {target: 7}\n", "line 2: services.a-b-c.target is 7; expected text."),
    ("services:\n  a-b-c: {services: {}}\n", "line 2: there is no key 'services' in services.a-b"),
    ("services: {a-b-c: {serving: {traces: 1}}}\n", "services.a-b-c.serving.traces is 1; expected"),
    ("services: {a-b-c: {options: {aci: {auth_enabled: true}}}}\n", "serving: {auth: ...}"),
    ("- name\n", "it is not a mapping of keys to values."),
    ("description: 2020-99-99\n", "it is not YAML"),
]


def test_every_key_is_read(here):
    """The file's values arrive as they stand, with their types."""
    (here / FILE_NAME).write_text(WHOLE)
    config = Config.find()
    assert config.sample_input == {"data": [[1, 2]]}
    assert (config.cpu_cores, config.memory_gb, config.timeout_s) == (2, 0.5, 90)
    assert config.options["docker"] == {"base_image": "python:3.11-slim"}
    assert config.require == {"accuracy": 0.9, "log_loss": 0.5}
    of_text = {"task": "regression", "separator": ";", "decimal": ","}
    forms = {"encode": "forms.py:encode", "decode": "forms:decode"}
    assert config.scoring == {"label": ("y", "z"), **of_text, **forms}
    assert (config.name, config.chosen_target, config.description) == (
        "digits-svc",
        "docker",
        "Digits",
    )


def test_paths_start_at_the_folder_of_the_file(here):
    """A relative path in the file does not depend on where the command is typed."""
    (here / "project").mkdir()
    (here / "project" / FILE_NAME).write_text(WHOLE)
    config = Config.find(here / "project" / FILE_NAME)
    assert config.model == str(here / "project/models/model.pkl")
    assert config.entry_script == str(here / "project/score.py")
    assert config.data == str(here / "project/test.npz")
    assert config.encode == str(here / "project/forms.py:encode")


@pytest.mark.parametrize("uri", ["https://example.org/model.pkl", "azureml:digits:3"])
def test_a_uri_stays_as_it_is(here, uri):
    """What has a scheme is no path."""
    (here / FILE_NAME).write_text(f"model: '{uri}'\n")
    assert Config.find().model == uri


def test_a_script_stays_relative_to_its_source_directory(here):
    """With a source directory the script's path starts there, as in ScoringBundle."""
    (here / FILE_NAME).write_text("entry_script: score.py\nsource_directory: service\n")
    config = Config.find()
    assert (config.entry_script, config.source_directory) == ("score.py", "service")


@pytest.mark.parametrize(("text", "said"), MISTAKES, ids=[text[:12] for text, _ in MISTAKES])
def test_a_mistake_is_named_with_its_line(here, text, said):
    """Whatever is wrong in the file is told with the key, what was found and what was expected."""
    (here / FILE_NAME).write_text(text)
    with pytest.raises(ConfigError) as caught:
        Config.find()
    assert said in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_asked_for_has_to_be_there(here):
    """Without modelship.yaml there are defaults; without the file of --config there is an error."""
    assert Config.find() == Config()
    with pytest.raises(ConfigError, match="No such file"):
        Config.find(here / "other.yaml")


def test_the_environment_stands_over_the_file_and_flags_over_both(here, monkeypatch):
    """The order is flag, variable, file, default; mappings are merged key by key."""
    (here / FILE_NAME).write_text(WHOLE)
    monkeypatch.setenv("MODELSHIP_TARGET", "process")
    monkeypatch.setenv("MODELSHIP_NAME", "123")
    monkeypatch.setenv("MODELSHIP_CPU_CORES", "4")
    monkeypatch.setenv("MODELSHIP_TAGS", json.dumps({"data": "digits"}))
    config = Config.find().overridden_by(name="flag-svc", target=None, tags=(("by", "flag"),))
    assert (config.name, config.target, config.cpu_cores) == ("flag-svc", "process", 4)
    assert config.tags == {"data": "digits", "by": "flag"}
    assert config.memory_gb == 0.5
    assert Config.find().name == "123"


SERVICES = """\
name: digits-svc
serving: {server: modelship, secrets: {KEY: "file:key"}, variables: {MODE: a, LEVEL: "1"}}
tags: {data: MNIST}
services:
  staging: {}
  production:
    target: docker
    name: digits-prod
    serving: {workers: 4, variables: {MODE: b}, capture: failed}
    tags: {stage: production}
"""


def test_a_service_stands_over_what_holds_for_all(here):
    """Mappings are merged key by key, and paths start at the file's folder in a service too."""
    (here / "project").mkdir()
    (here / "project" / FILE_NAME).write_text(SERVICES)
    config = Config.find(here / "project" / FILE_NAME)
    staging, production = config.services["staging"], config.services["production"]
    assert (staging.name, staging.chosen_target) == ("digits-svc", "process")
    assert (production.name, production.target) == ("digits-prod", "docker")
    assert production.tags == {"data": "MNIST", "stage": "production"}
    assert production.serving == {
        "server": "modelship",
        "secrets": {"KEY": f"file:{here / 'project' / 'key'}"},
        "variables": {"MODE": "b", "LEVEL": "1"},
        "workers": 4,
        "capture": str(here / "project" / "failed"),
    }


def test_a_service_goes_by_what_the_file_calls_it_or_by_its_name(here):
    """A name that two services have says nothing of where one runs."""
    (here / FILE_NAME).write_text(SERVICES)
    config = Config.find()
    assert config.of_service("production") == config.of_service("digits-prod")
    assert config.of_service("staging").name == "digits-svc"
    assert config.of_service("other") == config.overridden_by(name="other")
    (here / FILE_NAME).write_text(SERVICES.replace("    name: digits-prod\n", ""))
    assert Config.find().of_service("digits-svc").target is None


def test_what_services_share_can_be_an_anchor_of_yaml(here):
    """A merge key is read, also in a service."""
    (here / FILE_NAME).write_text(
        "services:\n  one: &one {target: docker, cpu_cores: 2}\n  two: {<<: *one, cpu_cores: 4}\n"
    )
    two = Config.find().services["two"]
    assert (two.target, two.cpu_cores) == ("docker", 4)


def test_a_variable_stands_over_every_service_of_the_file(here, monkeypatch):
    """It changes one option of serving, and leaves the others; a mistake in it names it."""
    (here / FILE_NAME).write_text(SERVICES)
    monkeypatch.setenv("MODELSHIP_SERVING", "{workers: 8}")
    config = Config.find()
    assert [each.serving["workers"] for each in config.services.values()] == [8, 8]
    assert config.serving["server"] == "modelship"
    monkeypatch.setenv("MODELSHIP_SERVING", "{worker: 8}")
    with pytest.raises(ConfigError, match=r"^MODELSHIP_SERVING: .*did you mean 'workers'"):
        Config.find()


@pytest.mark.parametrize("text", ["many", "0", "[1", "nan"])
def test_a_mistake_in_a_variable_names_the_variable(monkeypatch, text):
    """A variable is held to the same types as the file."""
    monkeypatch.setenv("MODELSHIP_CPU_CORES", text)
    with pytest.raises(ConfigError, match=r"^MODELSHIP_CPU_CORES: .*a number above 0"):
        Config.find()


ODD = [
    "? [1, 2]\n: x\n",
    "!!binary bW9kZWw=: x\n",
    "cpu_cores: " + "9" * 400 + "\n",
    "cpu_cores: " + "9" * 5000 + "\n",
    "model: " + "[" * 1000 + "]" * 1000 + "\n",
    "tags: &a {x: *a}\n",
    "<<: {model: x}\n",
    "model: !!python/object/apply:os.system [id]\n",
    "name: \x00\n",
    "timeout_s: 2026-13-45\n",
    "x" * 2_000_000,
]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_an_odd_file_is_an_error_of_ours(tmp_path, text):
    """Whatever is in the file, it is a ConfigError."""
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(ConfigError):
        Config.find(tmp_path / FILE_NAME)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_in_the_file_are_settings_or_an_error(tmp_path, data):
    """With bytes put anywhere into the file, nothing but a ConfigError is raised."""
    before = WHOLE.encode()
    at = data.draw(st.integers(0, len(before)))
    put = data.draw(st.binary(max_size=6) | st.sampled_from([b"*a", b"&a ", b"!!set ", b"? "]))
    (tmp_path / FILE_NAME).write_bytes(before[:at] + put + before[at + 1 :])
    with suppress(ConfigError):
        Config.find(tmp_path / FILE_NAME)
