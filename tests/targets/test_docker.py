"""The docker target against a real engine: what the contract's clauses do not say."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from docker_base import (
    BASE_IMAGE,
    INSPECTOR,
    SECRET,
    built,
    deploying,
    docker_says,
    exists,
    inspect,
    require_gone,
    unbuilt,
)

from modelship import DeployTarget, State
from modelship.bundle import Environment, Lock
from modelship.errors import (
    BaseImageError,
    DigestMismatchError,
    InvalidOptionError,
    PortTakenError,
    ScoringError,
    StorageError,
)
from modelship.targets import Instance, Serving
from modelship.testing.bundles import with_lock
from reserved_ports import reserved
from waiting import wait_until

pytestmark = pytest.mark.docker

INERT = "def init():\n    pass\n\ndef run(raw_data):\n    return 1\n"


@pytest.fixture(scope="module")
def deployer(docker_engine, shared_home, tmp_path_factory):
    with deploying(tmp_path_factory.mktemp("bundles"), home=shared_home) as deployer:
        yield deployer


@pytest.fixture(scope="module")
def inspector(deployer):
    bundle = deployer.bundle(INSPECTOR, memory_gb=0.25, cpu_cores=0.5)
    return deployer.deploy(bundle, name="docker-inspector", target=deployer.azure_server)


def test_nobody_special_runs_the_script(inspector):
    """The server and its workers are user 1000, with no capability and no way to get one."""
    status = inspector.run("answer = open('/proc/self/status').read()")
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert lines["Uid"].split() == lines["Gid"].split() == ["1000"] * 4
    assert int(lines["CapEff"], 16) == int(lines["CapBnd"], 16) == 0
    assert lines["NoNewPrivs"] == "1"


@pytest.mark.parametrize("place", ["/var/azureml-app", "/opt/modelship", "/etc", "/", "/home"])
def test_the_root_is_read_only(inspector, place):
    """A script that writes outside of /tmp gets an error, and the service keeps running."""
    with pytest.raises(ScoringError):
        inspector.run(f"answer = open('{place}/x', 'w').write('x')")
    # The engine may write it later than the answer comes.
    said = f"Read-only file system: '{place}/x'"
    wait_until(lambda: said in inspector.logs(), describe=inspector.logs)
    assert inspector.run("answer = 1") == 1


def test_a_script_can_write_to_tmp(inspector):
    """What a script writes to /tmp, which is its home too, it can read again."""
    code = "import os; path = os.path.expanduser('~/x'); open(path, 'w').write('y'); "
    assert inspector.run(code + "answer = path + open(path).read()") == "/tmp/xy"


def test_it_is_published_on_loopback_only(inspector):
    """The engine publishes one port, on 127.0.0.1."""
    ports = inspect(inspector.instance.instance_id)["NetworkSettings"]["Ports"]
    (published,) = ports["5001/tcp"]
    assert published["HostIp"] == "127.0.0.1"
    own_uri = inspector.instance.own_uri or inspector.scoring_uri
    assert own_uri == f"http://127.0.0.1:{published['HostPort']}/score"


def test_its_limits_are_the_bundle_s(inspector):
    """Memory, cores and processes are limited; the log cannot fill the disk."""
    host = inspect(inspector.instance.instance_id)["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 2**28
    assert host["NanoCpus"] == 500_000_000
    assert (host["PidsLimit"], host["ReadonlyRootfs"], host["CapDrop"]) == (1024, True, ["ALL"])
    assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
    assert host["RestartPolicy"]["Name"] in {"", "no"}


def test_the_record_is_a_label_in_json(inspector):
    """The record is plain JSON; its own URI is not in it, since ports change."""
    labels = inspect(inspector.instance.instance_id)["Config"]["Labels"]
    record = json.loads(labels["io.modelship.record"])
    found, instance = Instance.from_json(json.dumps(record)), inspector.instance
    assert found.at(instance.scoring_uri, own_uri=instance.own_uri) == instance
    assert record["own_uri"] == ""


def test_nothing_of_the_host_gets_in(inspector):
    """Neither variables of the host nor settings of an index are in any layer or the container."""
    container = inspect(inspector.instance.instance_id)
    said = docker_says("history", "--no-trunc", container["Image"])
    said += json.dumps([inspect(container["Image"]), container])
    said += inspector.run("import os; answer = dict(os.environ)").__repr__()
    for word in (SECRET, "index-url", "PIP_", "UV_", "find-links", "proxy"):
        assert word not in said


def test_the_image_holds_no_trace_of_the_build(inspector):
    """No configuration of pip or uv, no installer, and no path of this machine is in the image."""
    code = """
