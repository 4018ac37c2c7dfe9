"""Files of az ml: what is read, what is refused with which line, and what is written back."""

import tempfile
from pathlib import Path

import az_yaml_files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelship.errors import DeploymentFileError
from modelship.targets.online_endpoint.az_yaml import (
    OnlineDeploymentFile,
    OnlineEndpointFile,
    read_deployment,
    read_endpoint,
    write_yaml,
)
from modelship.targets.online_endpoint.az_yaml.asset_values import (
    CodeConfiguration,
    InferenceConfig,
    InlineEnvironment,
    InlineModel,
    RouteSettings,
)
from modelship.targets.online_endpoint.container_settings import (
    ProbeSettings,
    RequestSettings,
    ScaleSettings,
)
from modelship.targets.online_endpoint.data_collection import (
    CollectionSettings,
    DataCollectorSettings,
    NamedData,
)
from modelship.targets.online_endpoint.deployment_settings import DeploymentSettings
from modelship.targets.online_endpoint.endpoint_settings import EndpointSettings, IdentitySettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the files that the deployments name."""
    return az_yaml_files.folder_of(tmp_path_factory.mktemp("az"))


def check_case(case, read, path, head):
    """Read a case with `read`, and compare the error with the expected one."""
    path.write_text(head + case.lines)
    if not case.said:
        read(path)
        return
    with pytest.raises(DeploymentFileError) as caught:
        read(path)
    assert case.said in caught.value.message
    assert caught.value.line > len(head.splitlines())


@pytest.mark.parametrize("case", az_yaml_files.DEPLOYMENTS, ids=lambda case: case.lines.strip())
def test_a_deployment_file_is_read_or_refused(case, folder):
    """An error names the file, the line and what is expected."""
    check_case(case, read_deployment, folder / "deployment.yml", az_yaml_files.DEPLOYMENT)


@pytest.mark.parametrize("case", az_yaml_files.ENDPOINTS, ids=lambda case: case.lines.strip())
def test_an_endpoint_file_is_read_or_refused(case, folder):
    """An error names the file, the line and what is expected."""
    check_case(case, read_endpoint, folder / "endpoint.yml", az_yaml_files.ENDPOINT)


def test_paths_are_relative_to_the_file(folder, monkeypatch, tmp_path):
    """The folder of the process does not matter."""
    monkeypatch.chdir(tmp_path)
    path = folder / "paths.yml"
    code = "code_configuration: {code: ./code, scoring_script: score.py}\n"
    path.write_text(az_yaml_files.DEPLOYMENT + code + "model: {path: m.txt}\n")
    read = read_deployment(path)
    assert read.code_configuration.code == (folder / "code").resolve()
    assert read.model.path == (folder / "m.txt").resolve()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "not a mapping"),
        ("[a]", 1, "not a mapping"),
        ("name: x\n", 1, "is not a valid endpoint name"),
        ("auth_mode: key\n", 1, "name is missing"),
        ("name: digits\ntags: &a\n  b: *a\n", 2, "it contains itself"),
        ("name: digits\nidentity:\n  type: managed\n", 3, "identity.type is 'managed'"),
        ("name: digits\ntraffic:\n  blue: 50\n  a_b: 50\n", 4, "not a valid deployment name"),
        ("name: digits\ntraffic:\n  blue: 50\n  red: -1\n", 4, "traffic.red is -1"),
        ("name: digits\ntags: {'': x}\n", 2, "a key of tags is ''"),
        ("name: digits\ntraffic: {blue: 0xFF}\n", 2, "traffic.blue is 255"),
        ("name: digits\n2: x\n", 2, "no key '2'"),
        ("name: digits\n? [a]\n: x\n", 2, "a key is not text"),
    ],
)
def test_an_error_names_the_line(text, line, said, tmp_path):
    """It is the line of the value, not that of the mapping around it."""
    path = tmp_path / "endpoint.yml"
    path.write_text(text)
    with pytest.raises(DeploymentFileError) as caught:
        read_endpoint(path)
    assert (caught.value.line, said in caught.value.message) == (line, True)
    assert str(path) in caught.value.message


def test_a_missing_file_is_an_error(tmp_path):
    """So is a folder, or text in another encoding."""
    with pytest.raises(DeploymentFileError, match="cannot be read"):
        read_endpoint(tmp_path / "none.yml")
    with pytest.raises(DeploymentFileError, match="not a file"):
        read_endpoint(tmp_path)
    (tmp_path / "latin.yml").write_bytes(b"name: d\xe9\n")
    with pytest.raises(DeploymentFileError, match="UTF-8"):
        read_endpoint(tmp_path / "latin.yml")


def test_aliases_that_stand_for_very_much_are_refused(tmp_path):
    """A short file cannot take all memory: nothing is expanded."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    path = tmp_path / "deployment.yml"
    conda = "environment:\n  image: i\n  conda_file:\n    " + "\n    ".join(lines)
    path.write_text(az_yaml_files.DEPLOYMENT + conda)
    with pytest.raises(DeploymentFileError, match="stands for more than 100000 values"):
        read_deployment(path)


