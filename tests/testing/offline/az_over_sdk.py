"""An ``az`` of which each command is one call of azure-ai-ml, as in the extension ``ml``.

The commands are carried out in the process of the tests, which has imported the SDK once; the
program ``az`` is a few lines that ask it over HTTP.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

PROGRAM = """\
#!{python}
import json, os, sys, urllib.error, urllib.request

body = json.dumps([os.getcwd(), sys.argv[1:]]).encode()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
try:
    sys.stdout.write(opener.open("http://127.0.0.1:{port}", body).read().decode())
except urllib.error.HTTPError as error:
    sys.exit("ERROR: " + error.read().decode())
"""


def parsed(words):
    """Return the options of a command, and the pairs of ``--set``."""
    options, overrides = {}, []
    for name, value in zip(words[::2], words[1::2], strict=True):
        if name == "--set":
            key, _, new = value.partition("=")
            overrides.append({key: new})
        options[name] = value
    return options, overrides


class AzOverSdk:
    """Carries out the commands of deploy.sh with an MLClient."""

    def __init__(self, client):
        self.client = client
        self.done = []

    def run(self, folder, words):
        """Carry out one command; return what az would print."""
        flags = [word for word in words[3:] if word != "--yes"]
        options, overrides = parsed(flags)
        self.done.append(" ".join(words[1:3]))
        verb = f"{words[1]}_{words[2]}".replace("-", "_")
        if "--file" in options:
            options["--file"] = Path(folder, options["--file"])
        if "--request-file" in options:
            options["--request-file"] = Path(folder, options["--request-file"])
        return getattr(self, verb)(options, overrides)

    def online_endpoint_show(self, options, _):
        found = self.client.online_endpoints.get(options["--name"])
        query = options.get("--query", "")
        if query.startswith("traffic."):
            return str(found.traffic.get(query.partition(".")[2].strip('"'), ""))
        return str(getattr(found, query, "")) if query else ""

    def online_endpoint_create(self, options, _):
        from azure.ai.ml import load_online_endpoint

        made = load_online_endpoint(options["--file"])
        self.client.online_endpoints.begin_create_or_update(made).result()

    def online_endpoint_update(self, options, _):
        found = self.client.online_endpoints.get(options["--name"])
        pairs = (each.split("=") for each in options["--traffic"].split())
        found.traffic = {name: int(share) for name, share in pairs}
        self.client.online_endpoints.begin_create_or_update(found).result()

    def online_endpoint_invoke(self, options, _):
        return self.client.online_endpoints.invoke(
            options["--name"],
            deployment_name=options["--deployment-name"],
            request_file=options["--request-file"],
        )

    def online_deployment_list(self, options, _):
        found = self.client.online_deployments.list(options["--endpoint-name"])
        return "\n".join(each.name for each in found)

    def online_deployment_show(self, options, _):
        deployments = self.client.online_deployments
        found = deployments.get(options["--name"], options["--endpoint-name"])
        return found.provisioning_state

    def online_deployment_create(self, options, overrides):
        from azure.ai.ml import load_online_deployment

        made = load_online_deployment(options["--file"], params_override=overrides)
        self.client.online_deployments.begin_create_or_update(made).result()

    def online_deployment_delete(self, options, _):
        deployments = self.client.online_deployments
        deployments.begin_delete(options["--name"], options["--endpoint-name"]).result()

    def model_list(self, options, _):
        digest = options["--query"].partition("=='")[2].partition("'")[0]
        found = self.client.models.list(name=options["--name"])
        same = [each for each in found if each.properties.get("modelship.sha256") == digest]
        return same[0].version if same else ""

    def model_create(self, options, _):
        from azure.ai.ml import load_model

        return self.client.models.create_or_update(load_model(options["--file"])).version

    def environment_show(self, options, _):
        self.client.environments.get(options["--name"], version=options["--version"])

    def environment_create(self, options, _):
        from azure.ai.ml import load_environment

        self.client.environments.create_or_update(load_environment(options["--file"]))


@contextlib.contextmanager
def az_program(client, folder):
    """Write the program ``az`` into a folder, and answer it; yield what records the commands."""
    az = AzOverSdk(client)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, answer = 200, az.run(*asked)
            except Exception as error:  # noqa: BLE001 - whatever it is, the program shows it
                status, answer = 500, str(error)
            self.send_response(status)
            self.end_headers()
            self.wfile.write((answer + "\n" if answer else "").encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    program = Path(folder) / "az"
    program.write_text(PROGRAM.format(python=sys.executable, port=server.server_port))
    program.chmod(0o755)
    try:
        yield az
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
