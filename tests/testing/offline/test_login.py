"""Signing in to an offline workspace, and the throw-away certificates and variables for it."""

from __future__ import annotations

import json
import re
import ssl
import urllib.request
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import certifi
import msal
import pytest
import requests
from cryptography import x509

from modelship.testing.offline.authority import Authority
from modelship.testing.offline.hosts import is_azure
from modelship.testing.offline.login import ServicePrincipal
from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.testing.offline.root_folder import write_roots
from modelship.workspace.way_out import roots_of

PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
SCOPE = ["https://management.azure.com/.default"]


@pytest.fixture
def sign_in(offline):
    """Return what signs in with MSAL through the proxy, as a principal with some parts changed."""

    def acquire(**changed):
        principal = replace(ServicePrincipal.of(offline.identity), **changed)
        with requests.Session() as session:
            session.trust_env = False
            session.proxies = {"https": offline.environment["HTTPS_PROXY"]}
            session.verify = offline.environment["REQUESTS_CA_BUNDLE"]
            client = msal.ConfidentialClientApplication(
                principal.client_id,
                client_credential=principal.client_secret,
                authority=f"https://login.microsoftonline.com/{principal.tenant_id}",
                http_client=session,
            )
            return client.acquire_token_for_client(SCOPE)

    return acquire


def test_the_service_principal_gets_a_token_that_the_workspace_takes(offline, sign_in):
    """MSAL reads the token, and the workspace's calls are open to it."""
    token = sign_in()
    assert token["expires_in"] > 3000
    fields = {"Authorization": f"Bearer {token['access_token']}"}
    answer = requests.get(f"{offline.endpoint}/subscriptions", headers=fields, timeout=30)
    assert answer.json()["value"][0]["subscriptionId"] == offline.identity.subscription_id


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"client_secret": "wrong"}, "invalid_client", "AADSTS7000215: Invalid client secret"),
        ({"client_id": "nobody"}, "unauthorized_client", "AADSTS700016: Application with"),
        ({"tenant_id": "nowhere"}, "invalid_tenant", "AADSTS90002: Tenant 'nowhere' not found."),
    ],
)
def test_wrong_credentials_are_refused_in_the_platforms_words(sign_in, changed, error, words):
    """MSAL finds the error, its code and its sentence; the right secret is not among them."""
    answer = sign_in(**changed)
    assert "access_token" not in answer
    assert answer["error"] == error
    assert answer["error_description"].startswith(words)
    assert answer["error_description"].endswith("in its folder: source environment.sh")
    assert answer["error_codes"] == [int(words[6 : words.index(":")])]


def test_a_person_who_would_sign_in_is_told_what_to_source(offline):
    """The SDK finds no service principal, and asks for a code that a person types in."""
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": offline.environment["HTTPS_PROXY"]}
        session.verify = offline.environment["REQUESTS_CA_BUNDLE"]
        client = msal.PublicClientApplication(
            "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
            authority="https://login.microsoftonline.com/organizations",
            http_client=session,
        )
        flow = client.initiate_device_flow(SCOPE)
        answer = client.acquire_token_by_device_flow(flow)
    assert "source environment.sh" in flow["message"]
    assert answer["error_description"] == f"AADSTS70003: {flow['message']}"


def test_nobody_signs_in_in_another_way(offline):
    """A password of a person, for one, is not taken."""
    url = f"{offline.endpoint}/{offline.identity.tenant_id}/oauth2/v2.0/token"
    form = {"grant_type": "password", "username": "me", "password": "mine"}
    answer = requests.post(url, data=form, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"] == "unsupported_grant_type"
    assert "mine" not in answer.text


def test_the_variables_stay_valid_when_the_workspace_is_opened_again(tmp_path):
    """Also those for the proxy and the certificates: a shell need not be set up twice."""
    with OfflineWorkspace(tmp_path / "kept") as workspace:
        before = workspace.environment
    with OfflineWorkspace(tmp_path / "kept") as workspace:
        assert workspace.environment == before
        assert ServicePrincipal.of(workspace.identity).client_secret not in repr(workspace)


def test_the_password_is_in_no_repr(offline):
    """It may be printed by accident otherwise."""
    principal = ServicePrincipal.of(offline.identity)
    assert principal.client_secret not in repr(principal)


def test_no_private_key_is_ever_written_down(offline):
    """Who finds the folder later can vouch for nobody."""
    requests.get(f"{offline.endpoint}/metadata/endpoints", timeout=30)
    files = [path for path in offline.folder.rglob("*") if path.is_file()]
    assert offline.folder / "ca-bundle.pem" in files
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in files)


def test_the_bundle_holds_what_was_trusted_before(tmp_path, monkeypatch):
    """Roots of a company, for one, stay trusted, whichever variable names them."""
    company, other = Authority(tmp_path / "company"), Authority(tmp_path / "other")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(company.bundle_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(other.bundle_path))
    ours = Authority(tmp_path / "ours")
    assert ours.bundle_path.read_bytes().startswith(company.bundle_path.read_bytes())
    assert PEM.findall(other.bundle_path.read_text())[-1] in ours.bundle_path.read_text()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ours.bundle_path))
    again = Authority(tmp_path / "ours")
    assert len(again.bundle_path.read_bytes()) <= len(ours.bundle_path.read_bytes())


