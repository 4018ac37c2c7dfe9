"""``modelship doctor``: explain why a service is not healthy, or diagnose a log from elsewhere."""

from __future__ import annotations

import re
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from modelship.cli.completing import service_names
from modelship.cli.opening import Place, place_options
from modelship.cli.output import answer, diagnosis_document, note_on_address, say_diagnosis
from modelship.cli.shared_options import command
from modelship.cli.wording import worded
from modelship.diagnosis import Surroundings, diagnose, is_known
from modelship.diagnosis.redaction import hiding
from modelship.errors import DeploymentNotFoundError, InvalidOptionError, ModelshipError
from modelship.progress import showing
from modelship.shown import local_time

if TYPE_CHECKING:
    from modelship.cli.config import Config
    from modelship.cli.machine import Seen
    from modelship.findings import Diagnosis
    from modelship.targets import Deployment
    from modelship.targets.failures import Failure

__all__ = ["doctor"]

_STDIN = "-"
_MARKS = {"ok": ("✓", "green"), "note": ("-", "yellow"), "problem": ("✗", "red")}
_UNWELL = 7
_LINES = 20_000
_CHUNK_BYTES = 2**20
_CHUNKS_KEPT = 16  # from the end; more than a diagnosis reads
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # the encoding of PowerShell's redirected output
_READY = "ready for serving traffic"
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@command(
    "Explain why a service is not healthy, or check this machine.",
    example="doctor digits-svc, or: kubectl logs POD | modelship doctor -",
)
@click.argument("what", metavar="[NAME|LOGFILE|-]", required=False, shell_complete=service_names)
@place_options
def doctor(*, what: str | None, at: Place) -> None:
    """Explain why the service NAME is not healthy: the cause, what proves it, and what to do.

    An existing file is taken for a log from elsewhere, and "-" reads one from stdin; with -t it is
    always a service. It exits with 0 if the service is healthy or only starting, or if nothing
    known is wrong in the log, and with 7 otherwise. If the last deployment of NAME has failed, why
    it did is explained too, also when nothing else is left of it.

    Without NAME it looks at this machine: uv and the package index, Pythons, the Docker engine,
    disk, ports and extras. It exits with 7 if something is missing that every service needs.
    """
    if what is None:
        _look_at_machine(at.settings())
    elif what == _STDIN:
        _explain_log(_read(sys.stdin.buffer), name="stdin")
    elif at.target is None and _is_log(what):
        try:
            with Path(what).open("rb") as file:
                log = _read(file)
        except OSError as error:
            expected = f"a readable log ({error.strerror})"
            raise InvalidOptionError("LOGFILE", what, expected) from error
        _explain_log(log, name=what)
    else:
        place, name = at.of_service(what)
        failure = place.failure(name)
        try:
            _explain_service(place.get(name), failure)
        except DeploymentNotFoundError:
            if failure is None:
                raise
            _explain_failure(failure)


def _is_log(what: str) -> bool:
    path = Path(what)
    if path.is_dir() or path.exists():
        return not path.is_dir()
    if re.search(r"[./\\]", what):  # not a valid service name
        raise InvalidOptionError("LOGFILE", what, "an existing file, or the name of a service")
    return False


def _read(stream: BinaryIO) -> str:
    """Return the beginning and the end of a log."""
    head = stream.read(_CHUNK_BYTES)
    tail = deque(iter(lambda: stream.read(_CHUNK_BYTES), b""), maxlen=_CHUNKS_KEPT)
    encoding = "utf-16" if head.startswith(_UTF_16) else "utf-8"
    return b"".join((head, *tail)).decode(encoding, errors="replace")


# --- this machine -----------------------------------------------------------------------


def _look_at_machine(config: Config) -> None:
    from modelship.cli.machine import look

    with showing("Check this machine"):
        seen = look(config)
    is_well = all(each.status != "problem" for each in seen)
    document = {"machine": [vars(each) for each in seen], "is_well": is_well}
    answer(document, lambda: click.echo("\n".join(map(_seen_text, seen))))
    if not is_well:
        click.get_current_context().exit(_UNWELL)


def _seen_text(seen: Seen) -> str:
    mark, color = _MARKS[seen.status]
    text = f"{click.style(mark, fg=color, bold=True)} {seen.what:<14} {seen.found}"
    remedy = click.style(f"  {'':<14} > {seen.remedy}", bold=seen.status == "problem")
    return f"{text}\n{remedy}" if seen.remedy else text


# --- a log ------------------------------------------------------------------------------