def test_merged_keys_are_read(tmp_path):
    """The keys of a mapping that << names count as written there."""
    path = tmp_path / "deployment.yml"
    probes = "liveness_probe: &p\n  period: 5\nreadiness_probe:\n  <<: *p\n  timeout: 3\n"
    path.write_text(az_yaml_files.DEPLOYMENT + probes)
    assert read_deployment(path).settings.readiness_probe == ProbeSettings(period=5, timeout=3)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=20).filter(
    lambda text: not text or text.strip()
)
TEXTS = st.dictionaries(WORDS.filter(bool), WORDS, max_size=3)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]", fullmatch=True)
SOME = st.none() | st.integers(1, 1000)
MAYBE = st.none() | WORDS.filter(bool)
PROBES = st.none() | st.builds(ProbeSettings, SOME, SOME, SOME, SOME, SOME)
DATA = MAYBE | st.builds(NamedData, MAYBE, MAYBE, MAYBE)
COLLECTORS = st.none() | st.builds(
    DataCollectorSettings,
    st.dictionaries(
        WORDS.filter(bool), st.builds(CollectionSettings, st.booleans(), DATA, MAYBE), max_size=2
    ),
    st.sampled_from([None, "minute", "hour", "day"]),
    st.none() | st.floats(0, 1),
    st.lists(WORDS.filter(bool), max_size=2).map(tuple),
)
SETTINGS = st.builds(
    DeploymentSettings,
    instance_count=st.integers(1, 50),
    description=WORDS,
    tags=TEXTS,
    properties=TEXTS,
    environment_variables=TEXTS,
    model_mount_path=st.sampled_from([None, "/models"]),
    app_insights_enabled=st.booleans(),
    scale_settings=st.none() | st.just(ScaleSettings()),
    request_settings=st.none() | st.builds(RequestSettings, SOME, SOME, SOME),
    liveness_probe=PROBES,
    readiness_probe=PROBES,
    data_collector=COLLECTORS,
    egress_public_network_access=st.sampled_from([None, "enabled", "disabled"]),
    private_network_connection=st.sampled_from([None, True, False]),
)
ROUTES = st.builds(RouteSettings, st.integers(1, 65535), st.sampled_from(["/", "/score"]))


def files_in(folder):
    """Return the strategy of deployments whose files are in `folder`."""
    conda = st.sampled_from([None, folder / "conda.yml", {"dependencies": ["python=3.11"]}])
    inline = st.builds(
        InlineEnvironment,
        image=WORDS.filter(bool),
        conda_file=conda,
        inference_config=st.none() | st.builds(InferenceConfig, ROUTES, ROUTES, ROUTES),
        description=WORDS,
        tags=TEXTS,
        version=st.sampled_from([None, "1", "1.10"]),
    )
    models = st.builds(InlineModel, st.just(folder / "m.txt"), type=st.just("custom_model"))
    code = st.just(CodeConfiguration(folder / "code", "score.py"))
    return st.builds(
        OnlineDeploymentFile,
        NAMES,
        NAMES,
        SETTINGS,
        st.sampled_from([None, "azureml:m:1"]) | models,
        st.sampled_from([None, "azureml:e@latest"]) | inline,
        st.none() | code,
    )


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_a_deployment_that_is_written_is_read_back(folder, data):
    """Whatever its settings are, and wherever the file is."""
    file = data.draw(files_in(folder.resolve()))
    with tempfile.TemporaryDirectory() as other:
        assert read_deployment(write_yaml(file, Path(other) / "deployment.yml")) == file


IDENTITIES = st.sampled_from(
    [IdentitySettings(), IdentitySettings("none"), IdentitySettings("user_assigned", ("/s/i",))]
)
ENDPOINTS = st.builds(
    EndpointSettings,
    auth_mode=st.sampled_from(["key", "aml_token", "aad_token"]),
    description=WORDS,
    tags=TEXTS,
    properties=TEXTS,
    identity=IDENTITIES,
    traffic=st.sampled_from([{}, {"blue": 100}, {"blue": 90, "green": 10}, {"blue": 0}]),
    mirror_traffic=st.sampled_from([{}, {"shadow": 50}]),
    public_network_access=st.sampled_from([None, "enabled", "disabled"]),
)


@settings(max_examples=20, deadline=None)
@given(st.builds(OnlineEndpointFile, NAMES, ENDPOINTS))
def test_an_endpoint_that_is_written_is_read_back(file):
    """Whatever its settings are."""
    with tempfile.TemporaryDirectory() as folder:
        assert read_endpoint(write_yaml(file, Path(folder) / "endpoint.yml")) == file
