"""What a comparison leaves behind: nothing, however it ends."""

import os
import signal
import subprocess
import sys
import uuid

import pytest

from modelship import DeployTarget
from modelship.errors import ModelshipError
from modelship.parity import ScoringRequest, compare
from waiting import wait_until

ONLY_IN_PROCESS = """
import sys
def init():
    assert "modelship_server" not in sys.modules, "this place is no good"
def run(raw_data):
    return raw_data
"""
WAITING = """
import sys, time
def init():
    pass
def run(raw_data):
    if "in_process" not in sys.argv[0]:
        open(raw_data, "w").close()
        time.sleep(60)
"""
COMPARE = """
import sys
from modelship import ScoringBundle
from modelship.parity import ScoringRequest, compare
from waiting import wait_until
bundle = ScoringBundle.load(sys.argv[1])
compare(bundle, on=["process"], requests=[ScoringRequest("wait", sys.argv[2].encode())])
"""
SYSTEM = """
import os
def init():
    pass
def run(raw_data):
    return {"uid": os.getuid(), "rows": raw_data}
"""


def test_a_place_that_fails_is_cleaned_up(own, make_bundle):
    """The error is the place's own, and no service is left."""
    bundle = make_bundle(ONLY_IN_PROCESS)
    with pytest.raises(ModelshipError, match="this place is no good"):
        compare(bundle, on=[own], requests=[ScoringRequest("any")], show_output=False)
    assert DeployTarget.open("process").list() == ()


def test_an_interrupt_deletes_what_was_deployed(make_bundle, tmp_path):
    """Ctrl-C while a request waits ends the comparison, and the service with it."""
    bundle, mark = make_bundle(WAITING).save(tmp_path / "bundle"), tmp_path / "waiting"
    process = subprocess.Popen(
        [sys.executable, "-c", COMPARE, str(bundle), str(mark)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: mark.exists() or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    [service] = DeployTarget.open("process").list()
    assert service.name.startswith("parity-")
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]
    assert DeployTarget.open("process").list() == ()


@pytest.mark.long
@pytest.mark.docker
def test_a_container_is_compared_and_removed(make_bundle, docker_base_image):
    """It answers as the script does, but for the user that it runs as.

    In the gate tests/targets/test_script_places.py compares a container.
    """
    target = DeployTarget.open("docker", base_image=docker_base_image)
    # A bundle of this run alone: the engine may hold services of other runs, even cut off ones.
    bundle = make_bundle(f"{SYSTEM}# {uuid.uuid4()}\n", sample_input=[1, 2.5])
    report = compare(bundle, on=[target], show_output=False)
    told = {(each.what, each.where) for each in report.differences}
    assert told <= {("body", ".uid")}, str(report)
    assert [row["docker"].status for row in report.answers].count(200) > 20
    assert not [each for each in target.list() if each.digest == bundle.digest]
