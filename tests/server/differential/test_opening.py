"""What tools look for in the log of a start is in that of each server, and the script sees it too.

The tests of Azure ML's server name these lines; they are an interface.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from differential.servers import KINDS, THOROUGH
from differential.wire import post

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What is expected was seen on the reference, whose version is pinned: the gate need not see it.
_KINDS = KINDS if THOROUGH else ("default",)
_SCRIPT = "import os\ndef init(): print('init')\ndef run(raw_data): return dict(os.environ)\n"
_KEY = "0f1c3a52-6b1e-4a51-9f5d-0a3cf9f37e11"
_INSIGHTS = {"AML_APP_INSIGHTS_ENABLED": "true", "AML_APP_INSIGHTS_KEY": _KEY}
_VALID = "Valid Application Insights instrumentation key provided."
_INVALID = "Invalid Application Insights instrumentation key provided."
_GIVEN = "Application Insights Key: AppInsights key provided"


@dataclass(frozen=True)
class Opening:
    """A start: the lines that its log has to have, and what the script finds in its environment."""

    label: str
    tells: Sequence[str]
    options: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str | None] = field(default_factory=dict)


_OFF = {"AML_APP_INSIGHTS_ENABLED": "false"}
_OPENINGS = [
    Opening("nothing but the script", [
        "Use the --model_dir command line argument to set it.", "Worker Count: 1",
        "Application Insights Enabled: false", "Starting up app insights client",
        "azmlinfsrv.user_script - Users's init has completed successfully",
        "azmlinfsrv.print - init",
    ], environment=_OFF | {"AZUREML_MODEL_DIR": None, "TRANSPORT_PROTOCOL": "grpc"}),
    Opening("a key", [_VALID, _GIVEN, "Application Insights Enabled: true"],
            settings=_INSIGHTS | {"APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true"},
            environment=_INSIGHTS),
    Opening("a key that is none", [
        _INVALID, _GIVEN, "Application Insights has been disabled.",
        "Application Insights Enabled: false",
    ], options=("--appinsights_instrumentation_key", "mine"),
        settings={"AML_APP_INSIGHTS_KEY": _KEY},
        environment=_OFF | {"AML_APP_INSIGHTS_KEY": "mine"}),
    Opening("a key, and not enabled", [_GIVEN, "Application Insights Enabled: false"],
            settings=_INSIGHTS | {"AML_APP_INSIGHTS_ENABLED": "asdf"}, environment=_OFF),
    Opening("workers", ["Worker Count: 2", "Worker Timeout (seconds): 20"],
            settings={"WORKER_COUNT": "2", "WORKER_TIMEOUT": "20"},
            environment={"WORKER_COUNT": "2"}),
    Opening("origins", ["CORS for the specified origins: Enabling CORS for a.example, b.example"],
            options=("--access_control_allow_origins", "a.example, b.example")),
]  # fmt: skip


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("opening", _OPENINGS, ids=[each.label for each in _OPENINGS])
def test_the_start_is_told(serving, opening, kind):
    """The lines are there when the service answers, and the script sees what they say."""
    server = serving.start(
        kind, script="plain", files={"score.py": _SCRIPT}, settings=opening.settings,
        options=("--entry_script", "score.py", *opening.options),
    )  # fmt: skip
    assert server.wait_until_healthy()
    seen = json.loads(server.answers(post("environment", b"{}"))[0].body)
    assert {name: seen.get(name) for name in opening.environment} == dict(opening.environment)
    log = server.stop().log
    assert [line for line in opening.tells if line not in log] == []
    assert f"Server Port: {server.port}" in log
    assert f"Health Port: {server.port}" in log
    assert _KEY not in log


@pytest.mark.parametrize("kind", _KINDS)
def test_the_old_header_is_deprecated(serving, kind):
    """A request with x-ms-request-id is warned of; one without is not."""
    server = serving.start(kind, script="plain")
    assert server.wait_until_healthy()
    server.answers(post("new", b"{}", headers={"x-ms-client-request-id": "a"}))
    server.answers(post("old", b"{}", headers={"x-ms-request-id": "a"}))
    found = re.findall("^.*has been deprecated.*$", server.stop().log, re.MULTILINE)
    assert len(found) == 1
    assert re.search(r" W \[\d+\] azmlinfsrv - x-ms-request-id header has been", found[0])