import glob, pathlib
site = glob.glob("/opt/modelship/lib/python*/site-packages")[0]
places = ["/root/.*", "/etc/pip*", "/etc/uv*", site + "/pip", site + "/uv", site + "/.*"]
scripts = [p for p in pathlib.Path("/opt/modelship/bin").iterdir() if not p.is_symlink()]
answer = {
    "shebangs": sorted({p.read_text().split(chr(10))[0] for p in scripts if p.suffix == ""}),
    "found": [p for place in places for p in glob.glob(place)],
    "cached": len(glob.glob(site + "/flask/__pycache__/*.pyc")) > 10,
}
"""
    answer = inspector.run(code)
    assert set(answer["shebangs"]) >= {"#!/usr/bin/env python3"}
    assert not any(sys.prefix in line for line in answer["shebangs"])
    assert {path.rpartition("/")[2] for path in answer["found"]} <= {".bashrc", ".profile"}
    assert answer["cached"]


def test_the_exporter_of_application_insights_is_imported_when_it_is_used(inspector):
    """The build of the image has tried the import, which takes half of the start of a worker."""
    code = """
import sys
from azureml_inference_server_http.server import appinsights_client as client
answer = [hasattr(client, "AzureMonitorLogExporter"), client.AzureMonitorLogExporter.__module__]
answer += [each in sys.modules for each in ("opentelemetry", "azure.monitor.opentelemetry")]
"""
    found = inspector.run(code)
    assert found == [True, "modelship_deferred_exporter", False, False]


def test_a_layer_is_what_it_holds(deployer):
    """An image that is built again has the same layers; another script changes the last one."""
    sample = {"sample_input": {"data": [1]}}
    scripts = (INERT, f"{INERT}# changed\n")
    first, changed = (deployer.bundle(each, model="layers", **sample) for each in scripts)
    layers = []
    for bundle in (first, first, changed):
        layers.append(built(bundle)["RootFS"]["Layers"])
        unbuilt(bundle)
        assert not exists(f"modelship/service:{bundle.digest[:16]}")
    old, again, new = layers
    assert old == again
    assert old[:-1] == new[:-1]
    assert old[-1] != new[-1]


def environment_below(service):
    """Return the image of the environment that a service image is based on."""
    layers = service["RootFS"]["Layers"]
    for image in docker_says("images", "--quiet", "modelship/environment").split():
        if (below := inspect(image)["RootFS"]["Layers"]) == layers[: len(below)]:
            return image
    raise AssertionError(layers)


def test_images_are_removed_with_their_last_service(deployer):
    """Then only that of the environment is left, and nothing that has no name."""
    bundle, other = deployer.bundle(INERT, model="alone"), deployer.name("docker-other")
    deployment = deployer.deploy(bundle, name="docker-delete")
    image = f"modelship/service:{deployment.digest[:16]}"
    service = inspect(image)
    model = service["Config"]["Labels"]["io.modelship.model-image"]
    environment = environment_below(service)
    docker_says("create", "--name", other, "--label", f"io.modelship.service-image={image}", image)
    deployment.delete()
    require_gone(deployment)
    assert exists(image)
    assert exists(model)
    docker_says("rm", other)
    unbuilt(bundle)
    assert not exists(service["Id"])
    assert not exists(model)
    assert (
        docker_says("images", "--quiet", "--filter", f"label=io.modelship.model-image={model}")
        == ""
    )
    assert exists(environment)


def test_bundles_of_the_same_files_share_an_image(deployer):
    """Bundles that differ in their tags alone are two names of one image; both names go."""
    bundles = [deployer.bundle(INERT, model="tagged", tags={"of": of}) for of in "ab"]
    names = [f"modelship/service:{each.digest[:16]}" for each in bundles]
    assert built(bundles[0])["Id"] == built(bundles[1])["Id"]
    unbuilt(bundles[0])
    assert [exists(name) for name in names] == [False, True]
    unbuilt(bundles[1])
    assert [exists(name) for name in names] == [False, False]


def test_an_image_that_loses_its_name_is_removed(deployer):
    """Where a bundle's image is of another base, it is rebuilt, and no nameless one is left."""
    bundle = deployer.bundle(INERT, model="moved")
    service = f"modelship/service:{bundle.digest[:16]}"
    first = deployer.deploy(bundle, name="docker-first")
    ours = inspect(service)["Id"]
    other_base = ("--change", "LABEL io.modelship.model-image=modelship/model:other")
    docker_says("commit", *other_base, first.instance.instance_id, service)
    other = inspect(service)["Id"]
    second = deployer.deploy(bundle, name="docker-second")
    assert not exists(other)
    docker_says("commit", *other_base, first.instance.instance_id, service)
    second.delete()
    first.delete()
    assert not exists(ours)
    assert not exists(service)


