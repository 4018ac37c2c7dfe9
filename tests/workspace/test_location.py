"""Which workspace is meant: config.json as the SDK finds it, or three names."""

import json

import pytest

from modelship.errors import InvalidOptionError, WorkspaceNotFoundError
from modelship.workspace import WorkspaceLocation

NAMES = {"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("place", ["config.json", ".azureml/config.json", "aml_config/config.json"])
def test_a_config_file_is_found_from_below(tmp_path, place):
    """It is looked for where the SDK looks, in the folder and in those above it."""
    write(tmp_path / place, NAMES)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert WorkspaceLocation.find(below) == WorkspaceLocation("s", "g", "w")


def test_the_current_folder_is_the_default(tmp_path, monkeypatch):
    """Without any argument the search starts here."""
    write(tmp_path / "config.json", NAMES)
    monkeypatch.chdir(tmp_path)
    assert WorkspaceLocation.find().workspace_name == "w"


def test_the_older_form_is_read(tmp_path):
    """A file that names one resource id under Scope is read as the SDK reads it."""
    scope = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    )
    path = write(tmp_path / "config.json", {"Scope": scope})
    assert WorkspaceLocation.find(path) == WorkspaceLocation("s", "g", "w")


def test_a_missing_file_says_where_it_was_looked_for(tmp_path):
    """No config.json: the message names the folder, and both remedies."""
    with pytest.raises(WorkspaceNotFoundError) as caught:
        WorkspaceLocation.find(tmp_path)
    assert str(caught.value) == (
        f"No Azure ML workspace: there is no config.json in {tmp_path} or above it.\n"
        "  -> Download config.json on the workspace's page in the Azure portal and put it here, or "
        "give subscription_id, resource_group and workspace_name."
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is not JSON"),
        ("[]", "lacks subscription_id, resource_group, workspace_name"),
        ({"subscription_id": "s", "resource_group": "g"}, "lacks workspace_name"),
        ({**NAMES, "resource_group": 7}, "lacks resource_group"),
        ({**NAMES, "endpoint": "http://example.com"}, "is not on this machine"),
    ],
)
def test_a_damaged_file_says_what_it_lacks(tmp_path, content, problem):
    """A file that cannot be used is named, with what is wrong with it."""
    path = write(tmp_path / "config.json", content)
    with pytest.raises(WorkspaceNotFoundError, match=problem) as caught:
        WorkspaceLocation.find(path)
    assert str(path) in str(caught.value)


def test_three_names_need_no_file():
    """All three arguments are enough."""
    assert WorkspaceLocation.find(**NAMES).uri == (
        "azureml://subscriptions/s/resourceGroups/g/workspaces/w"
    )


@pytest.mark.parametrize(
    "given", [{"subscription_id": "s"}, {"config": "config.json", **NAMES}], ids=["half", "both"]
)
def test_half_of_the_names_is_refused(given):
    """Some of the three, or all of them beside a file, could mean two things."""
    with pytest.raises(InvalidOptionError, match="all of subscription_id, resource_group"):
        WorkspaceLocation.find(given.pop("config", None), **given)
