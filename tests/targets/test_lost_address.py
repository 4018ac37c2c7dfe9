"""A service that no longer has the address of its name, as after the restart of its container."""

from dataclasses import replace

from file_backend import FileBackend, make_bundle

from modelship.targets import DeployTarget
from modelship.testing import MemoryBackend

LOST = "http://127.0.0.1:8/score"


class RestartedPlace(FileBackend):
    """Its first instance has lost its address."""

    profile = MemoryBackend.profile
    first = ""

    def _read(self, path):
        instance = super()._read(path)
        self.first = self.first or instance.instance_id
        return replace(instance, lost_uri=LOST if instance.instance_id == self.first else "")


def test_the_same_bundle_is_deployed_again(tmp_path, monkeypatch):
    """A plan says why, and afterwards there is nothing to do."""
    monkeypatch.setenv("MODELSHIP_HOME", str(tmp_path / "home"))
    (tmp_path / "place").mkdir()
    target = DeployTarget(RestartedPlace(tmp_path / "place"))
    bundle = make_bundle(tmp_path / "bundle")
    options = {"name": "digits-svc", "check": "off", "show_output": False}
    first = target.deploy(bundle, **options)
    planned = target.plan(bundle, name="digits-svc")
    assert planned.action == "replace"
    [difference] = planned.differences
    assert (difference.name, difference.after) == ("address", LOST)
    second = target.deploy(bundle, **options)
    assert second.instance.instance_id != first.instance.instance_id
    assert target.plan(bundle, name="digits-svc").action == "nothing"
    assert target.deploy(bundle, **options).instance == second.instance
