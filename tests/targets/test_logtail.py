"""What is shown of a log is the part that tells why."""

from __future__ import annotations

from modelship.targets.logtail import last_lines, relevant_part

HEAD = [
    "12:00 I [7] azmlinfsrv - Invoking user's init function",
    "12:00 E [7] Encountered Exception ",
]
SCRIPT = [
    "Traceback (most recent call last):",
    '  File "score.py", line 5, in init',
    "LookupError: no such feature",
]
LINK = ["", "The above exception was the direct cause of the following exception:", ""]
SERVER = [
    "Traceback (most recent call last):",
    '  File "aml_blueprint.py", line 109, in setup',
    "azureml_inference_server_http.server.user_script.UserScriptException: Caught an exception",
]
TAIL = ["", "12:00 I [7] gunicorn.error - Worker exiting (pid: 7)"]


def log_of(*parts):
    lines = [line for part in parts for line in part]
    return "\n".join(lines)


def test_the_scripts_traceback_is_shown_without_what_the_server_wraps_around_it():
    """Of a chain, the server's own last link and what follows it are left out."""
    log = log_of(HEAD, SCRIPT, LINK, SERVER, TAIL)
    assert relevant_part(log) == log_of(SCRIPT)


def test_a_chain_of_the_script_is_shown_whole():
    """An exception that the script raised from another is shown with its cause."""
    log = log_of(HEAD, SCRIPT, LINK, SCRIPT, LINK, SERVER, TAIL)
    assert relevant_part(log) == log_of(SCRIPT, LINK, SCRIPT)


def test_the_last_of_several_tracebacks_is_shown():
    """An earlier traceback, which nothing links to the last one, is left out."""
    log = log_of(HEAD, SERVER, HEAD, SCRIPT)
    assert relevant_part(log) == log_of(SCRIPT)


def test_a_traceback_in_an_indented_record_is_shown_alone():
    """A server that indents it and writes more afterwards is no trouble."""
    first, *rest = SCRIPT
    record = [f"12:00 E [7] azmlinfsrv - Encountered Exception {first}"]
    record += [f"    {line}" for line in [*rest, *LINK, *SCRIPT]]
    after = "12:00 I [6] azmlinfsrv - Shutting down: Master, with exit code 3"
    assert relevant_part(log_of(HEAD[:1], record, [after])) == log_of(SCRIPT, LINK, SCRIPT)


def test_without_a_traceback_the_last_lines_are_shown():
    """A log with no traceback is shown by its end."""
    lines = [f"line {n}" for n in range(100)]
    assert relevant_part(log_of(lines)).splitlines()[-1] == "line 99"
    assert len(relevant_part(log_of(lines)).splitlines()) < 50
    assert relevant_part("") == ""


def test_last_lines_are_as_many_as_asked_for():
    """last_lines gives the end of the log, nothing for 0, and all of a shorter log."""
    assert last_lines("a\nb\nc\n", 2) == "b\nc"
    assert last_lines("a\nb", 0) == ""
    assert last_lines("a\nb", 5) == "a\nb"
