"""``modelship doctor``: why a service is not healthy, or what a log from elsewhere tells."""

from __future__ import annotations

import re
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from modelship.cli.config import Config
from modelship.cli.opening import open_target
from modelship.cli.options import config_option, json_option, option_option, target_option
from modelship.cli.output import as_json_is_asked, diagnosis_document, emit, say_diagnosis
from modelship.diagnosis import diagnose, is_known
from modelship.diagnosis.redaction import hiding
from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from modelship.findings import Diagnosis
    from modelship.targets import Deployment

__all__ = ["doctor"]

_STDIN = "-"
_UNWELL = 7
_LINES = 20_000
_CHUNK_BYTES = 2**20
_CHUNKS_KEPT = 16  # of the end; more than a diagnosis reads
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # as PowerShell writes what a command prints
_READY = "ready for serving traffic"
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@click.command(
    short_help="Explain why a service is not healthy.",
    epilog="Example: modelship doctor digits-svc, or: kubectl logs POD | modelship doctor -",
)
@click.argument("what", metavar="NAME|LOGFILE|-")
@target_option
@option_option
@config_option
@json_option
def doctor(
    *,
    what: str,
    target: str | None,
    options: tuple[tuple[str, Any], ...],
    config_file: Path | None,
) -> None:
    """Explain why the service NAME is not healthy: the cause, what proves it, and what to do.

    An existing file is taken for a log from elsewhere, and "-" reads one from stdin; with -t it is
    always a service. It exits with 0 if the service is healthy or only starting, or if nothing
    known is wrong in the log, and with 7 otherwise.
    """
    if what == _STDIN:
        _explain_log(_read(sys.stdin.buffer), name="stdin")
    elif target is None and _is_log(what):
        try:
            with Path(what).open("rb") as file:
                log = _read(file)
        except OSError as error:
            expected = f"a log that can be read ({error.strerror})"
            raise InvalidOptionError("LOGFILE", what, expected) from error
        _explain_log(log, name=what)
    else:
        config = Config.find(config_file).under(target=target)
        _explain_service(open_target(config, options=dict(options)).get(what))


def _is_log(what: str) -> bool:
    path = Path(what)
    if path.is_dir() or path.exists():
        return not path.is_dir()
    if re.search(r"[./\\]", what):  # no service has such a name
        raise InvalidOptionError("LOGFILE", what, "an existing file, or the name of a service")
    return False


def _read(stream: BinaryIO) -> str:
    """Return the beginning and the end of a log."""
    head = stream.read(_CHUNK_BYTES)
    tail = deque(iter(lambda: stream.read(_CHUNK_BYTES), b""), maxlen=_CHUNKS_KEPT)
    encoding = "utf-16" if head.startswith(_UTF_16) else "utf-8"
    return b"".join((head, *tail)).decode(encoding, errors="replace")


# --- a log ------------------------------------------------------------------------------


def _explain_log(log: str, *, name: str) -> None:
    diagnosis = diagnose(log)
    found = is_known(diagnosis)
    if as_json_is_asked():
        emit({"log": name, "diagnosis": diagnosis_document(diagnosis) if found else None})
    elif found:
        say_diagnosis(diagnosis)
    else:
        click.echo(f"Nothing that is known to be wrong shows in {name}. It ends:")
        for line in diagnosis.evidence:
            click.echo(click.style(f"  | {line}", dim=True))
    if found:
        click.get_current_context().exit(_UNWELL)


# --- a service --------------------------------------------------------------------------


def _explain_service(deployment: Deployment) -> None:
    from modelship.targets.kept import KeptReleases

    state = str(deployment.state)
    diagnosis = deployment.diagnose()
    log = deployment.logs(tail=_LINES) if diagnosis is None else ""
    since = _answers_since(log) if state == "Healthy" else ""
    kept = KeptReleases(deployment.target, deployment.name)
    with hiding(kept.known_secrets(deployment.release.digest)):
        failed = _failed_request(log) if state == "Healthy" else None
    if as_json_is_asked():
        told = {"name": deployment.name, "target": deployment.target, "state": state}
        documents = {
            key: diagnosis_document(each) if each else None
            for key, each in {"diagnosis": diagnosis, "failed_request": failed}.items()
        }
        emit({**told, "answers_since": since, **documents})
    else:
        _say_service(deployment, state=state, since=since, diagnosis=diagnosis, failed=failed)
    if diagnosis is not None:
        click.get_current_context().exit(_UNWELL)


def _say_service(
    deployment: Deployment,
    *,
    state: str,
    since: str,
    diagnosis: Diagnosis | None,
    failed: Diagnosis | None,
) -> None:
    answers = f"; it answers since {since} UTC" if since else ""
    click.echo(f"{deployment.name} on {deployment.target} is {state}{answers}.")
    if diagnosis is not None:
        say_diagnosis(diagnosis)
    elif state != "Healthy":
        click.echo("Nothing has gone wrong so far.")
    if failed is not None:
        click.echo("A request has failed since:")
        say_diagnosis(failed)


def _answers_since(log: str) -> str:
    """Return the time at which the server said that it was ready, or ``""``."""
    line = log.rpartition(_READY)[0].rpartition("\n")[2]
    match = _TIME.search(line)
    return match[0] if match else ""


def _failed_request(log: str) -> Diagnosis | None:
    """Return what the log of a healthy service tells of requests since it was ready."""
    diagnosis = diagnose(log.rpartition(_READY)[2])
    return diagnosis if is_known(diagnosis) else None