def test_the_folder_holds_the_roots_of_the_bundle(tmp_path):
    """Under the names that OpenSSL looks for; its own alone, also when it is opened again."""
    for _ in range(2):
        authority = Authority(tmp_path)
    roots = roots_of(authority.bundle_path)
    links = [file for file in roots.iterdir() if file.is_symlink()]
    assert {file.resolve() for file in links} == {authority.bundle_path.resolve()}
    assert len(links) >= len(PEM.findall(Path(certifi.where()).read_text())) * 0.9  # names repeat
    [own] = {*roots.iterdir()} - {*links}
    assert own.read_text().strip() == authority.own_path.read_text().strip()
    assert not ssl.create_default_context(capath=roots).get_ca_certs()  # none before it is needed


def test_roots_of_one_name_are_all_in_the_folder(tmp_path):
    """Workspaces have authorities of one name; a broken root of the user's is left out."""
    ours, other = [Authority(tmp_path / each).own_path.read_text().strip() for each in "ab"]
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    certificates = [other, broken, ours]
    write_roots(tmp_path / "c", bundle=tmp_path / "d", certificates=certificates, own=ours)
    files = sorted((tmp_path / "c").iterdir())
    assert [file.suffix for file in files] == [".0", ".1"]
    assert [file.read_text() for file in files] == [ours, other]


def test_the_bundle_holds_what_the_system_trusts(tmp_path, monkeypatch):
    """A program that reads one file in its place finds all of it there, and nothing twice."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    system = Authority(tmp_path / "system").bundle_path
    monkeypatch.setattr("modelship.testing.offline.authority._SYSTEMS_BUNDLES", (str(system),))
    text = Authority(tmp_path / "ours").bundle_path.read_text()
    assert text.count(PEM.findall(system.read_text())[-1]) == 1
    assert text.startswith(Path(certifi.where()).read_text())
    assert len(PEM.findall(text)) == len(PEM.findall(system.read_text())) + 1


def test_telemetry_is_taken_in_and_forgotten(offline):
    """azureml-telemetry posts lists of records with urllib, which trusts SSL_CERT_FILE."""
    variables = offline.environment
    trust = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": variables["HTTPS_PROXY"]}),
        urllib.request.HTTPSHandler(context=trust),
    )
    request = urllib.request.Request(
        "https://dc.services.visualstudio.com/v2/track",
        json.dumps([{"name": "one"}, {"name": "two"}]).encode(),
        {"Content-Type": "application/json"},
    )
    with opener.open(request, timeout=30) as answer:
        assert json.load(answer) == {"itemsReceived": 2, "itemsAccepted": 2, "errors": []}
    assert offline.refused == []


def test_the_authority_vouches_for_nobody_else(tmp_path):
    """Leaked, it is of no use against the other hosts that programs of its user speak to."""
    authority = Authority(tmp_path)
    for host in ("example.com", "pypi.org", "management.azure.com.example.org", "10.0.0.1", "a b"):
        with pytest.raises(ValueError, match=host):
            authority.context(host)
    _, begin, rest = authority.bundle_path.read_bytes().rpartition(b"-----BEGIN")
    root = x509.load_pem_x509_certificate(begin + rest)
    constraints = root.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    permitted = constraints.value.permitted_subtrees
    names = {each.value for each in permitted if isinstance(each, x509.DNSName)}
    assert {"management.azure.com", "blob.core.windows.net", "localhost"} <= names
    assert all(is_azure(each) or is_azure(f"x.{each}") for each in names - {"localhost"})
    assert root.not_valid_after_utc - datetime.now(timezone.utc) <= timedelta(days=30)


@pytest.mark.parametrize("host", ["example.com", "azureml.ms.example.com", "8.8.8.8"])
def test_a_client_takes_no_other_host_from_it(tmp_path, monkeypatch, host):
    """Even with its key in their hands, nobody can stand for another host."""
    authority = Authority(tmp_path)
    monkeypatch.setattr("modelship.testing.offline.authority.is_azure", lambda _: True)
    assert "permitted subtree violation" in handshake(authority, host)
    assert handshake(authority, "eastus.api.azureml.ms") == "trusted"
    assert handshake(authority, "127.0.0.1") == "trusted"


def handshake(authority, host):
    """Return what a client that trusts the authority makes of its certificate for a host."""
    client = ssl.create_default_context(cafile=str(authority.bundle_path))
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = authority.context(host).wrap_bio(ours, theirs, server_side=True)
    asking = client.wrap_bio(theirs, ours, server_hostname=host)
    try:
        for side in (asking, server) * 4:
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    return "trusted"


def page_for(offline, **query):
    """Return the page that a browser gets at the address that the SDK opens."""
    described = f"{offline.endpoint}/organizations/v2.0/.well-known/openid-configuration"
    address = requests.get(described, timeout=30).json()["authorization_endpoint"]
    return requests.get(address, params=query, timeout=30).text


@pytest.mark.parametrize(("mode", "method"), [("form_post", "post"), (None, "get")])
def test_a_browser_tells_the_program_that_waits_for_it(offline, mode, method):
    """The SDK opens one where there is one; it sends the sentence on, and nobody signs in."""
    page = page_for(
        offline, redirect_uri="http://localhost:8400", state='"><script>', response_mode=mode
    )
    assert f'<form method="{method}" action="http://localhost:8400">' in page
    assert 'name="error" value="access_denied"' in page
    assert "source environment.sh" in page
    assert 'name="state" value="&quot;&gt;&lt;script&gt;"' in page


@pytest.mark.parametrize("place", ["https://localhost", "http://example.com", "javascript:1", ""])
def test_a_browser_is_sent_nowhere_else(offline, place):
    """The page leads to no other server."""
    page = page_for(offline, redirect_uri=place)
    assert "source environment.sh" in page
    assert "<form" not in page
