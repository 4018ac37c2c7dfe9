"""Packages of models and local services: the SDK and a Docker engine, against the workspace."""

from __future__ import annotations

import io
import secrets
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from azureml.core import Model
from azureml.core.webservice import LocalWebservice
from azureml.exceptions import WebserviceException
from offline_services import CONDA, DEADLINE_S, INSPECTOR, deploying

from modelship.runtime.images.engine import connected
from modelship.testing.offline.packages.image_registry import Registry

CONDA_311 = {"dependencies": ["python=3.11", CONDA["dependencies"][1]]}
READ = "open(os.environ['AZUREML_MODEL_DIR'] + '/a.txt').read()"


@pytest.fixture(scope="module")
def engine():
    """Return a client of the Docker engine."""
    import docker

    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared_home, docker_base_image, engine):
    """Return a deployer with a base image; what its registry names is removed at the end."""
    options = {"home": shared_home, "base_image": docker_base_image}
    with deploying(tmp_path_factory.mktemp("packages"), **options) as found:
        yield found
        registry = found.offline.endpoint.removeprefix("http://")
        names = {"reference": [f"{registry}/*", f"{registry}/*/*"]}
        for tag in [tag for image in engine.images.list(filters=names) for tag in image.tags]:
            if tag.startswith(registry):
                engine.images.remove(tag)


@pytest.fixture(scope="module")
def model(place):
    """Return a registered model of one file."""
    return place.register("packed", **{"a.txt": "of the model"})


@contextmanager
def running(engine, image):
    """Run an image, and yield the address of its service once it answers."""
    container = engine.containers.run(image, detach=True, ports={5001: ("127.0.0.1", None)})
    try:
        end = time.monotonic() + DEADLINE_S
        while True:
            container.reload()
            assert container.status in {"created", "running"}, container.logs()
            assert time.monotonic() < end, container.logs()
            if ports := container.ports.get("5001/tcp"):
                uri = f"http://127.0.0.1:{ports[0]['HostPort']}"
                try:
                    requests.get(uri, timeout=5).raise_for_status()
                    break
                except requests.RequestException:
                    time.sleep(0.1)
        yield uri
    finally:
        container.remove(force=True, v=True)


@pytest.mark.docker
def test_a_local_service_goes_through_its_life(place, model):
    """It is deployed, asked, reloaded with another script, updated, listed and deleted."""
    config = place.inference_config(conda=CONDA_311, variables={"G": "a $b"}, files={"b.py": ""})
    name = place.name("local")
    local = LocalWebservice.deploy_configuration()
    service = Model.deploy(place.ws, name, [model], config, local)
    try:
        service.wait_for_deployment(show_output=True)
        assert service.state == "running"
        assert service.run(READ) == "of the model"
        assert service.run("os.environ['G']") == "a $b"
        assert "the inspector is ready" in service.get_logs()
        script = Path(config.source_directory) / "score.py"
        script.write_text(INSPECTOR.replace("eval(raw_data)", "'reloaded'"))
        service.reload(wait=True)
        assert service.run("1") == "reloaded"
        other = place.register("packed", **{"a.txt": "of the next"})
        again = place.inference_config(conda=CONDA_311)
        service.update(models=[other], inference_config=again, wait=True)
        assert service.run(READ) == "of the next"
        assert name in {each.name for each in LocalWebservice.list(place.ws)}
    finally:
        service.delete(delete_image=True)
    assert name not in {each.name for each in LocalWebservice.list(place.ws)}


@pytest.mark.docker
def test_a_build_context_is_saved_and_builds(place, model, engine):
    """A Dockerfile and the files of the service; Docker builds it without pulling anything."""
    config = place.inference_config(conda=CONDA_311)
    package = Model.package(place.ws, [model], config, generate_dockerfile=True)
    package.wait_for_creation(show_output=True)
    assert package.state == "Succeeded"
    assert "azureml-inference-server-http==" in package.get_logs()
    package.save("context")
    app = Path("context", "azureml-app")
    assert (app / "azureml-models" / "packed" / "1" / "a.txt").read_text() == "of the model"
    assert (app / "score.py").read_text() == INSPECTOR
    image, _ = engine.images.build(path=str(Path("context").resolve()), rm=True)
    try:
        with running(engine, image.id) as uri:
            assert requests.post(f"{uri}/score", data=READ, timeout=30).json() == "of the model"
    finally:
        engine.images.remove(image.id)


@pytest.mark.docker
def test_an_image_is_pulled_and_runs(place, model, engine, monkeypatch):
    """The SDK gets the image by its name, through the proxy; its user is not root."""
    monkeypatch.setenv("HTTPS_PROXY", place.offline.environment["HTTPS_PROXY"])
    config = place.inference_config(conda=CONDA_311)
    package = Model.package(place.ws, [model], config, image_name="mine/service")
    package.wait_for_creation()
    package.pull()
    location = package.location
    assert location.startswith(f"{place.offline.endpoint.removeprefix('http://')}/mine/service:")
    with running(engine, location) as uri:
        assert requests.post(f"{uri}/score", data=READ, timeout=30).json() == "of the model"
        assert requests.post(f"{uri}/score", data="os.getuid()", timeout=30).json() == 1000


@pytest.mark.docker
def test_the_registry_names_what_the_engine_has(place):
    """What it has not is unknown; who asks for content is told where that is."""
    password = place.offline.identity.key_for("registry")
    for path, code in [
        ("manifests/none", "MANIFEST_UNKNOWN"),
        ("manifests/sha256:0", "MANIFEST_UNKNOWN"),
        ("blobs/sha256:0", "BLOB_UNKNOWN"),
    ]:
        url = f"{place.offline.endpoint}/v2/mine/other/{path}"
        answer = requests.get(url, auth=("offline", password), timeout=30)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, code)


@pytest.mark.docker
def test_names_are_taken_away_with_the_registry(docker_base_image):
    """The image itself stays under the name that it had before."""
    registry = Registry("127.0.0.1:1", password="")
    label = f"v{secrets.token_hex(4)}"
    with connected() as engine:
        name = registry.add(engine, docker_base_image, name="forgotten", label=label)
        before = engine.image(docker_base_image).image_id
        assert engine.image(name).image_id == before  # other tests may name it too
        registry.close(forget=True)
        assert engine.image(name) is None
        assert engine.image(docker_base_image).image_id == before


@pytest.mark.docker
def test_what_builds_of_the_sdk_leave_goes_with_the_registry(engine, docker_base_image):
    """It keeps a container for each step of a Dockerfile."""
    registry = Registry("127.0.0.1:1", password=secrets.token_hex())
    mine, tag = {"label": registry.label}, f"left-{secrets.token_hex(4)}"
    text = f"FROM {docker_base_image}\nLABEL {registry.label}\nENV A=1\n"
    assert [*engine.api.build(fileobj=io.BytesIO(text.encode()), tag=tag)]
    try:
        assert engine.api.containers(all=True, filters=mine)
        with connected() as own:
            registry.add(own, tag, name="left", label="1")
        registry.close(forget=True)
        assert not engine.api.containers(all=True, filters=mine)
    finally:
        engine.images.remove(tag)
    assert not engine.api.images(all=True, filters=mine)


def test_a_package_without_an_engine_says_so(tmp_path, shared_home, monkeypatch):
    """The SDK's error carries the sentence."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with deploying(tmp_path, home=shared_home) as place:
        config = place.inference_config(conda=CONDA_311)
        package = Model.package(place.ws, [], config, generate_dockerfile=True)
        with pytest.raises(WebserviceException, match="Docker"):
            package.wait_for_creation()
