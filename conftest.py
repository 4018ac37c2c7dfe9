"""Run every code block of README.md and docs/ as a test.

Python blocks of one document share a namespace and run in order; console blocks run in bash. Each
document starts in a new folder that holds what `docs_folder` puts there. The README's two
set-up commands are run by the gate instead.
"""

import atexit
import contextlib
import fcntl
import gc
import importlib.metadata
import importlib.util
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc  # noqa: F401 - pytest imports it for a ResourceWarning; one more meanwhile fails
from functools import cache, partial
from pathlib import Path

import pytest
from filelock import FileLock
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

pytest_plugins = ["compiled_once", "forked_workers"]
ROOT = Path(__file__).parent
SETS_UP = ("python3 -m venv",)
IS_WHOLE = re.compile(r"(modelship|bash -n|cat|echo|sed) (?!.*<<)").match
IS_PLAIN = re.compile(
    r"(modelship [^|&;<>$`*\\\n]*?)(?: > ([\w.]+))?(?: \|\| \[ \$\? -eq (\d+) \])?"
).fullmatch
RUNS_TESTS = re.compile(r"python -m pytest (-q [\w.]+)").fullmatch
WRITES_FILE = re.compile(r"cat > ([\w.]+) <<'END'\n(.*?\n)END\n", re.DOTALL).match
# Threads of BLAS and OpenMP spin while they wait: with several tests at a time, a small fit costs
# fifty times the CPU time. Services and trials do not inherit these.
for each in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(each, "1")
# Environments are dear to build: one run of the tests, with all its workers, builds each once.
OWNS_CACHE = "MODELSHIP_TESTS_CACHE" not in os.environ
if OWNS_CACHE:
    os.environ["MODELSHIP_TESTS_CACHE"] = tempfile.mkdtemp(prefix="modelship-tests-")