def pause(deployment):
    """Freeze a container: an engine gives up if its processes are too busy to be frozen at once."""
    command = ["docker", "pause", deployment.instance.instance_id]
    options = {"capture_output": True, "timeout": 60, "check": False}
    wait_until(lambda: subprocess.run(command, **options).returncode == 0)


def test_a_frozen_container_is_unhealthy_until_it_is_restarted(deployer):
    """What answered before and does not now is Unhealthy; a restart moves it to another port.

    Another deployment of the same bundle leads its address to it again.
    """
    deployment = deployer.deploy(deployer.bundle(INERT), name="docker-frozen")
    pause(deployment)
    assert deployment.state is State.UNHEALTHY
    docker_says("unpause", deployment.instance.instance_id)
    docker_says("restart", "--time=1", deployment.instance.instance_id)
    with reserved(urlsplit(deployment.scoring_uri).port):
        again = deployer.target.get(deployment.name).wait(timeout_s=60)
        assert (again.run(""), again.scoring_uri == deployment.scoring_uri) == (1, False)
        assert again.instance.lost_uri == deployment.scoring_uri
        again = deployer.deploy(deployer.bundle(INERT), name="docker-frozen")
    assert (again.run(""), again.scoring_uri == deployment.scoring_uri) == (1, True)
    pause(again)
    again.delete()
    require_gone(again)


def test_what_was_created_and_never_started_is_listed(deployer):
    """A container whose deployer was killed before it could start it is Failed, and deletable."""
    name = deployer.name("docker-orphan")
    label = {"name": name, "created_at": "2026"}
    record = Instance(instance_id=f"{name}-1", **label).to_json()
    mark = ["--label", "io.modelship.target=docker", "--label", f"io.modelship.record={record}"]
    docker_says("create", "--name", f"{name}-1", *mark, BASE_IMAGE, "true")
    orphan = deployer.target.get(name)
    assert orphan.state is State.FAILED
    orphan.delete()
    require_gone(orphan)


