"""What is special about the target in memory: it shares a process, and leaves no trace in it."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from modelship.bundle import Environment, ScoringBundle
from modelship.cli.output import error_document
from modelship.cli.wording import text_of
from modelship.errors import DeploymentFailedError, ScoringRequestError, UnsupportedError
from modelship.targets import DeployTarget
from modelship.testing import cases, offline_bundle, script_bundle, with_lock
from modelship.testing.thread_output import Log, captured
from waiting import wait_until

ENVIRONMENT = Environment(python="3.11", requirements=())


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Return a function from a script to a service in memory."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # other tests put theirs elsewhere
    target = DeployTarget.open("memory")
    counter = iter(range(100))

    def deploy(script, *, files=(), **options):
        number = next(counter)
        folder = tmp_path / f"bundle-{number}"
        (folder / "source").mkdir(parents=True)
        for name, text in files:
            (folder / "source" / name).write_text(text)
        bundle = script_bundle(script, folder=folder, environment=ENVIRONMENT, **options)
        return target.deploy(
            offline_bundle(bundle), name=f"svc-{number}", check="off", show_output=False
        )

    yield deploy
    for deployment in target.list():
        deployment.delete()


def post(deployment, body=b"[]", **fields):
    return requests.post(deployment.scoring_uri, data=body, headers=fields, timeout=10)


def answering(expression, *, top=""):
    return f"{top}\ndef init():\n    pass\n\ndef run(raw_data):\n    return {expression}\n"


@pytest.mark.parametrize(
    ("expression", "body"),
    [
        ("raw_data", '"[]"'),
        ("'[1]'", '"[1]"'),
        ("None", "{}"),
        ("(1, 2.5)", "[1, 2.5]"),
        ("'\\u00e9'", '"\\u00e9"'),
        ("float('nan')", "NaN"),
    ],
)
def test_an_answer_is_written_as_azure_writes_it(serve, expression, body):
    """What run() returns becomes the JSON that Azure ML's server makes of it."""
    answer = post(serve(answering(expression)))
    assert (answer.status_code, answer.text) == (200, body)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["x-ms-run-function-failed"] == "False"
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) >= 0


def test_what_has_no_json_form_is_an_internal_error(serve):
    """An answer that cannot be written as JSON is a 500 that is not run()'s failure."""
    deployment = serve(answering("{1, 2}"))
    answer = post(deployment)
    assert (answer.status_code, answer.headers["x-ms-run-function-failed"]) == (500, "False")
    assert "internal error" in answer.json()["message"]
    assert "set is not JSON serializable" in deployment.logs()


@pytest.mark.parametrize("expression", ["1 / 0", "sys.exit('done')"])
def test_a_script_that_raises_or_exits_fails_one_request(serve, expression):
    """Neither an exception nor SystemExit in run() ends the service."""
    deployment = serve(answering(f"{expression} if raw_data == 'bad' else 1", top="import sys"))
    with pytest.raises(ScoringRequestError):
        deployment.run("bad")
    assert deployment.run("good") == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("POST", "/", 405),
        ("GET", "/swagger.json", 200),
        ("GET", "/score/", 404),
        ("GET", "/nothing", 404),
        ("POST", "/nothing", 404),
    ],
)
def test_routes_are_azures(serve, method, path, status):
    """Paths and methods have the status that Azure ML's server gives them."""
    base = serve(answering("1")).scoring_uri.removesuffix("/score")
    answer = requests.request(method, base + path, timeout=10)
    assert answer.status_code == status
    if status >= 400:
        assert answer.headers["x-ms-run-function-failed"] == "False"
        assert set(answer.json()) == {"message"}


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ({"x-request-id": "a"}, {"x-request-id": "a", "x-ms-request-id": "a"}),
        ({"x-ms-request-id": "b"}, {"x-ms-request-id": "b", "x-ms-client-request-id": "b"}),
        ({"x-ms-client-request-id": "c"}, {"x-ms-request-id": "c", "x-ms-client-request-id": "c"}),
        ({"TraceId": "d"}, {"TraceId": "d", "x-ms-client-request-id": None}),
    ],
)
def test_ids_come_back(serve, sent, received):
    """The header fields that identify a request are echoed, and stand in for each other."""
    headers = post(serve(answering("1")), **sent).headers
    assert {name: headers.get(name) for name in received} == received
    assert headers["x-request-id"]