elif "CI" in os.environ:
    # Parity runs keep hypothesis's tables there, which take a second to make; no example is kept.
    place = Path(os.environ["MODELSHIP_TESTS_CACHE"], "cache", "hypothesis")
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(place))
MACHINE_READY_S = 600
# The tests of a document would compile all of modelship once more, as its entry point asks.
OF_NESTED_PYTEST = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_PLUGINS": "modelship.testing.plugin",
}
LEAST_NEW_OBJECTS = 20_000
LONGEST_FOLDER_OF_SOCKETS = 80  # the kernel takes 107 characters, with the names in it
HAS_AZURE = importlib.util.find_spec("azureml") is not None
LIGHT_SCRIPT = """\
import json

import numpy as np


def init():
    global weights
    weights = np.random.default_rng(0).normal(size=(64, 10))


def run(raw_data):
    rows = np.array(json.loads(raw_data)["data"])
    return (rows @ weights).argmax(axis=1).tolist()
"""
NEEDS_AZURE = (
    "tests/workspace",
    "tests/testing/offline",
    "tests/targets/aci",
    "tests/targets/online_endpoint/test_az_yaml_sdk.py",
    "tests/targets/online_endpoint/test_endpoint_contract.py",
    "tests/cli/test_azureml_offline.py",
    "tests/migration/test_migration_offline.py",
    "tests/migration/test_migration_runs.py",
    "docs/how-to/azure.md",
    "docs/how-to/azure-models.md",
    "docs/how-to/azure-offline.md",
)
NEEDS_DOCKER = ROOT / "docs/how-to/docker.md"
AZURE_PLACES = [ROOT / each for each in NEEDS_AZURE]
# These wait most of their time: one worker has them, and others use the processors meanwhile.
WAITING = (
    "tests/server/test_operations.py",
    "tests/server/test_limits.py",
    "tests/server/test_address_gate.py",
    "tests/server/test_ending.py",
    "tests/targets/test_address.py",
)
# Those that take long come first, so that no worker is left alone with one at the end. Those that
# need Docker or a browser come a little later, since the gate may be installing it.
LONG = tuple(
    ROOT / each
    for each in (
        "tests/testing/offline/test_tutorial_part_two.py",
        "tests/targets/aci/test_aci_contract.py",
        "tests/testing/offline/test_tutorial_part_one.py",
        "tests/targets/aci/test_aci_history.py",
        "tests/testing/offline/test_acceptance.py",
        "tests/testing/offline/test_rollout_script.py",
        "tests/testing/offline/test_exported_rollout.py",
        "docs/how-to/azure.md",
        "tests/targets/aci/test_aci_failures.py",
        "docs/how-to/azure-offline.md",
        "tests/testing/offline/test_offline_services.py",
        "tests/targets/online_endpoint/test_endpoint_contract.py",
        "tests/testing/offline/test_online_lifecycle.py",
        "tests/testing/offline/test_online_endpoints.py",
        "tests/testing/offline/test_safe_rollout.py",
        "tests/testing/offline/test_batch_endpoints.py",
        "tests/testing/offline/test_notebooks.py",
        "tests/testing/offline/test_failures.py",
        "tests/targets/aci/test_aci_keys_and_options.py",
        "tests/testing/offline/test_hostile_requests.py",
        "tests/cli/test_azureml_offline.py",
        "tests/targets/aci/test_models_everywhere.py",
        "tests/testing/offline/test_client_scripts.py",
        "tests/testing/offline/test_models.py",
        "tests/testing/offline/test_v2_assets.py",
        "tests/testing/offline/test_batch_jobs.py",
        "tests/migration/test_migration_runs.py",
        "tests/targets/online_endpoint/test_az_yaml_sdk.py",
        "tests/testing/offline/test_nocode.py",
        "tests/targets/aci/test_equal_answers.py",
        "tests/testing/offline/test_script_runs.py",
        "tests/targets/aci",
        "tests/test_cases.py",
        "tests/targets/test_contract.py",
        "tests/server/differential",
        "tests/server/test_raw_http.py",
        "tests/test_plug_ins.py",
        *WAITING,
        "docs/how-to/parity.md",
        "tests/test_examples.py",
        "tests/targets/test_docker.py",
        "tests/targets/test_servers.py",
        "tests/targets/test_contract_docker.py",
        "tests/targets/test_process.py",
        "README.md",
        "tests/targets/test_server_options.py",
        "docs/reference/cli.md",
        "docs/how-to/plan-and-apply.md",
        "tests/server/test_arrays.py",
        "tests/targets/test_history_docker.py",
        "tests/targets/test_docker_interrupt.py",
        "tests/parity/test_cleaning_up.py",
        "tests/cli/test_demo.py",
        "tests/targets/test_docker_address.py",
        "tests/targets/test_diagnosis_docker.py",
        "tests/targets/test_secrets.py",
        "tests/sources/test_passport.py",
        "tests/parity/test_parity.py",
        "tests/bundle/test_what_is_served.py",
        "docs/how-to/rollouts.md",
        "tests/targets/test_old_python.py",
        "tests/targets/test_keys_kept.py",
        "tests/sources/test_known_names.py",
        "docs/how-to/docker.md",
        "docs/how-to/rollback.md",
        "docs/how-to/capture-and-replay.md",
        "docs",
    )
)

# What many files import when they run: each fork would compile it and run it again.
IMPORTED_ONCE = ("matplotlib.backends.backend_agg", "matplotlib.figure")
IMPORTED_FOR_AZURE = (
    "azure.ai.ml.entities",
    "azure.identity",
    "azureml.core.compute",
    "azureml.core.model",
    "azureml.core.webservice",
    "joblib",
    "modelship.testing.offline.assembly",
    "modelship.testing.offline.offline_workspace",
    "sklearn.linear_model",
)
ASKING_THE_SAME_SERVERS = ("tests/server/differential/", "tests/server/test_raw_http.py")


def share_cache(home):
    """Let a MODELSHIP_HOME have the environments of this run, and the locks around them."""
    common = Path(os.environ["MODELSHIP_TESTS_CACHE"])
    for name in ("cache", "state/locks"):
        (common / name).mkdir(parents=True, exist_ok=True)
        link = home / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(common / name)
    return home


