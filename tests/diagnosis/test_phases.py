"""What raised is told by what the server was doing: a request that fails is no failed import."""

from __future__ import annotations

import pytest

from modelship.diagnosis import Surroundings, diagnose, explain_traceback

READY = "2026-01-01 10:00:00 I [7] azmlinfsrv - ready for serving traffic\n"
BOOTING = "[2026-01-01 10:00:00 +0000] [7] [INFO] Booting worker with pid: 7\n"
INIT = f"{BOOTING}2026-01-01 10:00:00 I [7] azmlinfsrv - Invoking user's init function\n"


def traceback(*functions, of="/var/azureml-app/score.py"):
    steps = [
        f'  File "{of}", line {n}, in {each}\n    x()\n' for n, each in enumerate(functions, 1)
    ]
    return "Traceback (most recent call last):\n" + "".join(steps) + "ValueError: no\n"


@pytest.mark.parametrize(
    ("log", "says"),
    [
        (READY + traceback("run_array"), "run() raised"),
        (READY + traceback("run_table", "answer"), "run() raised"),
        (READY + traceback("convert", of="/x/site-packages/inference_schema/a.py"), "run() raised"),
        (traceback("convert", of="/x/site-packages/inference_schema/a.py"), "run() raised"),
        (INIT + traceback("convert", of="/x/site-packages/y/a.py"), "init() raised"),
        (BOOTING + traceback("_call", of="/x/site-packages/y/a.py"), "Importing the script raised"),
        (traceback("<module>", "helper"), "Importing the script raised"),
    ],
)
def test_the_log_tells_what_was_done(log, says):
    """By the script's own steps, by the lines before, or since nothing is imported there."""
    assert diagnose(log).cause.startswith(says)


def test_the_bundle_of_a_service_tells_what_can_be_done():
    """The log alone does not know who wrote the script."""
    known = Surroundings(entry_script="score.py", source={"score.py": b""}, is_generated=True)
    log = READY + traceback("run", "run_array")
    remedies = [diagnose(log).remedy, diagnose(log, around=known).remedy]
    assert remedies[0] == "Correct score.py:2, or the content of the request."
    assert remedies[1].startswith("modelship wrote this script: send rows that the model takes")


def test_the_first_cause_that_is_known_explains_a_chain():
    """What the script raised in its place says less."""
    known = Surroundings(entry_script="score.py", source={"score.py": b""})
    text = (
        "Traceback (most recent call last):\n"
        '  File "/app/score.py", line 4, in init\n'
        "    import yaml\n"
        "ModuleNotFoundError: No module named 'yaml'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "/app/score.py", line 6, in init\n'
        "    raise RuntimeError('no')\n"
        "RuntimeError: no\n"
    )
    found = explain_traceback(text, phase="init", where="score.py:6", around=known)
    assert found is not None
    assert (found.code, found.remedy) == ("MS104", "List pyyaml in the environment.")
