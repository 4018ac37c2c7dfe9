"""Spans of scoring requests, as a collector and as Application Insights receive them."""

from __future__ import annotations

import json
import logging
import time
from types import SimpleNamespace

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from modelship.server.tracing import Tracing
from receiving import ACCEPTED, receiver
from waiting import wait_until

_TIMEOUT_S = 30.0
_SECRET = "hunter-two"
_KEY = "00000000-0000-0000-0000-0000deadbeef"
_TRACE = "0af7651916cd43dd8448eb211c80319c"
_PARENT = "b7ad6b7169203331"
_NOBODY = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
_SETTINGS = SimpleNamespace(service_name="digits", service_version="7", certificate="")


@pytest.fixture
def started(serving):
    """Return a function that starts a server that sends its spans soon, and ends it afterwards."""
    servers = []

    def start(**settings):
        server = serving.start(
            "default", script="failing", settings={"OTEL_BSP_SCHEDULE_DELAY": "50", **settings}
        )
        servers.append(server)
        assert server.wait_until_healthy()
        return server

    yield start
    for server in servers:
        server.stop()


def _score(server, body='{"rows": 1}', **headers):
    uri = f"http://127.0.0.1:{server.port}/score?key={_SECRET}"
    return requests.post(uri, data=body, headers=headers, timeout=_TIMEOUT_S)


def _spans(received, *, count):
    wait_until(lambda: len([*_decoded(received)]) >= count)
    return [*_decoded(received)]


def _decoded(received):
    for path, body in [*received]:
        assert path == "/v1/traces"
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = {each.key: each.value.string_value for each in group.resource.attributes}
            assert resource["service.name"] == "digits"
            for scope in group.scope_spans:
                yield from scope.spans


def _attributes(span):
    kinds = {each.key: each.value.WhichOneof("value") for each in span.attributes}
    return {each.key: getattr(each.value, kinds[each.key]) for each in span.attributes}


def test_a_collector_receives_a_span_for_each_request(started):
    """It lies below the caller's span, has the request's times, and says what became of it."""
    with receiver() as (port, received):
        server = started(
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
            OTEL_SERVICE_NAME="digits",
            WORKER_COUNT="2",
        )
        before_ns = time.time_ns()
        parent = {"traceparent": f"00-{_TRACE}-{_PARENT}-01", "x-request-id": "mine"}
        _score(server, **parent, Authorization=f"Bearer {_SECRET}")
        _score(server, body='{"wrong": 1}')
        scored, failed = sorted(
            _spans(received, count=2), key=lambda each: each.start_time_unix_nano
        )
    assert (scored.trace_id.hex(), scored.parent_span_id.hex()) == (_TRACE, _PARENT)
    assert (scored.name, scored.kind) == ("POST /score", Span.SPAN_KIND_SERVER)
    assert before_ns < scored.start_time_unix_nano < scored.end_time_unix_nano < time.time_ns()
    told = _attributes(scored)
    assert told["http.response.status_code"] == 200
    assert (told["modelship.request_id"], told["modelship.run_failed"]) == ("mine", False)
    assert told["modelship.run_ms"] > 0
    assert _attributes(failed)["error.type"] == "KeyError"
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert [each.name for each in failed.events] == ["exception"]
    assert _SECRET.encode() not in b"".join(body for _, body in received)


def test_what_the_caller_does_not_trace_is_not_traced(started):
    """The flag of the caller's span decides."""
    with receiver() as (port, received):
        server = started(
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"http://127.0.0.1:{port}/v1/traces",
            OTEL_SERVICE_NAME="digits",
        )
        _score(server, traceparent=f"00-{_TRACE}-{_PARENT}-00")
        _score(server, traceparent=f"00-{_TRACE}-{_PARENT}-01")
        server.stop()  # sends what waits
        assert len([*_decoded(received)]) == 1


def test_application_insights_receives_requests(started):
    """A request of its own kind, at the connection string's address, and nothing else anywhere."""
    with receiver(ACCEPTED) as (port, received):
        connection = f"InstrumentationKey={_KEY};IngestionEndpoint=http://127.0.0.1:{port}/"
        server = started(
            APPLICATIONINSIGHTS_CONNECTION_STRING=connection,
            APPLICATIONINSIGHTS_STATS_CONNECTION_STRING=connection,  # of the exporter's own
        )
        _score(server)
        log = server.stop().log
    [item] = [each for _, body in received for each in json.loads(body)]
    assert item["data"]["baseType"] == "RequestData"
    told = item["data"]["baseData"]
    assert (told["name"], told["responseCode"], told["success"]) == ("POST /score", "200", True)
    assert _SECRET not in json.dumps(item)
    assert _KEY not in log
    assert "Traces may be lost" not in log


def test_a_collector_that_is_not_there_is_one_line(started):
    """Requests are answered and the service ends as ever; nothing secret is in the log."""
    server = started(
        **_NOBODY,
        OTEL_EXPORTER_OTLP_HEADERS=f"api-key={_SECRET}",
    )
    assert [_score(server).status_code for _ in range(3)] == [200] * 3
    ended = server.stop()
    assert ended.exit_code == 0
    assert ended.log.count("Traces may be lost: opentelemetry.") == 1
    assert _SECRET not in ended.log


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={_SECRET}"},
            "No traces are sent: azure-monitor-opentelemetry-exporter",
        ),
        ({**_NOBODY, "OTEL_PROPAGATORS": _SECRET}, "No traces are sent: opentelemetry-sdk"),
        ({**_NOBODY, "OTEL_EXPORTER_OTLP_HEADERS": _SECRET}, "Traces may be lost"),
    ],
)
def test_settings_that_cannot_be_are_one_line(started, settings, told):
    """The value is not in it, and the service keeps running."""
    server = started(**settings)
    assert _score(server).status_code == 200
    log = server.stop().log
    assert log.count(told) == 1
    assert _SECRET not in log


def test_a_message_of_many_lines_is_not_taken_for_a_type(serving):
    """What run() raises may end with what was sent; the span has the status instead."""
    source = (
        "def init():\n    pass\ndef run(raw_data):\n    raise ValueError('row:\\n' + raw_data)\n"
    )
    with receiver() as (port, received):
        server = serving.start(
            "default",
            script="failing",
            files={"score.py": source},
            settings={
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
                "OTEL_SERVICE_NAME": "digits",
            },
        )
        assert server.wait_until_healthy()
        _score(server, body=f"{_SECRET}: 1")
        server.stop()
    [span] = _decoded(received)
    assert _attributes(span)["error.type"] == "500"
    assert _SECRET.encode() not in received[0][1]


def test_a_missing_package_is_named(caplog):
    """Here there is no OpenTelemetry but what the tests decode spans with."""
    with caplog.at_level(logging.WARNING, "azmlinfsrv"):
        traced = Tracing.from_environment(_NOBODY, _SETTINGS)
    assert traced is None
    assert "add opentelemetry-exporter-otlp-proto-http" in caplog.text.lower()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AML_APP_INSIGHTS_ENABLED": "false", "AML_APP_INSIGHTS_KEY": _KEY},
        {**_NOBODY, "OTEL_SDK_DISABLED": "true"},
        {**_NOBODY, "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_it_is_off_unless_it_is_asked_for(environ, caplog):
    """Without a place for spans nothing is imported, and nothing said."""
    assert Tracing.from_environment(environ, _SETTINGS) is None
    assert not caplog.records
