"""Generate Dockerfiles, each of which runs one command on an image that has its files.

An engine creates a container and a layer for each line, so they have few. No command is run in a
shell.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from modelship.runtime.images import labels

__all__ = [
    "APP_ROOT",
    "AS_ROOT",
    "COMPLETE",
    "DESCRIPTION",
    "ENVIRONMENT",
    "EXPORTER",
    "KEYS",
    "PLACES",
    "PORT",
    "SAMPLE",
    "SECRETS",
    "SERVICE_REPOSITORY",
    "SETTINGS",
    "USER",
    "VENV",
    "command",
    "environment",
    "probe",
    "server",
    "with_secrets",
]

APP_ROOT = PurePosixPath("/var/azureml-app")
VENV = PurePosixPath("/opt/modelship")
_OURS = Path(__file__).parents[2]
SETTINGS = (
    _OURS / "runtime" / "deferred_exporter.py",
    _OURS / "runtime" / "user_settings.py",
    _OURS / "server" / "offered_submodules.py",
)
"""The files in VENV: the settings of gunicorn, and what it loads from there."""
EXPORTER = VENV / SETTINGS[0].name
SERVICE_REPOSITORY = "modelship/service"
"""The name of the images of services, without their tag."""
SAMPLE = PurePosixPath("/opt/modelship-sample.json")
PLACES = (APP_ROOT, VENV, SAMPLE)
"""The folders and files of an image that modelship builds."""
KEYS = PurePosixPath("/run/modelship/keys.json")
SECRETS = KEYS.with_name("secrets")
USER = 1000
PORT = 5001

AS_ROOT = "USER 0:0"
COMPLETE = f'LABEL {labels.BUILD}=""'
DESCRIPTION = (f"WORKDIR {APP_ROOT}", f"EXPOSE {PORT}")
ENVIRONMENT = MappingProxyType(
    {
        "PATH": f"{VENV}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONUNBUFFERED": "1",
        "HOME": "/tmp",  # noqa: S108 - in the container
        "AML_APP_ROOT": str(APP_ROOT),
        "GUNICORN_CMD_ARGS": f"--config {EXPORTER}",
    }
)
"""The environment variables of the containers of services."""
_WITH_SECRETS = Path(__file__).with_name("with_secrets.py")
_PROBE = (
    "import platform, sys; "
    "print('probed', '%d.%d.%d' % sys.version_info[:3], platform.libc_ver()[0] or 'no-glibc')"
)
# What `python3 -m venv --without-pip` does; the packages are there already, and stay.
_CREATE = f"import venv; venv.create('{VENV}', symlinks=True); "
# Bytecode is validated by the time and size of its source, which are both fixed in the layer below.
# A file that does not compile, such as a template, is not an error. No service imports the tests of
# packages, which are up to two fifths of the modules of an environment.
_COMPILE = (
    "import compileall, re; "
    f"compileall.compile_dir('{VENV}/lib', workers=0, maxlevels=50, rx=re.compile('/tests?/'))"
)
# Where it fails, no server starts, and the log of the service says why.
_RECORD_MODULES = (
    "; import subprocess; "
    f"subprocess.run(['{VENV}/bin/python', '-I', '{EXPORTER}'], capture_output=True)"
)
# It runs every few seconds for as long as a service lives. The module socket, or urllib.request,
# would take most of its CPU time. A server sends the first line of an answer in one piece.
_HEALTH = (
    f"import _socket; c = _socket.socket(); c.settimeout(4); c.connect(('127.0.0.1', {PORT})); "
    r"c.sendall(b'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n'); "
    "raise SystemExit(b' 200 ' not in c.recv(99))"
)


def probe(base_image: str, *, label: str) -> str:
    """Return a Dockerfile that prints the Python version and the C library of the base image."""
    return _lines(
        f"FROM {base_image}",
        f"LABEL {labels.BUILD}={label}",
        AS_ROOT,
        _exec("RUN", "python3", "-c", _PROBE),
    )


def environment(image: str) -> str:
    """Return the Dockerfile of the image with the locked packages, on an image that has them."""
    return _lines(
        f"FROM {image}",
        _exec("RUN", "python3", "-c", _CREATE + _COMPILE + _RECORD_MODULES),
        "ENTRYPOINT []",
        "HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 "
        + _exec("CMD", f"{VENV}/bin/python", "-I", "-S", "-c", _HEALTH),
        f"USER {USER}:{USER}",
        COMPLETE,
    )


def server(image: str) -> str:
    """Return the Dockerfile of the image with modelship's server, on an image that has it."""
    return _lines(
        f"FROM {image}",
        _exec("RUN", f"{VENV}/bin/python", "-c", _COMPILE),
        f"USER {USER}:{USER}",
        COMPLETE,
    )


def command(*, entry_script: str, module: str) -> list[str]:
    """Return the command of a service's container, which starts a server with the script."""
    server = [f"{VENV}/bin/python", "-m", module]
    return [*server, "--entry_script", entry_script, "--port", str(PORT)]


def with_secrets() -> list[str]:
    """Return the command prefix that loads the secrets into the environment."""
    source = _WITH_SECRETS.read_text(encoding="utf-8")
    return [f"{VENV}/bin/python", "-I", "-S", "-c", source, str(SECRETS)]


def _exec(instruction: str, *command: str) -> str:
    return f"{instruction} {json.dumps(command)}"


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)