def test_an_id_that_is_too_long_is_refused(serve):
    """An id of more than 100 characters is a 431."""
    deployment = serve(answering("1"))
    assert post(deployment, **{"x-request-id": "i" * 100}).status_code == 200
    assert post(deployment, **{"x-request-id": "i" * 101}).status_code == 431
    assert post(deployment, **{"x-ms-client-request-id": "i" * 101}).status_code == 431


def test_run_may_ask_for_the_headers(serve):
    """A parameter named request_headers gets the header fields, with keys in title case."""
    script = answering("request_headers['X-Color']").replace("raw_data", "data, request_headers")
    assert post(serve(script), **{"x-color": "blue"}).json() == "blue"


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ("*rows", "run() cannot accept positional-only arguments, *args, or **kwargs."),
        ("", "run() needs to accept an argument for input data."),
    ],
)
def test_a_run_that_takes_no_input_fails_the_start(serve, parameters, sentence):
    """What Azure ML's server says of a run() that it cannot call is said here too."""
    with pytest.raises(DeploymentFailedError) as caught:
        serve(answering("1").replace("raw_data", parameters))
    assert sentence in caught.value.log_tail


def test_modules_beside_the_script_are_its_own(serve, monkeypatch):
    """Two services import modules of one name, and this process keeps its own of that name."""
    mine = types.ModuleType("preparing")
    monkeypatch.setitem(sys.modules, "preparing", mine)
    script = answering("factor", top="from preparing import factor")
    first = serve(script, files=[("preparing.py", "factor = 1")])
    second = serve(script, files=[("preparing.py", "factor = 2")])
    assert (first.run([]), second.run([])) == (1, 2)
    assert sys.modules["preparing"] is mine


def test_init_sees_a_service_and_nothing_of_it_remains(serve, monkeypatch):
    """AZUREML_MODEL_DIR and the search path are the service's in init(), and restored after."""
    monkeypatch.delenv("AZUREML_MODEL_DIR", raising=False)
    monkeypatch.setenv("AML_APP_ROOT", "mine")
    before = (dict(os.environ), list(sys.path))
    script = (
        "import os, sys\n"
        "def init():\n"
        "    global seen\n"
        "    seen = [os.environ['AZUREML_MODEL_DIR'], os.environ['AML_APP_ROOT'], sys.path[0]]\n"
        "def run(raw_data):\n"
        "    return seen\n"
    )
    models, root, first = serve(script).run([])
    assert models == str(Path(root, "azureml-models", "contract-model", "2"))
    assert first == root != "mine"
    assert (dict(os.environ), list(sys.path)) == before


def test_prints_go_to_the_log_and_others_prints_do_not(serve, capsys):
    """The script's output is in logs(); what this process prints meanwhile goes its own way."""
    script = answering("[print(n) for n in range(200)] and None", top="import sys")
    deployment = serve(script.replace("pass", "print('loading', file=sys.stderr)"))
    stdout = sys.stdout
    with ThreadPoolExecutor(4) as pool:
        for answer in [pool.submit(deployment.run, []) for _ in range(8)]:
            print("mine")  # noqa: T201 - what the test is about
            answer.result()
    assert sys.stdout is stdout
    assert capsys.readouterr().out == "mine\n" * 8
    assert deployment.logs() == "loading\n" + "".join(f"{n}\n" for n in range(200)) * 8


