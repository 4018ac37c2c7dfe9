"""Who is let in: every route, every listener, and the requests of other users and of web pages."""

from __future__ import annotations

import base64
import http.client
import json
import time
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

import jwt
import pytest
import requests
from werkzeug.routing import Map, Rule

from modelship.errors import InvalidOptionError
from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.testing.offline.request_guard import Door
from modelship.workspace import WorkspaceLocation

OPEN = {
    "metadata.get",
    "discovery.get",
    "login.instance",
    "login.configuration",
    "login.device",
    "login.page",
    "login.token",
    "telemetry.track",
    "telemetry.track-2.1",
    "insights.track",
    "insights.track-2.1",
}

SIGNED = {Door.ADDRESS, Door.STORAGE}


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """One workspace for all cases: none of them is let in, so none changes it."""
    with OfflineWorkspace(tmp_path_factory.mktemp("guard") / "offline") as workspace:
        yield workspace


@pytest.fixture(scope="module")
def access(offline):
    return WorkspaceLocation.find(offline.config_path).offline


def ask(offline, path="/subscriptions", *, method="GET", body=None, **fields):
    """Send just these header fields, and return status and code of the answer."""
    connection = http.client.HTTPConnection(urlsplit(offline.endpoint).netloc, timeout=30)
    connection.putrequest(method, path, skip_host="Host" in fields, skip_accept_encoding=True)
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            connection.putheader(name.replace("_", "-"), each)
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content).get("code") if content[:1] == b"{" else ""


