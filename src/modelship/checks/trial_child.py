"""Try a scoring script as the inference server runs it. Runs in the bundle's own environment.

``python trial_child.py REPORT ENTRY_SCRIPT [SAMPLE]`` loads the script with the server's own
loader, calls init(), and run() with the request in the file SAMPLE. What happened goes to the
descriptor REPORT as lines of JSON, each as soon as it is known, so that a process that is killed
tells how far it came.

It imports nothing of modelship, and nothing but the standard library and the server. It runs on
Python 3.8 too.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType


class Report:
    """What is told, line by line."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def say(self, phase: str, **facts: Any) -> None:
        """Write one line."""
        line = json.dumps({"phase": phase, "at_s": time.perf_counter(), **facts})
        os.write(self.descriptor, line.encode() + b"\n")

    def fail(self, phase: str, error: BaseException) -> None:
        """Write what was raised, with the frames of the script and what caused it."""
        chain = [error]
        while (inner := chain[-1].__cause__ or chain[-1].__context__) and inner not in chain:
            chain.append(inner)
        frames = [frame for each in chain for frame in traceback.extract_tb(each.__traceback__)]
        begin = first_of_script(error.__traceback__)
        self.say(
            phase,
            kind=type(error).__name__,
            message=str(error)[:2000],
            frames=[[frame.filename, frame.lineno, frame.line] for frame in frames][-50:],
            traceback="".join(traceback.format_exception(None, error, begin))[-8000:],
        )


def first_of_script(begin: TracebackType | None) -> TracebackType | None:
    """Return a traceback from the first frame of the script on; what loads it tells nothing."""
    here = begin
    root = os.environ["AML_APP_ROOT"]
    while here is not None and not here.tb_frame.f_code.co_filename.startswith(root):
        here = here.tb_next
    return here or begin


def main(descriptor: str, entry_script: str, *sample: str) -> None:
    """Go through the phases, and end after the first that fails."""
    report = Report(int(descriptor))
    sys.path[0] = os.getcwd()  # as the server finds it there
    from azureml_inference_server_http.server import user_script

    sys.path.append(os.environ["AML_APP_ROOT"])
    if source := os.environ.get("AZUREML_SOURCE_DIRECTORY"):
        sys.path.append(os.path.join(os.environ["AML_APP_ROOT"], source))
    script = user_script.UserScript(entry_script)
    report.say("import")
    try:
        script.load_script(os.environ["AML_APP_ROOT"])
    except user_script.UserScriptException as error:
        report.fail("import failed", error.user_ex)
        return
    except user_script.UserScriptError as error:
        report.say("refused", message=str(error))
        return
    report.say("init")
    try:
        script.invoke_init()
    except user_script.UserScriptException as error:
        report.fail("init failed", error.user_ex)
        return
    for path in sample:
        report.say("run")
        with open(path, "rb") as file:
            run(script, file.read(), report)
    report.say("done", peak_bytes=peak_bytes())


def peak_bytes() -> int:
    """Return the most memory that this process held; 0 where Linux does not tell it.

    getrusage() would count what its parent held before the process became itself.
    """
    try:
        with open("/proc/self/status") as status:
            found = [line.split()[1] for line in status if line.startswith("VmHWM:")]
    except OSError:
        return 0
    return int(found[0]) * 1024 if found else 0


def run(script: Any, body: bytes, report: Report) -> None:
    """Call run() with one request, and see whether the server could send what it returns."""
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
            report.fail("run failed", error.user_ex)
        else:
            send(output, report)


def send(output: Any, report: Report) -> None:
    """See whether the server could send what run() returned."""
    import flask

    try:
        from azureml_inference_server_http.api.aml_response import AMLResponse
    except ImportError:  # up to the server's release 0.7
        from azureml_inference_server_http.server.azureml_contrib_services.aml_response import (
            AMLResponse,
        )
    if isinstance(output, flask.Response):
        report.say("answered", status=output.status_code)
        return
    try:
        AMLResponse(output, 200, {}, json_str=True)
    except Exception:  # noqa: BLE001 - whatever a value's own methods raise
        report.say("answer unserializable", what=unsendable(output))
        return
    report.say("answered", status=200, twice=is_json(output), nan=has_nan(output))


def unsendable(value: object, at: str = "the answer") -> str:
    """Return which part of an answer has no JSON form, and its type."""
    if isinstance(value, dict):
        parts = [(each, f"{at}[{key!r}]") for key, each in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [(each, f"{at}[{number}]") for number, each in enumerate(value)]
    else:
        parts = []
    for part, place in parts:
        if not is_sendable(part):
            return unsendable(part, place)
    module, name = type(value).__module__, type(value).__qualname__
    return f"{at} is of the type {name if module == 'builtins' else f'{module}.{name}'}"


def is_sendable(value: object) -> bool:
    """Tell whether a value has a JSON form."""
    try:
        json.dumps(value)
    except Exception:  # noqa: BLE001 - as above
        return False
    return True


def is_json(output: object) -> bool:
    """Tell whether an answer is text that holds a JSON object or list."""
    if not isinstance(output, str):
        return False
    try:
        return isinstance(json.loads(output), (dict, list))
    except ValueError:
        return False


def has_nan(output: object) -> bool:
    """Tell whether an answer holds NaN or an infinity, which JSON does not have."""
    try:
        json.dumps(output, allow_nan=False)
    except ValueError:
        return True
    return False


if __name__ == "__main__":
    main(*sys.argv[1:])
