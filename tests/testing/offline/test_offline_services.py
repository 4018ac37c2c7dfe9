"""Web services in an offline workspace, deployed by the SDK and running for real."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests
from azureml.core import Run, Webservice
from azureml.exceptions import WebserviceException
from offline_services import CONDA, DEADLINE_S, around_the_front, deploying, runs

from waiting import wait_until

CONDA_311 = {"dependencies": ["python=3.11", CONDA["dependencies"][1]]}


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared_home):
    """Return a deployer whose workspace all tests of this module share."""
    with deploying(tmp_path_factory.mktemp("services"), home=shared_home, light=True) as found:
        yield found


@pytest.fixture(scope="module")
def inspector(place):
    """Return a service that evaluates what it is sent; two models, keys, variables of its own."""
    models = [place.register("one", **{"one.txt": "1"})]
    models.append(place.register("two", **{"a.txt": "a", "b.txt": "b"}))
    return place.up(
        models=models,
        files={"helper/__init__.py": "", "beside.py": "WORD = 'beside'"},
        variables={"GREETING": "ahoy", "SECRET_KEY": "7361"},
        tags={"kind": "inspector"},
        auth_enabled=True,
        cpu_cores=0.5,
    )


@pytest.fixture(scope="module")
def plain(place):
    """Return a service without models, for tests that change or replace it."""
    return place.up(models=[], variables={"N": "1"})


def ask(service, question):
    """Evaluate an expression in a service."""
    return service.run(question)


def test_a_service_finds_its_models_files_and_variables(inspector):
    """Several models lie below azureml-models, the source folder beside, and variables are set."""
    root = ask(inspector, "os.environ['AML_APP_ROOT']")
    models = ask(inspector, "os.environ['AZUREML_MODEL_DIR']")
    assert models == f"{root}/azureml-models"
    found = ask(inspector, f"open('{models}/one/1/one.txt').read()")
    below = ask(inspector, f"sorted(os.listdir([*os.scandir('{models}/two/1')][0].path))")
    assert (found, below) == ("1", ["a.txt", "b.txt"])
    assert ask(inspector, "__import__('beside').WORD") == "beside"
    assert ask(inspector, "os.environ['GREETING']") == "ahoy"
    assert ask(inspector, "any('tmp' in each and each.endswith('.py') for each in os.listdir())")


def test_one_model_or_none(place, plain):
    """With one model AZUREML_MODEL_DIR is its own folder; with none, that of all of them."""
    model = place.register("alone", **{"alone.txt": "here"})
    service = place.up(models=[model])
    folder = ask(service, "os.environ['AZUREML_MODEL_DIR']")
    assert folder.endswith("/azureml-models/alone/1")
    assert ask(service, f"open('{folder}/alone.txt').read()") == "here"
    assert ask(plain, "os.environ['AZUREML_MODEL_DIR']").endswith("/azureml-models")


def test_only_the_keys_open(place, inspector):
    """Both keys open a service, anything else is a 401; a new key replaces the old one."""
    primary, secondary = inspector.get_keys()

    def status(key):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = requests.post(inspector.scoring_uri, data="1", headers=headers, timeout=30)
        return answer.status_code, answer.content

    assert status(primary) == status(secondary) == (200, b"1")
    assert status("") == status(primary[:-1]) == (401, b"")
    inspector.regen_key("Primary", set_key="another-one")
    assert inspector.get_keys() == ("another-one", secondary)
    assert status(primary) == (401, b"")
    assert status("another-one") == (200, b"1")
    inspector.update(auth_enabled=False)
    assert status("") == (200, b"1")
    inspector.update(auth_enabled=True)
    assert status("") == (401, b"")


def test_no_key_is_shown(place, inspector):
    """What the workspace says of a service, and lists, holds none of its keys."""
    headers = place.ws._auth_object.get_authentication_header()
    urls = [inspector._mms_endpoint, inspector._mms_endpoint.rpartition("/")[0]]
    shown = "".join(requests.get(url, headers=headers, timeout=30).text for url in urls)
    assert inspector.name in shown
    assert not [key for key in inspector.get_keys() if key in shown]


def test_the_process_keeps_to_its_cores(inspector):
    """Half a core is rounded up to one, and the service runs on no other."""
    assert ask(inspector, "len(os.sched_getaffinity(0))") == 1


def test_tags_and_properties_are_changed(place, inspector):
    """An update of only texts succeeds at once, and the container keeps running."""
    process = ask(inspector, "os.getpid()")
    inspector.add_properties({"checked": "yes"})
    inspector.update(tags={"kind": "inspector", "a": "b"}, description="Says what it sees")
    assert place.settle(inspector)["state"] == "Succeeded"
    assert inspector.tags == {"kind": "inspector", "a": "b"}
    assert (inspector.properties, inspector.description) == (
        {"checked": "yes"},
        "Says what it sees",
    )
    assert ask(inspector, "os.getpid()") == process


def test_services_are_listed(place, inspector):
    """The list can be narrowed by model, tags and kind of compute."""

    def names(**wanted):
        return {each.name for each in Webservice.list(place.ws, **wanted)}

    assert inspector.name in names()
    assert names(model_name="two") == names(model_id="two:1") == {inspector.name}
    assert inspector.name in names(tags=[["kind", "inspector"]], compute_type="ACI")
    assert names(tags=[["kind", "other"]]) == names(model_name="three") == set()


def test_an_update_replaces_the_container_in_place(place, plain):
    """After an update another script answers at the same address, and the old one has ended."""
    service = Webservice(place.ws, plain.name)
    old, uri = ask(service, "os.getppid()"), service.scoring_uri
    service.update(inference_config=place.inference_config(variables={"N": "2"}))
    assert service.state == "Transitioning"
    assert place.settle(service)["state"] == "Succeeded"
    assert (service.scoring_uri, ask(service, "os.environ['N']")) == (uri, "2")
    assert not runs(old)


def test_a_name_is_taken_unless_it_is_overwritten(place, plain):
    """Without overwrite a second service is refused; with it the old one is removed."""
    with pytest.raises(WebserviceException, match="already exists"):
        place.deploy(name=plain.name)
    again = place.up(name=plain.name, overwrite=True, variables={"N": "3"})
    assert ask(again, "os.environ['N']") == "3"
    assert [each.name for each in Webservice.list(place.ws)].count(plain.name) == 1


def test_a_deletion_ends_the_container(place, capsys):
    """After delete() nothing runs and nothing listens; a second one finds nothing to delete."""
    service = place.up()
    process = ask(service, "os.getppid()")
    service.delete()
    assert not runs(process)
    with pytest.raises(requests.ConnectionError):
        requests.post(service.scoring_uri, data="1", timeout=30)
    with pytest.raises(WebserviceException, match="WebserviceNotFound"):
        Webservice(place.ws, service.name)
    service.delete()
    assert "No service with name" in capsys.readouterr().out


def test_a_second_deployment_resolves_nothing(place, plain):
    """The lock of a specification is kept, so the same text is not resolved again."""
    assert ask(plain, "1") == 1
    locks = list((place.offline.folder / "environments").glob("*.lock.json"))
    before = {path: path.stat().st_mtime_ns for path in locks}
    assert before
    place.up()
    assert {path: path.stat().st_mtime_ns for path in locks} == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "Bad_Name"}, "name|Bad_Name"),
        ({"cpu_cores": 5}, "Resource requested: '5.2' CPU '2' GB memory"),
        ({"memory_gb": 17}, "Resource requested: '1.2' CPU '18' GB memory"),
    ],
    ids=["name", "cpu", "memory"],
)
def test_what_cannot_be_is_refused(place, options, words):
    """A request that Azure would refuse is refused before anything is made."""
    before = len(Webservice.list(place.ws))
    with pytest.raises(WebserviceException, match=words):
        place.deploy(**options)
    assert len(Webservice.list(place.ws)) == before


def test_the_quota_is_kept(place, plain):
    """All services together get no more cores than there are; the words are Azure's."""
    services = place.offline.folder / "documents" / "services"
    large = services / "large.json"
    document = json.loads((services / f"{plain.name}.json").read_text())
    document |= {"name": "large", "containerResourceRequirements": {"cpu": 99, "memoryInGB": 1}}
    large.write_text(json.dumps(document))
    try:
        with pytest.raises(WebserviceException, match="quota 'StandardCores' exceeded.*'100'"):
            place.deploy(cpu_cores=1)
    finally:
        large.unlink()