OWNS_HOME = "MODELSHIP_HOME" not in os.environ
if OWNS_HOME:
    # Nothing of a test stays on the machine, and what one resolves or builds, the next one has.
    made = share_cache(Path(tempfile.mkdtemp(prefix="modelship-home-")))
    os.environ["MODELSHIP_HOME"] = str(made)


@pytest.fixture(scope="session", autouse=True)
def forked_services():
    """Start most services as forks, on Linux; all workers share what they are forks of."""
    folder = Path(os.environ["MODELSHIP_TESTS_CACHE"], "forks")
    if not sys.platform.startswith("linux") or len(str(folder)) > LONGEST_FOLDER_OF_SOCKETS:
        yield None
        return
    from forked_services import forking_services

    with forking_services(folder) as forking:
        yield forking


@pytest.fixture(scope="session")
def sharing_locks():
    """Return what lets a MODELSHIP_HOME of a test's own have the locks of this run."""
    common = Path(os.environ["MODELSHIP_TESTS_CACHE"], "cache", "locks")
    common.mkdir(parents=True, exist_ok=True)

    def share(home):
        (home / "cache").mkdir(parents=True)
        (home / "cache" / "locks").symlink_to(common)
        return home

    return share


def pytest_configure(config):
    """Hold the folder that other runs use too: ``tests/remove_cache.py`` leaves it then."""
    if not OWNS_CACHE and not hasattr(config, "workerinput"):
        lock = os.open(f"{os.environ['MODELSHIP_TESTS_CACHE']}.lock", os.O_RDWR | os.O_CREAT)
        config.add_cleanup(partial(os.close, lock))
        fcntl.flock(lock, fcntl.LOCK_SH)


def pytest_forks_group(item):
    """Give one worker all files whose tests ask the same servers, or wait; else each alone."""
    if item.nodeid.startswith(ASKING_THE_SAME_SERVERS):
        return "servers"  # which it keeps running
    return "waiting" if item.nodeid.startswith(WAITING) else None


def pytest_unconfigure():
    """Remove what this run has made; workers leave that to whoever started them."""
    owned = {"MODELSHIP_TESTS_CACHE": OWNS_CACHE, "MODELSHIP_HOME": OWNS_HOME}
    for name in (name for name, is_own in owned.items() if is_own):
        shutil.rmtree(os.environ.pop(name), ignore_errors=True)


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory):
    """Return a MODELSHIP_HOME for the whole session, so that each environment is built once."""
    return share_cache(tmp_path_factory.mktemp("shared-home"))


def lies_in(path, place):
    """Return whether a path is that of a place, or below it; pathlib takes long for thousands."""
    return f"{path}{os.sep}".startswith(f"{place}{os.sep}")


@cache
def needs_azure(path):
    """Tell whether what is tested there speaks to Azure ML's SDK."""
    return any(lies_in(path, each) for each in AZURE_PLACES)


def pytest_ignore_collect(collection_path, config):
    """Pass over what needs the extra ``offline`` where it is not there, and else with ``-m azure``.

    Each worker reads every file that is not passed over.
    """
    if needs_azure(collection_path):
        return None if HAS_AZURE else True
    leads_there = any(lies_in(each, collection_path) for each in AZURE_PLACES)
    return True if is_for_azure(config) and not leads_there else None


def is_for_azure(config):
    """Tell whether only what speaks to Azure ML's SDK is to run."""
    return config.option.markexpr.startswith("azure")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """Look for no garbage while thousands of tests are read, nor later among what was read.

    Later it is looked for more rarely than by default (700): it took a twentieth of all tests.
    """
    gc.disable()
    try:
        collected = yield
        if session.config.option.forks:
            for_azure = HAS_AZURE and is_for_azure(session.config)
            import_once(for_azure)
            if not for_azure:  # whose tests are given no examples
                generate_once()
        return collected
    finally:
        gc.freeze()
        atexit.register(gc.freeze)  # at exit all objects would be looked at, several times
        gc.set_threshold(LEAST_NEW_OBJECTS)
        gc.enable()


