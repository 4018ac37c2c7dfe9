"""Try a scoring script as the inference server runs it. Runs in the bundle's own environment.

``python trial_child.py REPORT ENTRY_SCRIPT [SAMPLE]`` loads the script with the server's own
loader, calls init(), and run() with the request in the file SAMPLE. It reports to the descriptor
REPORT as lines of JSON, each as soon as it is known, so that the progress of a killed process is
known.

It imports only the modules of modelship next to it, one of its server, and Azure ML's server. It
also runs on Python 3.8.
"""

from __future__ import annotations

import builtins
import dis
import gc
import inspect
import json
import os
import runpy
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelship.checks import trial_answer, trial_caught, trial_noting
else:  # they are next to it
    import trial_answer
    import trial_caught
    import trial_noting

_OFFERED = os.path.join(os.path.dirname(__file__), "..", "server", "offered_submodules.py")


class Report:
    """Writes the report, line by line."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def say(self, phase: str, **facts: Any) -> None:
        """Write one line."""
        line = json.dumps({"phase": phase, "at_s": time.perf_counter(), **facts})
        os.write(self.descriptor, line.encode() + b"\n")

    def fail(self, phase: str, error: BaseException, **facts: Any) -> None:
        """Write the exception that was raised."""
        self.say(phase, **trial_caught.described(error), **facts)


def main(descriptor: str, entry_script: str, *sample: str) -> None:
    """Run the phases, and stop after the first that fails."""
    report = Report(int(descriptor))
    sys.path[0] = os.getcwd()  # as the server finds it there
    from azureml_inference_server_http.server import user_script

    sys.path.append(os.environ["AML_APP_ROOT"])
    if source := os.environ.get("AZUREML_SOURCE_DIRECTORY"):
        sys.path.append(os.path.join(os.environ["AML_APP_ROOT"], source))
    runpy.run_path(_OFFERED)["offer_submodules"]()
    script = user_script.UserScript(entry_script)
    caught = trial_caught.Caught()
    caught.watch(trial_noting.with_notes)
    gc.freeze()  # at exit Python looks through all objects, also those of packages
    report.say("import")
    try:
        script.load_script(os.environ["AML_APP_ROOT"])
    except user_script.UserScriptException as error:
        report.fail("import failed", error.user_ex)
        return
    except user_script.UserScriptError as error:
        report.say("refused", message=str(error))
        return
    report.say("init", caught=caught.take())
    caught.during = "init"
    try:
        script.invoke_init()
    except user_script.UserScriptException as error:
        report.fail("init failed", error.user_ex)
        return
    before = caught.take()
    caught.during = "run"
    for path in sample:
        report.say("run", caught=before)
        with open(path, "rb") as file:
            run(script, file.read(), report, caught)
    unset = [] if sample else unset_names(script.get_run_function())
    report.say(
        "done", peak_bytes=peak_bytes(), unset=unset, **({} if sample else {"caught": before})
    )


def unset_names(run: Any) -> list[str]:
    """Return the globals that run() reads and that are not set after init()."""
    run = inspect.unwrap(run)
    code = getattr(run, "__code__", None)
    read = (
        []
        if code is None
        else [e.argval for e in dis.get_instructions(code) if "GLOBAL" in e.opname]
    )
    return [
        name
        for name in dict.fromkeys(read)
        if name not in run.__globals__ and not hasattr(builtins, name)
    ]


def peak_bytes() -> int:
    """Return the peak memory of this process; 0 where Linux does not report it.

    getrusage() would include the memory of its parent before exec.
    """
    try:
        with open("/proc/self/status") as status:
            found = [line.split()[1] for line in status if line.startswith("VmHWM:")]
    except OSError:
        return 0
    return int(found[0]) * 1024 if found else 0


def run(script: Any, body: bytes, report: Report, caught: trial_caught.Caught) -> None:
    """Call run() with one request, and check whether the server can send the return value."""
    import flask
    from azureml_inference_server_http.server.input_parsers import InputError
    from azureml_inference_server_http.server.user_script import UserScriptException

    app = flask.Flask("trial")
    with app.test_request_context(
        "/score", method="POST", data=body, content_type="application/json"
    ):
        try:
            output = script.invoke_run(flask.request, timeout_ms=0).output
        except InputError as error:
            report.say("request refused", message=str(error))
        except UserScriptException as error:
            report.fail("run failed", error.user_ex, caught=caught.take())
        else:
            send(output, report, caught.take(output, answered=True))


def send(output: Any, report: Report, caught: list[dict[str, Any]]) -> None:
    """Check whether the server can send the return value of run()."""
    import flask

    try:
        from azureml_inference_server_http.api.aml_response import AMLResponse
    except ImportError:  # up to the server's release 0.7
        from azureml_inference_server_http.server.azureml_contrib_services.aml_response import (
            AMLResponse,
        )
    said = trial_caught.content(output)
    facts = {
        "caught": caught,
        "error": trial_answer.error_in(said, certainly=True),
        "hint": trial_answer.error_in(said, certainly=False),
        "empty": trial_answer.is_empty(said),
    }
    if isinstance(output, flask.Response):
        report.say("answered", status=output.status_code, **facts)
        return
    try:
        AMLResponse(output, 200, {}, json_str=True)
    except Exception:  # noqa: BLE001 - whatever a value's own methods raise
        report.say("answer unserializable", caught=caught, parts=trial_answer.unsendable(output))
        return
    twice, nan = trial_answer.is_json(output), trial_answer.has_nan(output)
    report.say("answered", status=200, twice=twice, nan=nan, **facts)


if __name__ == "__main__":
    main(*sys.argv[1:])
