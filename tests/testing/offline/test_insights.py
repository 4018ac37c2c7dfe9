"""What services print and answer comes to the workspace, which stands for Application Insights."""

from __future__ import annotations

import gzip
import json
import stat

import pytest
import requests
from azureml.exceptions import WebserviceException
from offline_services import DEADLINE_S, deploying

from waiting import wait_until

TALKER = """
def init():
    print("the talker is ready")

def run(raw_data):
    print("asked for", raw_data)
    return eval(raw_data)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared_home):
    """Return a deployer whose workspace all tests of this module share."""
    with deploying(tmp_path_factory.mktemp("insights"), home=shared_home) as found:
        yield found


@pytest.fixture(scope="module")
def talker(place):
    """Return a service that sends what it prints and answers."""
    return place.up(TALKER, enable_app_insights=True)


def sent(place, table, *, text):
    """Return the records of a table with this text, once there are some."""

    def found():
        records = [each for each in place.offline.app_insights() if each.table == table]
        return [each for each in records if text in each.text]

    return wait_until(found, timeout_s=DEADLINE_S, describe=place.offline.app_insights)


def test_print_statements_requests_and_exceptions_arrive(place, talker):
    """They name the service, and stand in a file that only its owner reads."""
    assert talker.run("1 + 1") == 2
    with pytest.raises(WebserviceException):
        talker.run("1 / 0")
    [printed] = sent(place, "traces", text="asked for 1 + 1")
    assert printed.service == talker.name
    assert sent(place, "traces", text="the talker is ready")
    codes = [
        each.fields["properties"]["resultCode"] for each in sent(place, "requests", text="/score")
    ]
    assert codes[0] == "200"
    error = sent(place, "exceptions", text="UserScriptException")[0]
    assert "ZeroDivisionError" in json.dumps(error.fields["exceptions"])
    path = place.offline.folder / "app-insights.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in talker.get_logs()


def test_it_is_turned_on_and_off_by_an_update(place):
    """The container is restarted, and sends nothing or everything."""
    service = place.up(TALKER)
    service.run("'before'")
    service.update(enable_app_insights=True)
    place.settle(service)
    assert service.state == "Healthy"
    service.run("'after'")
    assert sent(place, "traces", text="asked for 'after'")[0].service == service.name
    assert not [each for each in place.offline.app_insights() if "'before'" in each.text]


def test_records_without_the_key_of_the_workspace_are_not_kept(place):
    """No client of the port can fill the file, with any body."""
    data = {"baseType": "MessageData", "baseData": {"message": "forged"}}
    record = {"iKey": "00000000-0000-0000-0000-000000000000", "data": data}
    bodies = [json.dumps([record]), gzip.compress(b"[" * 10_000), b"\xff", "[]", "null\nnull"]
    for body in bodies:
        encoding = {"Content-Encoding": "gzip"} if isinstance(body, bytes) else {}
        answer = requests.post(
            f"{place.offline.endpoint}/insights/forger/v2.1/track",
            data=body,
            headers=encoding,
            timeout=30,
        )
        assert answer.status_code == 200
    assert "forger" not in {each.service for each in place.offline.app_insights()}