def test_a_patch_of_what_is_fixed_is_refused(place, inspector):
    """Cores and memory of a service cannot be changed, and nothing is."""
    headers = place.ws._auth_object.get_authentication_header()
    patch = [{"op": "replace", "path": "/containerResourceRequirements/cpu", "value": 2}]
    answer = requests.patch(inspector._mms_endpoint, json=patch, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (400, "BadArgument")
    inspector.update_deployment_state()
    assert inspector.container_resource_requirements.cpu == 0.5


def test_an_archive_that_leads_out_is_refused(place):
    """A source archive with a path out of it builds nothing, and writes nothing."""
    service = place.up(files={"beside.py": ""})
    document = json.loads((place.documents / "services" / f"{service.name}.json").read_text())
    request = document["environmentImageRequest"]
    archive = next(each for each in request["assets"] if each.get("unpack"))
    blob = place.offline.folder / "blobs" / archive["url"].removeprefix("aml://artifact/")
    with tarfile.open(blob, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../out.py"), io.BytesIO(b""))
    patch = [{"op": "replace", "path": "/environmentImageRequest", "value": request | {"again": 1}}]
    headers = place.ws._auth_object.get_authentication_header()
    answer = requests.patch(service._mms_endpoint, json=patch, headers=headers, timeout=30)
    service._operation_endpoint = answer.headers["Operation-Location"]
    operation = place.settle(service)
    assert operation["error"]["code"] == "EnvironmentBuildFailed"
    assert "points outside" in requests.get(operation["operationLog"], timeout=30).text
    assert not list(place.offline.folder.rglob("out.py"))


def test_the_build_log_needs_its_whole_address(place, plain):
    """The log of an operation is read without a token, but not without its signature."""
    address = place.operation(plain)["operationLog"]
    assert "azureml-inference-server-http==" in requests.get(address, timeout=30).text
    unsigned = requests.get(address.partition("?")[0], timeout=30)
    assert (unsigned.status_code, "sig" in address) == (403, True)


def test_the_log_of_an_operation_streams(place, plain):
    """The SDK gets a log in pieces, each line with a time, and asks for what it has not seen."""
    log = place.operation(plain)["streamingOperationLog"]
    stamps, lines = zip(*(entry.split("|") for entry in log.rstrip("#").split("#")), strict=True)
    assert lines[0] == "Registering the environment."
    assert all(len(stamp) == 14 and stamp.isdigit() for stamp in stamps)
    _, _, rest = plain._get_operation_state(show_output=True, offset=len(log))
    assert rest["streamingOperationLog"] == ""


def test_a_service_that_is_deleted_meanwhile_is_shown_as_it_was(place, monkeypatch):
    """A client that asked for it or for its log before is answered."""
    rollouts = place.offline._app.calls["services.get"].answer.__self__._rollouts
    ended, logs = rollouts.compute.ended, rollouts.logs
    services = [place.up(), place.up()]
    left = services[:1]

    def deleting(function, argument):
        if left:
            left.pop().delete()
        return function(argument)

    monkeypatch.setattr(rollouts.compute, "ended", lambda each: deleting(ended, each))
    assert {each.name for each in services} <= {each.name for each in Webservice.list(place.ws)}
    assert left == []
    left.append(services[1])
    monkeypatch.setattr(rollouts.compute, "ended", ended)
    monkeypatch.setattr(rollouts, "logs", lambda name: deleting(logs, name))
    assert services[1].get_logs() == ""


def test_services_start_again_with_the_workspace(tmp_path, shared_home):
    """A workspace that is opened again serves at the same address; nothing runs in between."""
    with deploying(tmp_path, home=shared_home, light=True) as place:
        service = place.up(variables={"N": "1"}, auth_enabled=True)
        process, keys, uri = ask(service, "os.getppid()"), service.get_keys(), service.scoring_uri
    assert not runs(process)
    with deploying(tmp_path, home=shared_home, light=True) as place:
        again = Webservice(place.ws, service.name)
        assert (again.state, again.scoring_uri, again.get_keys()) == ("Healthy", uri, keys)
        assert ask(again, "os.environ['N']") == "1"


FAMILY = """
import subprocess, sys, time

subprocess.Popen(["sleep", "3600"], start_new_session=True)
subprocess.run("sleep 3600 >/dev/null &", shell=True)
open(sys.argv[1], "x")
time.sleep(3600)
"""
ENDED = """
import os, signal, sys, time
sys.path[:0] = {tests!r}
from pathlib import Path
from azureml.core import Environment, Experiment, ScriptRunConfig
from offline_services import deploying

with deploying(Path({folder!r}), home=Path({home!r}), light=True) as place:
    service = place.up()
    Path("train.py").write_text({script!r})
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    begun = Path("begun.txt").resolve()
    options = dict(script="train.py", arguments=[str(begun)], environment=environment)
    run = Experiment(place.ws, "digits").submit(ScriptRunConfig(".", **options))
    while not begun.exists():
        time.sleep(0.05)
    print(place.offline.endpoint, place.offline.environment["HTTPS_PROXY"])
    print(service.scoring_uri, service.run("os.getppid()"), run.id, flush=True)
    os.kill(os.getpid(), signal.{end})
    signal.pause()
"""


def running_scripts(run_id):
    """Return the processes that have a run in their environment."""
    running = psutil.process_iter(["environ"])
    return [each for each in running if run_id in (each.info["environ"] or {}).values()]


# Ctrl-C and SIGTERM are in the gate by the command, in test_azureml_offline.py.
@pytest.mark.parametrize(
    "end",
    [*(pytest.param(each, marks=pytest.mark.long) for each in ("SIGINT", "SIGTERM")), "SIGKILL"],
)
def test_nothing_is_left_by_a_workspace_that_was_ended(tmp_path, shared_home, end):
    """Containers and scripts end with it, however it ends; opened again, it starts the first.

    The run of the script is said to have failed. Clients of one that was killed wait for that, also
    those that come through its proxy.
    """
    tests = [str(Path(__file__).parents[each]) for each in (0, 2)]
    folders = {"tests": tests, "folder": str(tmp_path), "home": str(shared_home)}
    command = [sys.executable, "-c", ENDED.format(end=end, script=FAMILY, **folders)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    *_, endpoint, proxy, uri, process, run_id = ran.stdout.split()
    wait_until(lambda: not runs(int(process)) and not running_scripts(run_id), timeout_s=DEADLINE_S)
    options = {"verify": str(tmp_path / "offline" / "ca-bundle.pem"), "proxies": {"https": proxy}}
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(requests.post, uri, data="2", timeout=DEADLINE_S)
        clients = [
            pool.submit(requests.get, f"{each}/metadata/endpoints", timeout=DEADLINE_S, **options)
            for each in (endpoint, "https://management.azure.com")
        ]
        with deploying(tmp_path, home=shared_home, light=True) as place:
            [service] = Webservice.list(place.ws)
            assert (service.state, ask(service, "1")) == ("Healthy", 1)
            if end == "SIGKILL":  # else it was refused, for nobody is expected back
                assert asked.result().json() == 2
                assert [each.result().status_code for each in clients] == [200, 200]
            found = Run.get(place.ws, run_id)
            assert found.get_status() == "Failed"
            assert "Submit the run again." in found.get_details()["error"]["error"]["message"]


@pytest.mark.docker
def test_a_container_is_one_of_the_engine(real_index, tmp_path, shared_home, docker_base_image):
    """With compute="docker" models, variables, keys and address are as they are with a process."""
    options = {"home": shared_home, "compute": "docker", "base_image": docker_base_image}
    with deploying(tmp_path, **options) as place:
        models = [place.register(name, **{f"{name}.txt": name}) for name in ("one", "two")]
        service = place.up(
            models=models, conda=CONDA_311, variables={"GREETING": "ahoy $X"}, auth_enabled=True
        )
        uri = service.scoring_uri
        assert ask(service, "os.environ['AML_APP_ROOT']") == "/var/azureml-app"
        assert ask(service, "os.environ['GREETING']") == "ahoy $X"
        read = "open(os.environ['AZUREML_MODEL_DIR'] + '/two/1/two.txt').read()"
        assert ask(service, read) == "two"
        assert requests.post(uri, data="1", timeout=30).status_code == 401
        assert around_the_front(place, service) == 403
        service.update(inference_config=place.inference_config(conda=CONDA_311))
        assert place.settle(service)["state"] == "Succeeded"
        assert ask(service, "'GREETING' in os.environ") is False
    with deploying(tmp_path, **options) as place:
        again = Webservice(place.ws, service.name)
        assert (again.state, again.scoring_uri, ask(again, "1")) == ("Healthy", uri, 1)
        again.delete()


@pytest.mark.long  # in the gate: test_the_pythons_that_the_sdk_writes_are_deployed
def test_the_python_that_the_sdk_adds_may_be_another(real_index, place):
    """Where nobody named a Python, one that is here serves for the SDK's, and the log says so."""
    conda = {"dependencies": ["python=3.10.18", CONDA["dependencies"][1]]}
    service = place.up(conda=conda)
    version = ask(service, "'.'.join(map(str, sys.version_info[:2]))")
    log = requests.get(place.operation(service)["operationLog"], timeout=30).text
    assert version == "3.10" or f"Python {version} is taken in its place" in log


@pytest.fixture
def certificate():
    """Return the paths of a certificate and a key, neither of which is one."""
    for name in ("certificate.pem", "key.pem"):
        Path(name).write_text(f"the {name}")
    return {"ssl_cert_pem_file": "certificate.pem", "ssl_key_pem_file": "key.pem"}


def test_options_that_are_not_simulated_are_named_in_the_log(place, certificate):
    """In that of the deployment and in that of the service; each field is updated all the same."""
    service = place.up(
        **{"ssl_enabled": True, "ssl_cname": "example.org", **certificate},
        dns_name_label="digits",
        location="westeurope",
        vnet_name="net",
        subnet_name="sub",
        collect_model_data=True,
        cmk_vault_base_url="https://v",
        cmk_key_name="k",
        cmk_key_version="1",
    )
    names = ["ssl_enabled", "ssl_cname", "dns_name_label", "location", "vnet_name"]
    names += ["cmk_key_name", "collect_model_data"]
    for log in (service.get_logs(), place.operation(service)["streamingOperationLog"]):
        assert [name for name in names if f"Not simulated: {name}: " in log] == names
        assert log.count("Not simulated") == len(names)
    assert "the key.pem" not in (place.documents / "services" / f"{service.name}.json").read_text()
    service.update(ssl_enabled=False, ssl_cname="other.org")
    assert (service.ssl_enabled, service.cname) == (False, "other.org")
    assert "ssl_enabled" not in service.get_logs()
    service.update(ssl_enabled=True, **certificate, description="new", auth_enabled=True)
    assert (service.ssl_certificate, service.description) == ("the certificate.pem", "new")
    assert requests.post(service.scoring_uri, data="1", timeout=30).status_code == 401
    assert service.run("1 + 1") == 2
