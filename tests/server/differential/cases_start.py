"""Scripts and settings with which no server starts, and what both have to tell then."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["STARTS", "Start"]

_INIT = "def init(): pass\n"
_RUN = "def run(raw_data): return raw_data\n"
_SCHEMA = (
    "from inference_schema.schema_decorators import input_schema\n"
    "from inference_schema.parameter_types.standard_py_parameter_type import "
    "StandardPythonParameterType as T\n"
    "from azureml_inference_server_http.api.aml_request import rawhttp\n"
)
_ARGUMENTS = "run() cannot accept positional-only arguments, *args, or **kwargs."
_IMPORT = "Failed to import user script because it raised an unhandled exception"
_ENTRY = ("--entry_script", "score.py")


@dataclass(frozen=True)
class Start:
    """A start that fails: with this script, these settings and options.

    Parameters
    ----------
    label : str
        What is wrong.
    script : str
        The text of score.py.
    tells : Sequence[str]
        What has to be in the output of both servers.
    exit_code : int
        How both end.
    """

    label: str
    script: str = _INIT + _RUN
    tells: Sequence[str] = ()
    exit_code: int = 3
    settings: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = _ENTRY
    files: Mapping[str, str] = field(default_factory=dict)


STARTS = [
    Start("a missing module", "import nowhere_at_all",
          ["No module named 'nowhere_at_all'", _IMPORT]),
    Start("no Python", "def init(:", ["SyntaxError", "score.py", _IMPORT]),
    Start("no init", _RUN, ["score.py does not have a init() function defined."]),
    Start("no run", _INIT, ["score.py does not have a run() function defined."]),
    Start("*args", _INIT + "def run(*args): pass", [_ARGUMENTS]),
    Start("**kwargs", _INIT + "def run(a, **kwargs): pass", [_ARGUMENTS]),
    Start("a positional argument", _INIT + "def run(a, /): pass", [_ARGUMENTS]),
    Start("no argument", _INIT + "def run(): pass",
          ["run() needs to accept an argument for input data."]),
    Start("headers alone", _INIT + "def run(request_headers): pass",
          ['run() needs to accept an argument other than "request_headers".']),
    Start("two decorators", _SCHEMA + _INIT +
          "@rawhttp\n@input_schema('a', T(1))\ndef run(a): pass",
          ["run() cannot be decorated with both @rawhttp and @input_schema"]),
    Start("an exception in init", "def init(): return 1 / 0\n" + _RUN,
          ["ZeroDivisionError: division by zero", "User's init function failed"]),
    Start("an exit in init", "def init(): raise SystemExit(0)\n" + _RUN,
          ["User's init function failed"]),
    Start("an exit on import", "raise SystemExit(0)", ["SystemExit: 0"]),
    Start("an interrupt on import", "raise KeyboardInterrupt", ["KeyboardInterrupt"]),
    Start("a timeout that is no number", settings={"SCORING_TIMEOUT_MS": "soon"},
          tells=["SCORING_TIMEOUT_MS"]),
    Start("a swagger that is no JSON", files={"swagger.json": "{"}, tells=["JSONDecodeError"]),
    Start("a configuration that is no JSON", files={"config.json": "{"},
          tells=["Invalid config file!"]),
    Start("no such script", options=("--entry_script", "nothing.py"),
          tells=["No such file or directory", "nothing.py"]),
    Start("no script", options=(), exit_code=1, tells=["--entry_script", "--config_file"]),
    Start("a port of 0", options=(*_ENTRY, "--port", "0"), exit_code=1, tells=["--port"]),
    Start("a port too high", options=(*_ENTRY, "--port", "70000"), exit_code=1, tells=["--port"]),
    Start("a port that is no number", options=(*_ENTRY, "--port", "a"), exit_code=1,
          tells=["--port"]),
    Start("no workers", options=(*_ENTRY, "--worker_count", "0"), exit_code=1,
          tells=["--worker_count"]),
    Start("an unknown option", options=(*_ENTRY, "--nothing"), exit_code=1, tells=["--nothing"]),
]  # fmt: skip