def _explain_log(log: str, *, name: str) -> None:
    diagnosis = diagnose(log)
    found = is_known(diagnosis)
    document = {"log": name, "diagnosis": diagnosis_document(diagnosis if found else None)}
    if found:
        answer(document, lambda: say_diagnosis(diagnosis))
        click.get_current_context().exit(_UNWELL)
    lines = [click.style(f"  | {line}", dim=True) for line in diagnosis.evidence]
    told = "\n".join((f"No known cause found in {name}. Its last lines:", *lines))
    answer(document, lambda: click.echo(told))


# --- a service --------------------------------------------------------------------------


def _explain_failure(failure: Failure) -> None:
    """Print why a deployment failed of which nothing is left."""
    document = {
        "name": failure.name,
        "target": failure.target,
        "state": None,
        "answers_since": "",
        "unfinished_deletion": "",
        "diagnosis": diagnosis_document(failure.diagnosis),
        "failed_request": None,
        "failed_deployment": _failure_document(failure),
    }

    def say() -> None:
        click.echo(f"{failure.name} is not on {failure.target}.")
        _say_failure(failure)

    answer(document, say)
    click.get_current_context().exit(_UNWELL)


def _failure_document(failure: Failure) -> dict[str, Any]:
    found = diagnosis_document(failure.diagnosis)
    told = {name: getattr(failure, name) for name in ("change", "ended_at", "problem")}
    return {**told, "advice": worded(failure.advice), "diagnosis": found}


def _say_failure(failure: Failure) -> None:
    when = local_time(failure.ended_at)
    click.echo(f"Its last deployment failed at {when} (change {failure.change}):")
    if failure.diagnosis is not None:
        say_diagnosis(failure.diagnosis)
        return
    click.echo(f"  {failure.problem}")
    if failure.advice:
        click.echo(click.style(f"  > {worded(failure.advice)}", bold=True))


def _explain_service(deployment: Deployment, failure: Failure | None) -> None:
    from modelship.targets.kept import KeptReleases

    state = str(deployment.state)
    deletion = _unfinished_deletion(deployment)
    diagnosis = deployment.diagnose() if not deletion or state != "Failed" else None
    log = deployment.logs(tail=_LINES) if diagnosis is None else ""
    since = _answers_since(log) if state == "Healthy" else ""
    kept = KeptReleases(deployment.target, deployment.name)
    with hiding(kept.known_secrets(deployment.release.digest)):
        around = kept.surroundings(deployment.release.digest) if log else Surroundings()
        failed = _failed_request(log, around) if state == "Healthy" else None
    document = {
        "name": deployment.name,
        "target": deployment.target,
        "state": state,
        "answers_since": since,
        "unfinished_deletion": deletion,
        "diagnosis": diagnosis_document(diagnosis),
        "failed_request": diagnosis_document(failed),
        "failed_deployment": _failure_document(failure) if failure else None,
    }
    answers = f"; it answers since {local_time(since)}" if since else ""
    title = f"{deployment.name} on {deployment.target} is {state}{answers}."
    if lost_uri := deployment.instance.lost_uri:
        title += f"\nNote: {note_on_address(lost_uri)}."
    if deletion:
        title += f"\nIts deletion was not finished: modelship delete {deployment.name} finishes it."
    answer(document, lambda: _say_service(title, state, diagnosis, failed, failure))
    if diagnosis is not None or deletion:
        click.get_current_context().exit(_UNWELL)


def _unfinished_deletion(deployment: Deployment) -> str:
    """Return what is recorded of a deletion that was not finished, or ``""``."""
    with suppress(ModelshipError):  # the history may be unreadable
        changes = deployment.history()
        if changes and changes[-1].is_unfinished_deletion:
            return changes[-1].reason
    return ""


def _say_service(
    title: str,
    state: str,
    diagnosis: Diagnosis | None,
    failed: Diagnosis | None,
    failure: Failure | None,
) -> None:
    click.echo(title)
    if diagnosis is not None:
        say_diagnosis(diagnosis)
    elif state not in {"Healthy", "Failed"}:
        click.echo("No failure so far.")
    if failed is not None:
        click.echo("A request has failed since then:")
        say_diagnosis(failed)
    if failure is not None:
        _say_failure(failure)


def _answers_since(log: str) -> str:
    """Return the time at which the server reported that it was ready, or ``""``."""
    line = log.rpartition(_READY)[0].rpartition("\n")[2]
    match = _TIME.search(line)
    return match[0] if match else ""


def _failed_request(log: str, around: Surroundings) -> Diagnosis | None:
    """Return what the log of a healthy service has on failed requests since it was ready."""
    _, ready, since = log.rpartition(_READY)
    diagnosis = diagnose(f"{ready}\n{since}", around=around)
    return diagnosis if is_known(diagnosis) else None