def test_a_stream_that_was_put_back_too_late_is_passed_on(monkeypatch, capsys):
    """Who replaces it while a script prints, and puts back what was there, does no harm."""
    with monkeypatch.context() as patch:
        with captured(Log()):
            patch.setattr(sys, "stdout", sys.stdout)
        patch.undo()
        with ThreadPoolExecutor(1) as pool, captured(Log()):
            pool.submit(print, "mine").result()
    assert capsys.readouterr().out == "mine\n"


def test_calls_of_run_wait_for_each_other(serve):
    """As behind one worker, run() is never called twice at once."""
    script = answering("count(raw_data)", top=COUNTING)
    deployment = serve(script)
    with ThreadPoolExecutor(6) as pool:
        most = list(pool.map(lambda _: deployment.run([]), range(12)))
    assert max(most) == 1


COUNTING = """
import time
inside = 0

def count(raw_data):
    global inside
    inside += 1
    time.sleep(0.01)
    seen = inside
    inside -= 1
    return seen
"""


def test_delete_leaves_no_thread_folder_or_module(serve):
    """What a service had in this process is gone when it is deleted, failed services too."""
    come_and_go(serve)  # what modelship itself imports on first use stays
    before = set(threading.enumerate()), set(sys.modules), staged()
    come_and_go(serve)
    gc.collect()
    assert (set(sys.modules), staged()) == before[1:]
    # The thread of a request ends a moment after its answer.
    wait_until(lambda: set(threading.enumerate()) <= before[0], describe=threading.enumerate)


def come_and_go(serve):
    before = staged()
    deployment = serve(answering("1"))
    assert staged() > before
    deployment.run([])
    deployment.delete()
    with pytest.raises(DeploymentFailedError):
        serve("def init():\n    1 / 0\n\ndef run(raw_data):\n    pass\n")


def staged():
    return set(Path(tempfile.gettempdir()).glob("modelship-memory-*"))


def test_an_offline_bundle_differs_from_the_real_one_by_its_lock_alone(tmp_path):
    """offline_bundle() resolves nothing, and changes nothing but the lock."""
    options = {"sample_input": {"data": [1]}, "tags": {"a": "b"}, "cpu_cores": 0.5}
    bundle = script_bundle(answering("1"), folder=tmp_path, environment=ENVIRONMENT, **options)
    offline = offline_bundle(bundle)
    assert "lock" not in vars(bundle)
    assert offline.lock.text == "".join(f"{line}\n" for line in ENVIRONMENT.requirements)
    for field in ("model", "source", "sample_json", "resources", "tags", "entry_script"):
        assert getattr(offline, field) == getattr(bundle, field)


BOTH = """
import os, pathlib, pickle
def init():
    global found
    folder = pathlib.Path(os.environ["AZUREML_MODEL_DIR"])
    files = [folder / "a" / "1" / "model.pkl", folder / "b" / "1" / "model.pkl"]
    found = [pickle.loads(each.read_bytes()) for each in files]
def run(raw_data):
    return found
"""


