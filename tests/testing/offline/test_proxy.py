"""The proxy leads Azure's hosts to the workspace, and other hosts nowhere or where they belong."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from modelship.testing.offline.hosts import is_azure, is_loopback
from modelship.testing.offline.proxy import Proxy, Upstream
from modelship.testing.offline.server import listen
from modelship.testing.offline.shell_variables import without_exports

ELSEWHERE = "0.0.0.0"  # reaches this machine, and is not one of its loopback addresses
WHO = b"Proxy-Authorization: Basic bW9kZWxzaGlwLW9mZmxpbmU6c2VjcmV0"
CHUNK = bytes(range(256)) * 4096


class Mirror(BaseHTTPRequestHandler):
    """Answers with what it was sent: the request line, the fields and the body."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = f"{self.requestline}\n{self.headers}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(head) + len(body)))
        self.end_headers()
        self.wfile.write(head + body)

    def log_message(self, *_):
        pass


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch):
    """Remove the proxies of the tester's environment."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def mirror():
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def client(offline):
    """Return a session that goes through the offline workspace's proxy, as variables say it."""
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {
            "http": offline.environment["HTTP_PROXY"],
            "https": offline.environment["HTTPS_PROXY"],
        }
        session.verify = offline.environment["REQUESTS_CA_BUNDLE"]
        yield session


@contextmanager
def opened(*, sealed):
    """Open a proxy with no workspace behind it, and a raw connection to it."""
    listener = listen()
    address = listener.getsockname()
    ports = {"http_port": 9, "https_port": 9}
    proxy = Proxy(listener=listener, password="secret", account="ours", sealed=sealed, **ports)
    try:
        with socket.create_connection(address, timeout=30) as connection:
            yield proxy, connection
    finally:
        proxy.close()


def read_all(connection):
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@pytest.mark.parametrize(
    "host",
    [
        "management.azure.com",
        "eastus.api.azureml.ms",
        "eastus.modelmanagement.azureml.net",
        "OWN.blob.core.windows.net",
        "OWN.file.core.windows.net",
        "graph.windows.net",
    ],
)
def test_azures_hosts_are_served_by_the_workspace(offline, client, host):
    """Each has a certificate of its own name, and the workspace asks for a token."""
    host = host.replace("OWN", offline.identity.storage_account)
    answer = client.get(f"https://{host}/subscriptions", timeout=30)
    assert answer.status_code == 401
    assert answer.json()["code"] == "AuthenticationFailed"
    assert offline.refused == []


def test_plain_requests_to_azures_hosts_are_served_too(client):
    """Without TLS they do not leave the machine either."""
    answer = client.get("http://management.azure.com/subscriptions", timeout=30)
    assert answer.json()["code"] == "AuthenticationFailed"


def test_a_sealed_proxy_refuses_other_hosts_and_remembers_them(offline, client):
    """With TLS and without, in the order they were asked for."""
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        client.get("https://example.com/simple/", timeout=30)
    answer = client.get("http://example.org/", timeout=30)
    assert answer.status_code == 403
    assert "does not connect to example.org" in answer.text
    assert offline.refused == ["example.com", "example.org"]


def test_what_requests_shows_of_a_refusal_is_the_sentence(offline):
    """A client shows the status line of an answer to CONNECT, and nothing else."""
    proxies = {"https": offline.environment["HTTPS_PROXY"]}
    with pytest.raises(requests.exceptions.ProxyError, match="is sealed: it does not connect to"):
        requests.get("https://example.com/", proxies=proxies, timeout=30)
    stale = {"https": proxies["https"].replace("modelship-offline:", "modelship-offline:old")}
    with pytest.raises(requests.exceptions.ProxyError, match=r"source environment\.sh in the work"):
        requests.get("https://management.azure.com/", proxies=stale, timeout=30)


def test_a_sealed_proxy_lets_this_machine_through(offline, client, mirror):
    """What is meant for a loopback address arrives as if there were no proxy."""
    answer = client.post(f"http://127.0.0.1:{mirror}/path?a=1", data=CHUNK, timeout=30)
    head, _, body = answer.content.partition(b"\n\n")
    assert head.startswith(b"POST /path?a=1 HTTP/1.1")
    assert b"Proxy-Connection" not in head
    assert body == CHUNK
    assert offline.refused == []


