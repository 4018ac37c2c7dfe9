"""The table of the SDK's calls in docs/reference/azureml-offline.md: each row, and the code."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest
import requests

from modelship.testing.offline.offline_workspace import OfflineWorkspace

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/reference/azureml-offline.md"
UNTRIED = {
    ("Environment", "from_existing_conda_environment"): "needs conda",
    ("Environment", "from_docker_build_context"): "uploads, and is registered as the other kinds",
    ("Dataset", "Tabular.register_pandas_dataframe"): "uploads and registers, which are tried",
    ("OutputFileDatasetConfig", ""): "refused as one field of a submitted script",
    ("Workspace", "get_mlflow_tracking_uri"): "needs azureml-mlflow",
}
HEADER = "| call | here | note |"
MODULES = (
    "azureml.core",
    *(
        f"azureml.core.{each}"
        for each in (
            *("authentication", "compute", "dataset", "datastore", "image", "keyvault", "model"),
            *("profile", "runconfig", "script_run", "webservice"),
        )
    ),
    *("azureml.data", "azureml.data.azure_storage_datastore", "azureml.data.data_reference"),
)
CALL = re.compile(r"([A-Z]\w+)((?:\.\w+)*)(?:\(.*\))?")
# Where something of the SDK is called: tests, examples and the documents' own code.
CALLED_IN = ("tests/testing/offline", "tests/targets/aci", "tests/cli", "examples", "docs")


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """One workspace for all: none of the calls disturbs another."""
    with OfflineWorkspace(tmp_path_factory.mktemp("calls") / "offline") as workspace:
        yield workspace


@pytest.fixture(scope="module")
def ws(offline):
    """Return the SDK's object for it."""
    return offline.workspace()


def rows():
    """Return the rows of the tables: what is called, whether it is here, and the note."""
    found, inside = [], False
    for line in PAGE.read_text().splitlines():
        inside = line == HEADER or (inside and line.startswith("|"))
        if inside and line != HEADER and not line.startswith("|---"):
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def calls(*wanted):
    """Return the class and the attribute of each call of the SDK in the rows with these words."""
    named = [
        name for cell, here, _ in rows() if here in wanted for name in re.findall("`(.+?)`", cell)
    ]
    return sorted(
        {(call[1], call[2].strip(".")) for name in named if (call := CALL.fullmatch(name))}
    )


def class_named(name):
    modules = [importlib.import_module(each) for each in MODULES]
    return next((getattr(each, name) for each in modules if hasattr(each, name)), None)


def has(kind, attribute):
    """Return whether objects of a class have an attribute; some get it when they are made."""
    if not attribute:
        return True
    mentioned = re.search(rf"\b{attribute}\b", inspect.getsource(inspect.getmodule(kind)))
    return (
        hasattr(kind, attribute)
        or mentioned
        or attribute in getattr(kind, "_field_to_info_dict", ())
    )


def test_every_row_is_whole():
    """One of three words, and a note wherever something is different."""
    for cells in rows():
        assert len(cells) == 3, cells
        assert cells[1] in {"works", "partly", "not here"}, cells
        assert cells[1] == "works" or cells[2], cells


def test_every_call_is_one_of_the_sdk():
    """The table names nothing that azureml-core does not have."""
    unknown = [
        (name, attribute)
        for name, attribute in calls("works", "partly", "not here")
        if (kind := class_named(name)) is None or not has(kind, attribute.partition(".")[0])
    ]
    assert unknown == []


def test_every_call_is_tried():
    """Each is made by a test, an example or a document, and nothing is claimed that is not."""
    files = [path for base in CALLED_IN for path in (ROOT / base).rglob("*")]
    found = [path for path in files if path.suffix in {".py", ".ipynb", ".md"} and path != PAGE]
    text = "\n".join(path.read_text() for path in found)
    missing = [
        (name, attribute)
        for name, attribute in calls("works", "partly", "not here")
        if not re.search(
            rf"\.{attribute.rpartition('.')[2]}\b" if attribute else rf"\b{name}\b", text
        )
    ]
    assert set(missing) <= UNTRIED.keys()


# --- what is not here -------------------------------------------------------------------------


def attached(ws, kind, **options):
    from azureml.core.compute import ComputeTarget

    configuration = class_named(kind).attach_configuration(**options)
    ComputeTarget.attach(ws, "mine", configuration)


def machine(ws):
    from azureml.core.compute import ComputeTarget, DsvmCompute

    ComputeTarget.create(ws, "mine", DsvmCompute.provisioning_configuration())


