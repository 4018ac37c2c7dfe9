"""The commands that are printed to be typed next work as they are: they name the same place."""

from pathlib import Path

import pytest

from modelship.cli.config import Config
from modelship.cli.migrate_command import _Asked
from modelship.cli.opening import Place
from modelship.findings.rules import RULES


def test_the_next_commands_name_the_workspace_that_was_typed():
    """Without it, run, logs and delete would look for another workspace, or for none."""
    place = Place("online-endpoint", [("workspace", "my ws/config.json"), ("instance_count", 2)])
    assert place.as_typed == " --option 'workspace=my ws/config.json'"


def test_the_next_commands_name_the_settings_file_that_was_typed(modelship, files, tmp_path):
    """The file may say where the services run, so each of the printed commands has it."""
    settings = tmp_path / "other.yaml"
    settings.write_text("target: memory\n")
    done = modelship("deploy", files / "bundle", "-n", "next-svc", "--config", settings, "--quiet")
    assert f"modelship delete next-svc -t memory --config {settings}\n" in done.output
    assert modelship("delete", "next-svc", "--config", settings).exit_code == 0


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"endpoint_name": None, "data": None}, ""),
        ({"endpoint_name": "newer", "data": "a b.json"}, " --endpoint newer --data 'a b.json'"),
    ],
)
def test_the_command_after_a_plan_deploys_that_plan(how, words):
    """The name of the endpoint and the options belong to the plan that was shown."""
    options = {"workspace": "ws", "instance_type": "Standard_F4s_v2"}
    asked = _Asked(Config(), options, how, Path("m.yaml"))
    where = " --config m.yaml --option workspace=ws"
    assert asked.to_deploy == (
        f"--to online-endpoint{words}{where} --option instance_type=Standard_F4s_v2 --yes"
    )
    assert asked.to_old == f"-t aci{where}"


def test_a_missing_sample_is_given_when_the_bundle_is_created():
    """The option belongs to bundle: deploy, which prints the warning too, does not have it."""
    assert RULES["MS509"].advice.startswith("Create the bundle with sample_input=")