def test_a_tunnel_passes_every_byte_and_each_end():
    """Both ways, many bytes, until each side has ended in its own time."""
    received = []
    with socket.create_server(("127.0.0.1", 0)) as server, opened(sealed=True) as (_, client):

        def serve():
            connection, _ = server.accept()
            with connection:
                received.append(read_all(connection))
                connection.sendall(CHUNK[::-1])

        thread = threading.Thread(target=serve)
        thread.start()
        client.sendall(
            b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n%s\r\n\r\n" % (server.getsockname()[1], WHO)
        )
        assert client.recv(100) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        client.sendall(CHUNK)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == CHUNK[::-1]
        thread.join()
    assert received == [CHUNK]


@pytest.mark.parametrize("method", ["CONNECT", "POST"])
def test_an_open_proxy_goes_on_to_other_hosts(mirror, method):
    """A package index, for one, is reached as ever."""
    with opened(sealed=False) as (proxy, client):
        place = f"{ELSEWHERE}:{mirror}"
        target = "/"
        if method == "CONNECT":
            client.sendall(f"CONNECT {place} HTTP/1.1\r\n".encode() + WHO + b"\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        else:
            target = f"http://{place}"
        fields = f"Content-Length: 3\r\nConnection: close\r\n{WHO.decode()}"
        client.sendall(f"POST {target} HTTP/1.1\r\n{fields}\r\n\r\nabc".encode())
        answer = read_all(client)
        body = answer.partition(b"\r\n\r\n")[2]
        assert body.startswith(b"POST / HTTP/1.1\n")
        assert body.endswith(b"\n\nabc")
        assert proxy.refused == []


@pytest.mark.parametrize(
    ("scheme", "first_line"),
    [("https", "CONNECT example.org:443 HTTP/1.1"), ("http", "POST http://example.org/a HTTP/1.1")],
)
def test_an_open_proxy_goes_through_the_proxy_of_its_own_shell(monkeypatch, scheme, first_line):
    """Where a network demands one: requests arrive there as they are, with its credentials."""
    with socket.create_server(("127.0.0.1", 0)) as company:
        url = f"http://me:p%40ss@127.0.0.1:{company.getsockname()[1]}"
        monkeypatch.setenv(f"{scheme}_proxy", url)
        company.settimeout(30)
        with opened(sealed=False) as (_, client):
            client.sendall(f"{first_line}\r\nHost: example.org\r\n".encode() + WHO + b"\r\n\r\n")
            connection, _ = company.accept()
            with connection:
                head = connection.recv(4096).decode().splitlines()
                connection.sendall(b"HTTP/1.1 407 Denied\r\n\r\n")
            assert read_all(client) == b"HTTP/1.1 407 Denied\r\n\r\n"
    assert head[:2] == [first_line, "Host: example.org"]
    assert "Proxy-Authorization: Basic bWU6cEBzcw==" in head
    assert WHO.decode() not in head


def test_a_host_that_does_not_answer_is_a_bad_gateway():
    """The client is told which host it was."""
    with listen() as closed:
        port = closed.getsockname()[1]
    with opened(sealed=False) as (_, client):
        client.sendall(b"CONNECT %s:%d HTTP/1.1\r\n%s\r\n\r\n" % (ELSEWHERE.encode(), port, WHO))
        answer = read_all(client).decode()
    assert answer.startswith("HTTP/1.1 502 ")
    assert f"{ELSEWHERE}:{port} cannot be reached" in answer


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET https://example.com/ HTTP/1.1\r\n\r\n",
        b"CONNECT example.com:port HTTP/1.1\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
        b"GET http://127.0.0.1/ HTTP/1.1\r\nX: " + b"x" * 70000,
    ],
)
def test_what_is_no_request_to_a_proxy_is_refused(said):
    """A browser that opens the proxy's own address reads what it is."""
    with opened(sealed=True) as (_, client):
        client.sendall(said)
        answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400 This is a proxy: ")
    assert b"This is a proxy" in answer


def test_it_opens_where_a_loop_runs():
    """As in a notebook, whose cells run inside one."""

    async def cell():
        with opened(sealed=True) as (_, client):
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            return client.recv(100)

    assert asyncio.run(cell()).startswith(b"HTTP/1.1 400 ")


def test_a_name_that_cannot_be_is_a_bad_gateway():
    """A label of 70 letters, for one, is in no name service."""
    with opened(sealed=False) as (_, client):
        client.sendall(b"CONNECT %s.example.org:443 HTTP/1.1\r\n%s\r\n\r\n" % (b"a" * 70, WHO))
        assert client.recv(4096).startswith(b"HTTP/1.1 502 ")