def import_once(for_azure):
    """Import what the forks need, before there are any."""
    for name in (*IMPORTED_ONCE, *(IMPORTED_FOR_AZURE if for_azure else ())):
        importlib.import_module(name)
    if for_azure:
        find_statuses_at_once()


def find_statuses_at_once():
    """Let SDK v1 find a status in a set: for each client it looks all of 999 up in a list."""
    from msrest.universal_http.requests import ClientRetryPolicy

    ClientRetryPolicy.safe_codes = frozenset(ClientRetryPolicy.safe_codes)


def generate_once():
    """Let hypothesis read the constants of all tests, and make its tables, for all forks."""
    import hypothesis

    @hypothesis.settings(max_examples=1, database=None)
    @hypothesis.given(hypothesis.strategies.text())
    def generated(_):
        pass

    generated()


def pytest_collection_modifyitems(items):
    """Mark what needs it, so that ``-m azure`` selects it, and begin with what takes long."""
    for item in items:
        if needs_azure(item.path):
            item.add_marker("azure")
        elif item.get_closest_marker("azure"):
            raise pytest.UsageError(f"{item.path} belongs into NEEDS_AZURE of conftest.py")
    items.sort(key=lambda item: turn_of(item.path))


@cache
def turn_of(path):
    """Return when the tests of a file have their turn; those of one number stay as they are."""
    turns = (turn for turn, place in enumerate(LONG) if lies_in(path, place))
    return next(turns, len(LONG))


def run_console(example):
    """Run one console block; a line that ends in an error fails the test with its output.

    Commands of modelship without shell syntax, and tests, run in this process, which has imported
    already what most of them need.
    """
    command = str(example.parsed)
    if command.startswith(SETS_UP):
        return
    while written := WRITES_FILE(command):
        Path(written[1]).write_text(written[2])
        command = command[written.end() :]
    if tests := RUNS_TESTS(command.strip()):
        run_tests(tests[1])
        return
    lines = command.splitlines()
    for line in lines if all(map(IS_WHOLE, lines)) else [command]:
        plain = IS_PLAIN(line)
        run_plain(line, *plain.groups()) if plain else run_in_shell(line)


def run_plain(line, command, file, exit_code):
    """Run one command of modelship in this process, whose output may go to a file."""
    said = run_here(line, command, {0, int(exit_code or 0)})
    if file:
        Path(file).write_text(said)


def run_here(line, command, exit_codes):
    """Run one command of modelship in this process, and return its output.

    It may exit with some codes.
    """
    from click.testing import CliRunner

    from modelship.cli.app import cli

    done = CliRunner().invoke(cli, shlex.split(command)[1:])
    if done.exit_code not in exit_codes:
        raise AssertionError(f"{line}\nexited with {done.exit_code}:\n{done.output}")
    return done.stdout


def run_tests(arguments):
    """Run the tests of a document in this process."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        for name, value in OF_NESTED_PYTEST.items():
            patch.setenv(name, value)
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)  # both would remove it
        patch.setattr(sys, "path", ["", *sys.path])
        exit_code = pytest.main(shlex.split(arguments))
    if exit_code:
        raise AssertionError(f"pytest {arguments}\nexited with {exit_code}:\n{said.getvalue()}")


def run_in_shell(command):
    """Run commands in bash."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        env={**os.environ, **OF_NESTED_PYTEST, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )
    if done.returncode:
        raise AssertionError(
            f"{command}\nexited with {done.returncode}:\n{done.stdout}{done.stderr}"
        )


def enter(namespace):
    """Move into a new folder with the files that documents speak of."""
    folder = Path(tempfile.mkdtemp(prefix="docs-"))
    namespace.update(came_from=Path.cwd(), folder=folder, home=os.environ.get("MODELSHIP_HOME"))
    namespace.update(base_image=os.environ.get("MODELSHIP_TEST_BASE_IMAGE", "python:3.11-slim"))
    namespace.update(no_docker=not docker_answers(), write_light_script=write_light_script)
    os.environ["MODELSHIP_HOME"] = str(share_cache(docs_home_of_worker()))
    os.chdir(folder)
    write_files(folder)


