"""``modelship register`` and ``keys``, without Azure."""

import json

from click.testing import CliRunner

from modelship.cli.app import cli


def test_keys_of_a_target_without_keys(memory_target, monkeypatch):
    """The command says that the target has no such thing."""
    result = CliRunner().invoke(cli, ["keys", "nobody", "-t", "process", "--json"])
    assert result.exit_code == 7
    assert json.loads(result.stdout)["error"]["type"] == "DeploymentNotFoundError"


def test_register_without_a_workspace(tmp_path, monkeypatch):
    """Where there is no config.json, the exit code is the workspace's, and the remedy is told."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"1")
    result = CliRunner().invoke(cli, ["register", "weights.bin"])
    assert result.exit_code == 9
    assert "there is no config.json in" in result.stderr
    assert "Download config.json" in result.stderr


def test_register_in_a_registry_without_a_name(tmp_path, monkeypatch):
    """A variable of CI that is not set is not the workspace."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"1")
    result = CliRunner().invoke(cli, ["register", "weights.bin", "--registry", ""])
    assert result.exit_code == 2
    assert "'' is not a valid registry name" in result.stderr