def test_closing_ends_connections_that_still_hang():
    """Neither a silent client nor an open tunnel keeps it."""
    with opened(sealed=True) as (proxy, silent), socket.create_server(("127.0.0.1", 0)) as server:
        address = silent.getpeername()
        with socket.create_connection(address, timeout=30) as tunnel:
            tunnel.sendall(
                b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n%s\r\n\r\n" % (server.getsockname()[1], WHO)
            )
            behind, _ = server.accept()
            assert tunnel.recv(100)
            proxy.close()
            behind.settimeout(30)
            with behind:
                assert [each.recv(1) for each in (silent, tunnel, behind)] == [b"", b"", b""]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "pkgs.dev.azure.com",
        "mcr.microsoft.com",
        "management.azure.com.example.org",
        "notazureml.ms",
        "blob.core.windows.net.example.org",
    ],
)
def test_other_hosts_are_not_azures(host):
    """Neither package feeds and base images, nor names that only look alike."""
    assert not is_azure(host)


@pytest.mark.parametrize("host", ["Management.Azure.com", "login.microsoftonline.com."])
def test_the_spelling_of_a_host_does_not_matter(host):
    """Names are compared as the name service does."""
    assert is_azure(host)


def test_this_machine_is_known_by_name_and_address():
    """All of 127.0.0.0/8 and ::1 are; what a name resolves to is not asked."""
    assert all(is_loopback(host) for host in ("localhost", "LOCALHOST.", "127.8.9.1", "::1"))
    assert not any(is_loopback(host) for host in ("localhost.example.org", "10.0.0.1", "::"))


def test_its_own_address_is_no_proxy_to_go_through():
    """A shell that still has the variables of an earlier run does not lead it in circles."""
    ours = "http://modelship-offline:secret@127.0.0.1:4711"
    upstream = Upstream({"https": ours, "http": "http://127.0.0.1:4712"})
    assert upstream.before("example.com", True) is None
    assert upstream.before("example.com", False).port == 4712


def test_hosts_that_need_no_proxy_get_none():
    """NO_PROXY is honored, and credentials are shown to nobody."""
    company = {"https": "http://me:hidden@proxy.example.org:3128", "no": ".internal.example.org"}
    upstream = Upstream(company)
    assert upstream.before("feed.internal.example.org", True) is None
    proxy = upstream.before("example.com", True)
    assert (proxy.host, proxy.port) == ("proxy.example.org", 3128)
    assert "hidden" not in repr(upstream) + repr(proxy)


ASKED = ("CONNECT 127.0.0.1:9 HTTP/1.1", "GET http://127.0.0.1:9/ HTTP/1.1")
WRONG = [
    b"",
    b"Proxy-Authorization: Basic b3RoZXI6c2VjcmV0\r\n",
    WHO.replace(b"Basic", b"Bearer") + b"\r\n",
    WHO.removeprefix(b"Proxy-") + b"\r\n",
    WHO + b"\r\n" + WHO + b"\r\n",
    WHO[:-1] + b"\r\n",
    b"X: " + WHO + b"\r\n",
]


@pytest.mark.parametrize("line", ASKED)
@pytest.mark.parametrize("fields", WRONG, ids=range(len(WRONG)))
def test_nobody_else_goes_through(line, fields):
    """Another user has no password: 407, wherever they want to go, and nothing is remembered."""
    with opened(sealed=True) as (proxy, client):
        client.sendall(line.encode() + b"\r\n" + fields + b"\r\n")
        status = (
            b"HTTP/1.1 407 The proxy of this offline workspace does not know these credentials:"
        )
        assert client.recv(4096).startswith(status)
        assert proxy.refused == []


def test_an_offline_workspaces_variables_do_not_lead_another_one(monkeypatch):
    """Started in a terminal that has them, it does not ask itself for packages."""
    own = {"HTTPS_PROXY": "http://modelship-offline:x@127.0.0.1:1", "SSL_CERT_FILE": "/gone.pem"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    with without_exports():
        with without_exports():
            assert not own.keys() & os.environ.keys()
        assert not own.keys() & os.environ.keys()
    assert own.items() <= os.environ.items()
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example.org:3128")
    with without_exports():
        assert os.environ["HTTPS_PROXY"].endswith("proxy.example.org:3128")