def segment(content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def unsigned(claims, **header):
    return f"{segment({'alg': 'none', 'typ': 'JWT', **header})}.{segment(claims)}."


def forged(access):
    """Return tokens that an attacker might try, and the code of the refusal."""
    now = int(time.time())
    claims = jwt.decode(access.token(lifetime_s=60), options={"verify_signature": False})
    head, payload, signature = access.token(lifetime_s=60).split(".")
    signed = {
        "other key": jwt.encode(claims, "x" * 64, "HS256"),
        "other algorithm": jwt.encode(claims, access.key, "HS512"),
        "other audience": jwt.encode({**claims, "aud": "https://management.azure.com"}, access.key),
        "other workspace": replace(access, workspace_id="other").token(lifetime_s=60),
        "other issuer": replace(access, tenant_id="other").token(lifetime_s=60),
        "text for times": jwt.encode({**claims, "exp": "9" * 5000}, access.key),
        "no signature": f"{head}.{payload}.",
        "other payload": f"{head}.{segment({**claims, 'tid': 'x'})}.{signature}",
        "alg none": unsigned(claims),
        "alg None": unsigned(claims, alg="None"),
        "alg none, signed": unsigned(claims) + signature,
        "alg RS256": f"{segment({'alg': 'RS256'})}.{payload}.{signature}",
        "no JWT": "odd",
        "two parts": f"{head}.{payload}",
        "deep": f"{base64.urlsafe_b64encode(b'[' * 30000).decode()}.{payload}.{signature}",
        **{
            f"no {name}": jwt.encode({k: v for k, v in claims.items() if k != name}, access.key)
            for name in ("aud", "exp", "iss", "nbf", "tid")
        },
    }
    yield from ((name, token, "InvalidAuthenticationToken") for name, token in signed.items())
    for name, times in (("exp", {"exp": now - 1}), ("nbf", {"nbf": now + 600})):
        token = jwt.encode({**claims, **times}, access.key)
        yield f"{name} is not now", token, "ExpiredAuthenticationToken"


def test_a_token_that_the_workspace_signed_opens(offline, access):
    """By both ways to say it."""
    for kind in ("Bearer", "bearer"):
        token = access.token(lifetime_s=60)
        assert ask(offline, Authorization=f"{kind} {token}")[0] == 200


def test_no_other_token_opens(offline, access):
    """Unsigned, signed by others or in another way, for others, or at another time: 401."""
    for name, token, code in forged(access):
        assert (name, ask(offline, Authorization=f"Bearer {token}")) == (name, (401, code))
    token = access.token(lifetime_s=60)
    for field in ("", "Bearer", f"Basic {token}", token, ["Bearer x", f"Bearer {token}"]):
        assert ask(offline, Authorization=field)[0] == 401, field


def addresses(app):
    """Return each call of a workspace with a path that leads to it."""
    for call in app.calls.values():
        rule = Rule(call.path, endpoint=call.name)
        adapter = Map([rule]).bind("127.0.0.1")
        yield call, adapter.build(call.name, dict.fromkeys(rule.arguments, "x"))


def test_no_route_escapes_the_guard(offline):
    """Each asks for a token, a signed address or a password, but those that are listed here."""
    assert {each.name for each in offline._app.calls.values() if each.door is Door.OPEN} == OPEN
    for call, path in addresses(offline._app):
        if call.door is not Door.OPEN:
            status = ask(offline, path, method=call.method)[0]
            assert (call.name, status) == (call.name, 403 if call.door in SIGNED else 401)


def test_the_signature_of_a_container_opens_only_that_one(offline):
    """For its blobs and for what it permits; changed, it opens nothing."""
    query = offline._shared.guard.signed_container("azureml", permissions="r")
    assert ask(offline, f"/azureml?restype=container&comp=list&{query}")[0] == 200
    assert ask(offline, f"/azureml/x/y?{query}")[0] == 404
    assert ask(offline, f"/azureml/x?{query}", method="PUT")[0] == 403
    assert ask(offline, f"/azureml/x?{query.replace('sp=r', 'sp=rw')}", method="PUT")[0] == 403
    store = f"azureml-blobstore-{offline.identity.workspace_id}"
    assert ask(offline, f"/{store}/x?{query}")[0] == 403
    assert ask(offline, f"/azureml/x?{query.replace('sr=c', 'sr=b')}")[0] == 403


def test_the_registry_is_opened_by_its_password_alone(offline, access):
    """Docker sends it as basic authentication; a token of the workspace does not serve for it."""
    right = offline.identity.key_for("registry")
    fields = {
        password: f"Basic {base64.b64encode(f'offline:{password}'.encode()).decode()}"
        for password in (right, right[:-1], "")
    }
    tried = [*fields.values(), f"Bearer {access.token(lifetime_s=60)}", "Basic odd", "odd"]
    answers = [ask(offline, "/v2/", Authorization=each)[0] for each in tried]
    assert answers == [200, 401, 401, 401, 401, 401]


CALLERS = [
    {"Host": "evil.example"},
    {"Host": "evil.example:PORT"},
    {"Host": "127.0.0.1.evil.example:PORT"},
    {"Host": "management.azure.com:PORT"},
    {"Host": "management.azure.com.evil.example"},
    {"Host": "evil@127.0.0.1:PORT"},
    {"Host": "127.0.0.1:PORT/"},
    {"Host": "127.0.0.1:x"},
    {"Host": "0.0.0.0:PORT"},
    {"Host": "2130706433:PORT"},
    {"Host": ""},
    {"Host": ["127.0.0.1:PORT", "evil.example"]},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:PORT"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors"},
    {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
]


@pytest.mark.parametrize("fields", CALLERS, ids=lambda each: " ".join(map(str, each.values())))
def test_a_web_page_is_not_answered(offline, access, fields):
    """Not even with a token, and not by the routes that need none: by name, or from a page."""
    port = str(urlsplit(offline.endpoint).port)
    text = json.dumps(fields).replace("PORT", port)
    token = f"Bearer {access.token(lifetime_s=60)}"
    for path in ("/subscriptions", "/metadata/endpoints", "/nothing"):
        status, code = ask(offline, path, Authorization=token, **json.loads(text))
        assert (status, str(code)[:9]) == (403, "Forbidden"), path


def test_a_page_can_post_nothing(offline):
    """A form or a text/plain body needs no leave of the browser: it is refused by its Origin."""
    path = f"/modelmanagement/v1.0{offline.identity.path}/services"
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        fields = {"Origin": "http://evil.example", "Content_Type": kind, "Content_Length": "2"}
        assert ask(offline, path, method="POST", body=b"{}", **fields)[0] == 403
    preflight = {"Origin": "http://evil.example", "Access_Control_Request_Method": "POST"}
    assert ask(offline, path, method="OPTIONS", **preflight)[0] == 403


def test_a_link_that_somebody_follows_is_answered(offline):
    """The SDK prints the addresses of logs, and a notebook makes links of them."""
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert ask(offline, "/metadata/endpoints", Sec_Fetch_Dest="document", **link)[0] == 200
    assert ask(offline, "/metadata/endpoints", Sec_Fetch_Site="none")[0] == 200


def test_a_page_uses_up_no_fault(offline, access):
    """A fault that a test has planted befalls calls that are let in."""
    from modelship.testing.offline.faults import Fault

    offline.faults.plant(Fault("subscriptions.list", status=503))
    assert ask(offline)[0] == 401
    assert ask(offline, Authorization=f"Bearer {access.token(lifetime_s=60)}")[0] == 503


def test_an_address_opens_its_own_path_alone(offline):
    """Another path, more permissions, a later time, or another workspace's signature: 403."""
    guard = offline._app.guard
    query = dict(each.split("=") for each in guard.signed("/azureml/a", permissions="r").split("&"))
    changes = [{"sp": "rw"}, {"se": "2999-01-01T00:00:00.000000Z"}, {"sig": ""}, {"sig": "é"}]
    for path, change in [
        ("/azureml/b", {}),
        ("/azureml/a/b", {}),
        *(("/azureml/a", c) for c in changes),
    ]:
        assert ask(offline, f"{path}?{urlencode(query | change)}")[0] == 403
    assert ask(offline, f"/azureml/a?{urlencode(query)}", method="PUT")[0] == 403
    assert (
        requests.get(
            f"{offline.endpoint}/azureml/a?{guard.signed('/azureml/a', permissions='r')}",
            timeout=30,
        ).headers["x-ms-error-code"]
        == "BlobNotFound"
    )


def test_tokens_are_valid_after_a_restart(tmp_path):
    """What signs them is kept in the folder, and each folder has its own."""
    with OfflineWorkspace(tmp_path / "kept") as workspace:
        kept = WorkspaceLocation.find(workspace.config_path).offline
        token = f"Bearer {kept.token(lifetime_s=600)}"
    with OfflineWorkspace(tmp_path / "kept") as workspace:
        assert ask(workspace, Authorization=token)[0] == 200
    with OfflineWorkspace() as other:
        assert ask(other, Authorization=token)[0] == 401


@pytest.mark.parametrize(("place", "mode"), [("", 0o755), ("", 0o770), ("workspace.json", 0o644)])
def test_a_folder_that_others_may_have_read_is_refused(tmp_path, place, mode):
    """Who knows the secret runs code as its owner; the error says what to type."""
    folder = tmp_path / "kept"
    with OfflineWorkspace(folder):
        (folder / place).chmod(mode)
    with pytest.raises(InvalidOptionError, match=rf"mode {mode:o}.*chmod [67]00 "):
        OfflineWorkspace(folder).__enter__()


def test_an_empty_folder_is_closed_to_others(tmp_path):
    """An existing one gets the permissions that it needs."""
    folder = tmp_path / "made"
    folder.mkdir(mode=0o755)
    with OfflineWorkspace(folder):
        assert folder.stat().st_mode & 0o077 == 0
        secrets = [folder / name for name in ("workspace.json", "access.json", "config.json")]
        assert [path.stat().st_mode & 0o777 for path in secrets] == [0o600] * 3
