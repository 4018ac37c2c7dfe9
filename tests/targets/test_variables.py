"""The names and values of variables and secrets: what is read, and what is refused and why."""

import copy
import os
import pickle

import pytest

from modelship import Serving
from modelship.errors import InvalidOptionError
from modelship.runtime.variables import Secret, as_secrets, as_variables

CANARY = "xyzzy-plugh-7361"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("SCORING_TIMEOUT_MS", "server_options={'scoring_timeout_ms': ...}"),
        ("AML_CORS_ORIGINS", "server_options={'cors_origins': ...}"),
        ("WORKER_COUNT", "Serving(workers=...)"),
        ("MODELSHIP_KEYS_FILE", "Serving(auth=True)"),
        ("MODELSHIP_ANYTHING", "its own programs"),
        ("LISTEN_FDS", "gets its socket"),
        ("AZUREML_MODEL_DIR", "finds the bundle"),
        ("SERVER_PORT", "Serving(port=...)"),
        ("PYTHONPATH", "the server is found through it"),
        ("GUNICORN_CMD_ARGS", "gunicorn.conf.py next to the script"),
    ],
)
@pytest.mark.parametrize("option", ["variables", "secrets"])
def test_a_name_that_the_service_needs_is_refused_with_the_reason(option, name, why):
    """The error says what it is for, or which option to use instead."""
    given = {name: CANARY if option == "variables" else Secret(CANARY)}
    with pytest.raises(InvalidOptionError) as refused:
        Serving(**{option: given})
    assert why in str(refused.value)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("name", ["HOME", "TZ", "OMP_NUM_THREADS", "LD_PRELOAD", "AML_APP_MINE"])
def test_other_names_are_a_scripts_own(name):
    """No name is refused that the service itself does not need."""
    assert as_variables({name: "x"}) == {name: "x"}


@pytest.mark.parametrize("name", ["", "A-B", "1A", "A B", "A=B", "Ä", 5, None, "A\n"])
def test_a_name_that_no_variable_can_have_is_refused(name):
    """A shell could not set it, nor could a script look it up everywhere."""
    with pytest.raises(InvalidOptionError, match="letters, digits and underscores"):
        as_variables({name: "x"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[(each, "text, in quotes") for each in (5, True, None, b"bytes")],
        *[(each, "in UTF-8, without NUL") for each in ("a\0b", "\udc80", "x" * 2**17)],
    ],
)
def test_a_value_that_no_variable_can_have_is_refused_and_not_shown(value, expected):
    """Linux would refuse to start the service with it, or a number would lose its type."""
    for make in (lambda: as_variables({"A": value}), lambda: Secret(value)):
        with pytest.raises(InvalidOptionError) as refused:
            make()
        assert expected in str(refused.value)
        assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("plain", "plain"),
        ("line\n", "line"),
        ("line\r\n", "line"),
        ("two\n\n", "two\n"),
        ("-----BEGIN\nabc\n-----END\n", "-----BEGIN\nabc\n-----END"),
        (" kept = ü \n", " kept = ü "),
    ],
)
def test_a_file_is_read_less_one_newline(tmp_path, content, value):
    """Editors put a newline at the end; everything else counts, also lines in between."""
    (tmp_path / "secret").write_bytes(content.encode())
    (tmp_path / "link").symlink_to("secret")  # as Kubernetes mounts one
    for name in ("secret", "link"):
        secrets = as_secrets({"A": f"file:{tmp_path}/{name}"}, beside={})
        assert secrets["A"].value == value


def test_a_relative_path_is_kept_from_the_root(tmp_path, monkeypatch):
    """A rollback reads it again, perhaps from another folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text(CANARY)
    [secret] = as_secrets({"A": "file:secret"}, beside={}).values()
    assert secret == Secret(CANARY)
    assert secret.source == f"file:{tmp_path}/secret"


def _unusable(folder):
    os.mkfifo(folder / "pipe")
    (folder / "binary").write_bytes(b"\xff\x01")
    (folder / "large").write_bytes(b"x" * (2**17 + 1))
    (folder / "empty").write_text("\n")
    (folder / "nul").write_text("a\0b")
    return {
        "file:no/such/file": "No such file",
        f"file:{folder}": "is not a file",
        f"file:{folder}/pipe": "is not a file",
        f"file:{folder}/binary": "not UTF-8",
        f"file:{folder}/large": "131071 bytes",
        f"file:{folder}/empty": "not empty",
        f"file:{folder}/nul": "without NUL",
        "file:/dev/zero": "is not a file",
        "file:~nobody-of-this-name/x": "a user with a home folder",
        "env:MODELSHIP_TEST_UNSET": "a variable that is set: MODELSHIP_TEST_UNSET is not",
        "env:MODELSHIP_TEST_EMPTY": "not empty",
        "env:": "'env:NAME'",
        CANARY: "'env:NAME' (a variable of this process) or 'file:PATH'",
        "": "'file:PATH'",
    }


def test_a_source_that_cannot_be_read_is_refused_at_once(tmp_path, monkeypatch):
    """The message says which source and why; what may be the secret itself is not shown."""
    monkeypatch.setenv("MODELSHIP_TEST_EMPTY", "")
    for source, why in _unusable(tmp_path).items():
        with pytest.raises(InvalidOptionError) as refused:
            as_secrets({"A": source}, beside={})
        assert why in str(refused.value), source
        assert CANARY not in str(refused.value)


def test_a_name_is_a_variable_or_a_secret():
    """Which of the two would count is not left open."""
    with pytest.raises(InvalidOptionError, match="not in variables too"):
        Serving(variables={"A": "x"}, secrets={"A": Secret(CANARY)})


def test_a_secret_is_shown_and_pickled_nowhere():
    """Neither it nor what holds it tells the value; a copy is itself."""
    secret = Secret(CANARY, source="env:A")
    serving = Serving(secrets={"A": secret})
    for shown in (repr(secret), str(serving), f"{serving.options}", repr(serving.secrets)):
        assert CANARY not in shown
    assert copy.deepcopy(serving) == serving == copy.copy(serving)
    assert copy.deepcopy(serving).secrets["A"] is secret
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(serving)
