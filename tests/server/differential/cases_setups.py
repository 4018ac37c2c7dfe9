"""Requests to scripts under settings: CORS, the service's name, a short timeout, own swagger."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from differential.wire import post, send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from differential.wire import Sent

__all__ = ["SETUPS", "Setup"]


@dataclass(frozen=True)
class Setup:
    """A script under settings, and what is asked there."""

    label: str
    script: str
    requests: Sequence[Sent]
    settings: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ("--entry_script", "score.py")


_ORIGINS = (
    "https://a.example", "https://b.example", "HTTPS://A.EXAMPLE", "https://a.example:8443",
    "https://a.example/", "https://c.example", "null", "", "https://xa.example", "https://a1example",
)  # fmt: skip
_PREFLIGHT = {"Access-Control-Request-Method": "POST"}


def _crossing(origin: str) -> list[Sent]:
    own = {"Origin": origin}
    return [
        post(f"POST from {origin!r}", b"[1]", headers=own),
        post(f"a failure from {origin!r}", b"raise", headers=own),
        send(f"health from {origin!r}", path="/", headers=own),
        send(f"swagger from {origin!r}", path="/swagger.json", headers=own),
        send(f"a bad path from {origin!r}", path="/nothing", headers=own),
        send(f"PUT from {origin!r}", method="PUT", headers=own),
        send(f"OPTIONS from {origin!r}", method="OPTIONS", headers=own),
        *(send(f"preflight {path} from {origin!r}", method="OPTIONS", path=path,
               headers={**own, **_PREFLIGHT}) for path in ("/score", "/", "/nothing")),
        send(f"preflight with headers from {origin!r}", method="OPTIONS",
             headers={**own, **_PREFLIGHT,
                      "Access-Control-Request-Headers": "Content-Type, X-A,authorization"}),
        send(f"preflight of PUT from {origin!r}", method="OPTIONS",
             headers={**own, "Access-Control-Request-Method": "PUT"}),
    ]  # fmt: skip


_CROSSING = [sent for origin in _ORIGINS for sent in _crossing(origin)]
_NO_ORIGIN = [
    post("no origin", b"[1]"),
    send("preflight without an origin", method="OPTIONS", headers=_PREFLIGHT),
    send("two origins", headers=[("Origin", "https://a.example"), ("Origin", "https://c.example")]),
    post("a long id", b"[1]", headers={"Origin": "https://a.example", "x-request-id": "x" * 101}),
]
_HEADERS = [
    post("headers", b"\xc3\xa9", headers=[("x-lower", "a"), ("X_UNDER", "b"), ("X-Twice", "a"),
                                          ("X-Twice", "b"), ("Cookie", "a=1"), ("Cookie", "b=2"),
                                          ("X-Latin", "h\u00e9"), ("X-Empty", ""),
                                          ("WEIRD-case-Name", "c"), ("TE", "trailers")]),
    post("no type", b"[1]", content_type=None),
    post("a failure", b"raise"),
    send("a query", path="/score?raw_data=1&request_headers=2"),
]  # fmt: skip
_SWAGGERS = [
    *(send(f"swagger {each}", path=f"/swagger.json?version={each}")
      for each in ("2", "2.0", "3", "3.0", "3.1", "9")),
    send("swagger", path="/swagger.json"),
]  # fmt: skip
_WAYS = [post(each, each) for each in ("short", "sleep", "busy", "caught", "caught any", "finally")]

SETUPS = [
    Setup("origins and a name", "configured", [*_CROSSING, *_NO_ORIGIN, *_HEADERS, *_SWAGGERS], {
        "AML_CORS_ORIGINS": "https://a.example, https://b.example",
        "SERVICE_NAME": "h\u00e9 & service", "SERVICE_VERSION": "7",
        "SERVICE_PATH_PREFIX": "/api/v1/s/", "SERVER_VERSION_LOG_RESPONSE_ENABLED": "no"}),
    Setup("any origin and a driver", "driver", [*_CROSSING[:22], *_NO_ORIGIN,
          post("a body", b"[1]"),
          *_SWAGGERS], {"AML_CORS_ORIGINS": "*", "AML_APP_INSIGHTS_ENABLED": "false"}),
    Setup("own swagger and a short timeout", "slow", [*_SWAGGERS, *_WAYS],
          {"SCORING_TIMEOUT_MS": "150", "SERVER_VERSION_LOG_RESPONSE_ENABLED": "TRUE"},
          {"swagger.json": '{"own": "\u00e9", "n": [1.0, 2]}', "swagger2.json": '{"own": 2}',
           "swagger3.json": "{}", "swagger3.1.json": '{"own": 3.1}'}),
    Setup("a configuration file", "configured",
          [*_CROSSING[:3], *_HEADERS, send("swagger", path="/swagger.json")],
          {"SERVICE_VERSION": "from the environment"},
          {"settings.json": json.dumps({
              "AZUREML_ENTRY_SCRIPT": "score.py", "SERVICE_NAME": "from the file",
              "SERVICE_VERSION": "from the file", "AML_CORS_ORIGINS": "https://a.example",
              "cors_origins": "https://b.example", "nobody": "knows it"})},
          ("--config_file", "settings.json", "--access_control_allow_origins", "https://c.example",
           "--model_dir", "somewhere", "--worker_count", "1")),
    Setup("origins in the file alone", "configured", _CROSSING[:3], {},
          {"settings.json": json.dumps({
              "AZUREML_ENTRY_SCRIPT": "score.py", "AML_CORS_ORIGINS": "https://a.example"})},
          ("--config_file", "settings.json")),
]  # fmt: skip