def deployed_from_model(ws):
    from azureml.core.image import ContainerImage
    from azureml.core.webservice import Webservice

    Path("score.py").write_text("def init(): pass\ndef run(raw_data): return raw_data\n")
    configuration = ContainerImage.image_configuration("score.py", "python")
    Webservice.deploy_from_model(ws, "old-way", [], configuration)


PERSON = {"username": "me", "password": "mine"}
NOT_HERE = {
    "delete": lambda ws: ws.delete(),
    "diagnose_workspace": lambda ws: ws.diagnose_workspace({}),
    "list_connections": lambda ws: list(ws.list_connections()),
    "RemoteCompute": lambda ws: attached(ws, "RemoteCompute", address="host", **PERSON),
    "HDInsightCompute": lambda ws: attached(ws, "HDInsightCompute", address="host", **PERSON),
    "DatabricksCompute": lambda ws: attached(
        ws, "DatabricksCompute", resource_group="g", workspace_name="w", access_token="t"
    ),
    "BatchCompute": lambda ws: attached(ws, "BatchCompute", resource_group="g", account_name="a"),
    "DsvmCompute": machine,
    "deploy_from_model": deployed_from_model,
}


@pytest.mark.parametrize("name", NOT_HERE)
def test_what_is_not_here_is_one_sentence(ws, here, name):
    """It names the offline workspace, and is in the text that the SDK's error shows."""
    with pytest.raises(Exception, match=r"offline workspace (has|runs|mounts)") as caught:
        NOT_HERE[name](ws)
    assert "NotFound" not in str(caught.value)


# --- what works, and no other test calls ------------------------------------------------------


def test_models_in_all_their_ways(ws, here):
    """Addresses, texts, tags and references: what a registry is asked beside the common calls."""
    from azureml.core import Model

    Path("model.pkl").write_bytes(b"a model")
    model = Model.register(ws, "model.pkl", "digits", tags={"a": "1"})
    [address] = model.get_sas_urls().values()
    assert requests.get(address, timeout=30).content == b"a model"
    model.update_tags_properties(add_tags={"b": "2"}, remove_tags=["a"], add_properties={"p": "3"})
    model.add_dataset_references([])
    again = Model(ws, "digits")
    assert (again.tags, again.properties) == ({"b": "2"}, {"p": "3"})
    assert Model.deserialize(ws, model.serialize()).id == model.id


def test_a_configuration_can_be_printed(ws, here, capsys):
    """What would be deployed is shown, and nothing is."""
    from azureml.core import Environment, Model
    from azureml.core.model import InferenceConfig
    from azureml.core.webservice import AciWebservice

    Path("score.py").write_text("def init(): pass\ndef run(raw_data): return raw_data\n")
    configuration = InferenceConfig("score.py", environment=Environment("small"))
    Model.print_configuration([], configuration, AciWebservice.deploy_configuration(), None)
    assert "Entry script: score.py" in capsys.readouterr().out


def test_small_calls_of_the_workspace(ws, here):
    """Its file, its private endpoints, its default datastore and its secrets."""
    from azureml.core import Datastore, Workspace

    ws.write_config(".", "config.json")
    assert Workspace.from_config(auth=ws._auth).name == ws.name
    assert ws.private_endpoints == {}
    Datastore.get(ws, "workspaceblobstore").set_as_default()
    vault = ws.get_default_keyvault()
    vault.set_secret("name", "value")
    vault.delete_secret("name")
    assert vault.list_secrets() == []


def test_charts_and_snapshots_of_a_run(ws, here):
    """They are files of the run; its page is named, and nobody serves it."""
    from azureml.core import Experiment

    run = Experiment(ws, "charts").start_logging(snapshot_directory=None)
    document = {"schema_type": "x", "schema_version": "v1", "data": {}}
    run.log_accuracy_table("accuracy", document)
    run.log_predictions("predictions", document)
    run.log_residuals("residuals", document)
    run.flush()
    assert run.id in run.get_portal_url()
    assert run.take_snapshot(".")
    assert run.get_all_logs(destination="logs") == []
    assert sorted(run.get_metrics()) == ["accuracy", "predictions", "residuals"]
    run.complete()


def test_signing_in_in_other_ways(offline, monkeypatch):
    """The variables stand for a person; what asks the program ``az`` says that it is not there."""
    from azureml.core.authentication import AzureCliAuthentication, InteractiveLoginAuthentication
    from azureml.exceptions import AuthenticationException

    for name, value in offline.environment.items():
        monkeypatch.setenv(name, value)
    header = InteractiveLoginAuthentication().get_authentication_header()
    assert header["Authorization"].startswith("Bearer ")
    with pytest.raises(AuthenticationException, match="azure-cli package is not installed"):
        AzureCliAuthentication(cloud="AzureCloud").get_authentication_header()