def leave(namespace):
    """Delete what the document left running, and its folder."""
    import modelship as ms

    for deployment in ms.DeployTarget.open("process").list():
        deployment.delete(missing_ok=True)
    os.chdir(namespace["came_from"])
    shutil.rmtree(namespace["folder"])
    if namespace["home"] is None:
        del os.environ["MODELSHIP_HOME"]
    else:
        os.environ["MODELSHIP_HOME"] = namespace["home"]


def write_files(folder):
    """Write a model, a test set, a request, a script and an environment."""
    for name, content in fitted_files().items():
        (folder / name).write_bytes(content)
    (folder / "myenv.yml").write_text((ROOT / "examples/mnist/myenv.yml").read_text())
    script = (ROOT / "examples/mnist/score.py").read_text()
    (folder / "score.py").write_text(script.replace("sklearn_mnist_model.pkl", "model.pkl"))


def write_light_script():
    """Replace the script by one without scikit-learn, for pages that start it many times."""
    Path("score.py").write_text(LIGHT_SCRIPT)


@pytest.fixture(scope="session")
def digits_files():
    """Return the files of :func:`fitted_files`."""
    return fitted_files()


@cache
def fitted_files():
    """Return the model of the documents and its data, as files; the first worker fits it."""
    names = ("model.pkl", "test.npz", "request.json")
    version = importlib.metadata.version("scikit-learn")
    kept = Path(os.environ["MODELSHIP_TESTS_CACHE"], f"documents-{version}")
    kept.mkdir(parents=True, exist_ok=True)
    with FileLock(kept / "lock"):
        if not (kept / names[-1]).exists():
            for name, content in zip(names, fit_files(), strict=True):
                (kept / name).write_bytes(content)
    return {name: (kept / name).read_bytes() for name in names}


def fit_files():
    """Fit a model; return its file, that of its test set, and a request."""
    import joblib
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    X, y = load_digits(return_X_y=True)
    model, test = io.BytesIO(), io.BytesIO()
    joblib.dump(LogisticRegression(max_iter=5000).fit(X[:1200], y[:1200]), model)
    np.savez(test, X=X[1200:], y=y[1200:])
    request = f'{{"data": {X[1200:1203].tolist()}}}'.encode()
    return model.getvalue(), test.getvalue(), request


@pytest.fixture(scope="session")
def machine():
    """Wait until the gate has prepared this machine: it installs and starts what is missing."""
    wait_for_machine()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Wait before the document whose blocks need Docker."""
    if item.path == NEEDS_DOCKER:
        wait_for_machine()


def wait_for_machine():
    """Wait for the file that says so, if one is named."""
    ready = os.environ.get("MODELSHIP_MACHINE_READY")
    end_s = time.monotonic() + MACHINE_READY_S
    while ready and not Path(ready).exists() and time.monotonic() < end_s:
        time.sleep(0.2)


@cache
def docker_answers():
    """Tell whether a Docker engine is there to run the blocks that need one."""
    if os.environ.get("MODELSHIP_REQUIRE_DOCKER"):
        return True
    return (
        shutil.which("docker") is not None
        and not subprocess.run(["docker", "version"], capture_output=True, check=False).returncode
    )


@pytest.fixture(scope="session", autouse=True)
def docs_home():
    """Remove the environments that the documents made."""
    yield
    shutil.rmtree(docs_home_of_worker(), ignore_errors=True)


def docs_home_of_worker():
    """Return the MODELSHIP_HOME of the documents that this process runs, which may be a fork."""
    return Path(tempfile.gettempdir()) / f"modelship-docs-{os.getpid()}"


pytest_collect_file = Sybil(
    parsers=[SkipParser(), PythonCodeBlockParser(), CodeBlockParser("console", run_console)],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    setup=enter,
    teardown=leave,
    fixtures=["forked_services"],
).pytest()