def test_several_models_are_found_by_name_and_version(tmp_path, monkeypatch):
    """The target in memory lays them out as the others do."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    target = DeployTarget.open("memory")
    one = script_bundle(BOTH, folder=tmp_path, environment=ENVIRONMENT, model="both")
    both = [replace(one.model, name=name, version="1") for name in ("a", "b")]
    script, source = one.entry_script, tmp_path / "source"
    bundle = ScoringBundle(
        both, entry_script=script, source_directory=source, environment=ENVIRONMENT
    )
    with target.deploy(offline_bundle(bundle), name="both-svc", show_output=False) as deployment:
        assert deployment.run([]) == ["both", "both"]
        assert deployment.release.model == "a:1, b:1"


REQUESTS = [
    ("POST", "/score", b'{"data": [1]}', {}),
    ("POST", "/score", b'{"data": [1]}', {"x-request-id": "a", "x-ms-client-request-id": "b"}),
    ("POST", "/score", b'{"data": ["x"]}', {"x-ms-request-id": "c", "TraceId": "d"}),
    ("POST", "/score", b"\xff", {"x-request-id": "a"}),
    ("POST", "/score", b"", {"x-request-id": "a"}),
    ("POST", "/score", b"[]", {"x-request-id": "i" * 101}),
    ("POST", "/score", b"[]", {"x-ms-request-id": "i" * 101, "x-request-id": "a"}),
    ("GET", "/score?data=[1]", None, {}),
    ("GET", "/", None, {}),
    ("GET", "/swagger.json", None, {}),
    ("POST", "/swagger.json", b"", {}),
    ("GET", "/score/", None, {}),
    ("DELETE", "/score", None, {}),
]
COMPARED = ("Content-Type", "x-ms-run-function-failed", "x-ms-request-id", "x-ms-client-request-id")


def test_it_answers_as_azures_server_does(tmp_path, bare_lock, shared_home, monkeypatch):
    """The target in memory and the real server answer the same requests in the same way."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    bundle = script_bundle(
        cases.SCALING,
        folder=tmp_path,
        environment=Environment(python=bare_lock.python, requirements=()),
        model={"factor": 3},
    )
    bundle = with_lock(bundle, lock=bare_lock)
    answers = {}
    for name in ("memory", "process"):
        with DeployTarget.open(name).deploy(bundle, name="same", show_output=False) as deployment:
            base = deployment.scoring_uri.removesuffix("/score")
            answers[name] = [answered(base, *request) for request in REQUESTS]
    assert answers["memory"] == answers["process"]


def answered(base, method, path, body, fields):
    """Return what matters of an answer; a made-up id only by its length."""
    answer = requests.request(method, base + path, data=body, headers=fields, timeout=10)
    headers = {name: answer.headers.get(name) for name in COMPARED}
    if "x-request-id" not in fields and "x-ms-request-id" not in fields:
        headers["x-ms-request-id"] = len(headers["x-ms-request-id"] or "")
    swagger = path == "/swagger.json" and answer.ok
    return method, path, answer.status_code, None if swagger else answer.text, headers


def test_a_target_without_keys_says_so(serve):
    """Keys are an ability of a target, and this one has none."""
    deployment = serve(answering("1"))
    for ask in (deployment.keys, lambda: deployment.regenerate_key("primary")):
        with pytest.raises(UnsupportedError, match="The target 'memory' does not support keys"):
            ask()


def test_update_moves_the_handle_to_the_new_instance(serve, tmp_path):
    """After update() the same handle answers what the other bundle answers."""
    deployment = serve(answering("1"))
    folder = tmp_path / "other"
    other = script_bundle(answering("2"), folder=folder, environment=ENVIRONMENT)
    deployment.update(offline_bundle(other), show_output=False)
    assert (deployment.run([]), deployment.digest) == (2, offline_bundle(other).digest)


UNREADY = """
globals().update({})  # whatever this may bring, reading cannot tell

def init():
    model = 3

def run(raw_data):
    try:
        return model
    except NameError:
        raise RuntimeError("not ready") from None
"""


def test_what_a_check_could_not_decide_is_told_with_the_failure(tmp_path, monkeypatch):
    """The doubt was a warning; once the first request fails, it is what may be the cause."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    bundle = script_bundle(
        UNREADY, folder=tmp_path / "made", environment=ENVIRONMENT, sample_input={"data": [1]}
    )
    with pytest.raises(DeploymentFailedError) as caught:
        DeployTarget.open("memory").deploy(offline_bundle(bundle), name="unready", check="static")
    [doubt] = caught.value.doubts
    assert "MS115 init() assigns 'model' to a local variable" in doubt
    assert f"  may be the cause: {doubt}" in str(caught.value)
    assert f"  may be the cause: {doubt}" in text_of(caught.value)
    assert error_document(caught.value)["doubts"] == [doubt]