@pytest.mark.parametrize("record", ["", "{", "[]", "7", '{"name": 1}', "gASVBQAAAAAAAABLAS4="])
def test_a_broken_record_is_listed_and_can_be_deleted(deployer, record):
    """A label that is no record of ours hides no container, and its own can be removed."""
    name = deployer.name("docker-strange")
    mark = ["--label", "io.modelship.target=docker", "--label", f"io.modelship.record={record}"]
    docker_says("create", "--name", f"{name}-1", *mark, BASE_IMAGE, "true")
    [broken] = [each for each in deployer.target.list() if each.name == name]
    assert f"container {name}-1 cannot be used" in broken.instance.broken
    assert broken.state is State.FAILED
    broken.delete()
    assert f"{name}-1" not in docker_says("ps", "--all", "--format", "{{.Names}}")


def test_the_image_of_a_broken_record_is_removed_with_its_container(deployer):
    """As a container of an old modelship has it, whose record cannot be read any more."""
    bundle, name = deployer.bundle(INERT, model="old"), deployer.name("docker-old")
    [image] = built(bundle)["RepoTags"]
    marks = {"target": "docker", "record": "{}", "service-image": image}
    told = [f"--label=io.modelship.{each}={value}" for each, value in marks.items()]
    docker_says("create", "--name", f"{name}-1", *told, image)
    old = deployer.target.get(name)
    with pytest.raises(StorageError, match=r"Deploy its bundle again") as caught:
        old.update(bundle, show_output=False)
    assert "lacks" in caught.value.message
    old.delete()
    assert not exists(image)


def test_a_taken_port_is_said(deployer):
    """A port that another program has is a PortTakenError, and the container is removed."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        target = deployer.target.with_serving(Serving(server="modelship", port=port))
        with pytest.raises(PortTakenError, match=str(port)):
            deployer.deploy(deployer.bundle(INERT), name="docker-port", target=target)
    assert deployer.name("docker-port") not in docker_says("ps", "--all", "--format", "{{.Names}}")


def test_a_missing_base_image_is_said(deployer):
    """A base image that is neither here nor anywhere is named, with what to type."""
    target = DeployTarget.open("docker", base_image="localhost:1/no/such:image")
    with pytest.raises(BaseImageError, match="docker pull localhost:1/no/such:image"):
        deployer.deploy(deployer.bundle(INERT), name="docker-base", target=target)


def test_another_python_in_the_base_image_is_said(deployer):
    """A base image with another Python than the lock's is refused, and both are named."""
    environment = Environment(python="3.13", requirements=())
    bundle = with_lock(deployer.bundle(INERT), lock=Lock(python="3.13", text=""))
    assert environment.python == bundle.lock.python
    with pytest.raises(BaseImageError, match=r"Python 3\.11, and .* Python 3\.13"):
        deployer.deploy(bundle, name="docker-python", check="off")


def test_a_base_image_without_python_is_said(deployer):
    """A base image that has no python3 is refused before anything is fetched."""
    docker_says("import", "/dev/null", "modelship-test/empty:1")
    try:
        target = DeployTarget.open("docker", base_image="modelship-test/empty:1")
        bundle = with_lock(deployer.bundle(INERT), lock=Lock(python="3.11", text=""))
        with pytest.raises(BaseImageError, match="python3"):
            deployer.deploy(bundle, name="docker-empty", target=target, check="off")
    finally:
        docker_says("rmi", "modelship-test/empty:1")


@pytest.mark.parametrize(("option", "value"), [("cpu_cores", 4096.0), ("memory_gb", 0.001)])
def test_resources_that_the_engine_has_not_are_refused(deployer, option, value):
    """A bundle that asks for more than the engine has, or less than it grants, is refused."""
    bundle = deployer.bundle(INERT, **{option: value})
    with pytest.raises(InvalidOptionError, match=f"{option} is {value}"):
        deployer.deploy(bundle, name="docker-much")


def test_a_model_that_changed_is_not_deployed(deployer):
    """A model file that is not what it was when it was bundled stops the build."""
    bundle = deployer.bundle(INERT, model="before")
    bundle.model.path.write_bytes(b"after")
    with pytest.raises(DigestMismatchError):
        deployer.deploy(bundle, name="docker-changed")
    assert not exists(f"modelship/service:{bundle.digest[:16]}")
