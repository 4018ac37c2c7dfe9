"""Which workspace is meant: config.json as the SDK finds it, or three names."""

import json
import os

import pytest

from modelship.errors import InvalidOptionError, WorkspaceNotFoundError
from modelship.workspace import WorkspaceLocation
from modelship.workspace.access import Access
from modelship.workspace.private import NotPrivateError, write_private

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
        ({**NAMES, "endpoint": "http://127.0.0.1"}, "does not say where its offline workspace is"),
        ({**NAMES, "offline": "/nowhere"}, "names an offline workspace that is not there"),
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


ACCESS = Access("http://127.0.0.1:1", "/ca.pem", "tenant", "workspace", "k" * 64)


def test_the_way_in_to_an_offline_workspace_is_read_from_its_own_file(tmp_path):
    """It is not in config.json, which people copy and commit."""
    ACCESS.write(tmp_path / "access.json")
    names = {**NAMES, "offline": str(tmp_path / "access.json")}
    location = WorkspaceLocation.find(write(tmp_path / "config.json", names))
    assert location.offline == ACCESS
    assert ACCESS.key not in repr(location) + repr(ACCESS)


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o777])
def test_a_way_in_that_others_may_know_is_refused(tmp_path, mode):
    """The error names the file and the permissions, and says how to close it."""
    path = tmp_path / "access.json"
    ACCESS.write(path)
    path.chmod(mode)
    config = write(tmp_path / "config.json", {**NAMES, "offline": str(path)})
    with pytest.raises(WorkspaceNotFoundError, match=f"mode {mode:o}.*\n.*chmod 600 {path}"):
        WorkspaceLocation.find(config)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "Expecting"),
        ("[]", "does not describe"),
        (json.dumps({"key": "k"}), "does not describe"),
        (json.dumps({**vars(ACCESS), "endpoint": "http://example.com"}), "not on this machine"),
    ],
)
def test_a_damaged_way_in_is_told(tmp_path, content, problem):
    """Nothing is sent to another machine, and what is no description is none."""
    write_private(tmp_path / "access.json", content)
    names = {**NAMES, "offline": str(tmp_path / "access.json")}
    with pytest.raises(WorkspaceNotFoundError, match=problem):
        WorkspaceLocation.find(write(tmp_path / "config.json", names))


def test_a_link_in_place_of_a_secret_is_not_followed(tmp_path):
    """Its destination may belong to another user."""
    ACCESS.write(tmp_path / "real.json")
    (tmp_path / "access.json").symlink_to("real.json")
    with pytest.raises(NotPrivateError, match="symbolic link"):
        Access.read(tmp_path / "access.json")
