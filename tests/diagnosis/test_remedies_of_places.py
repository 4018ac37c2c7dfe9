"""What is advised where the place, its image or its rights are at fault."""

from __future__ import annotations

import pytest

from modelship.diagnosis import diagnose, explain_exception


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [("API_URL", "Set it with --variable API_URL=..."), ("API_KEY", "Set API_KEY as a secret")],
)
def test_a_secret_is_not_to_be_set_as_a_variable(variable, remedy):
    """Variables are shown, which another rule warns of."""
    line = f"  value = os.environ['{variable}']"
    found = explain_exception("KeyError", f"'{variable}'", phase="init", evidence=(line,))
    assert found.remedy.startswith(remedy)


@pytest.mark.parametrize(("phase", "code"), [("init", "MS201"), ("run", "MS503")])
def test_a_number_of_another_kind_in_a_request_is_no_other_version(phase, code):
    """The same words are of a model that is loaded, and of the rows of a request."""
    message = "Buffer dtype mismatch, expected 'double' but got 'float'"
    found = explain_exception("ValueError", message, phase=phase, where="score.py:4")
    assert found.code == code


@pytest.mark.parametrize(
    ("line", "begins"), [("open('/x', 'w')", "Write to"), ("open('/x')", "Give the user of the")]
)
def test_what_may_not_be_written_is_written_elsewhere(line, begins):
    """No right to read it would help."""
    message = "[Errno 13] Permission denied: '/x'"
    found = explain_exception("PermissionError", message, phase="init", evidence=(line,))
    assert (found.code, found.remedy[: len(begins)]) == ("MS607", begins)


@pytest.mark.parametrize(
    ("log", "remedy"),
    [
        ('exec: "python3": executable file not found in $PATH', "Use a base image that has Python"),
        ('exec: "gunicorn": executable file not found in $PATH', "List azureml-inference-server"),
        (
            "Because scikit-learn==0.22.1 has no usable wheels and you require it",
            (
                "Pin a version of scikit-learn that has a wheel for the Python of the service, or "
                "request"
            ),
        ),
        ("ERROR: No matching distribution found for abc==9", "Correct the name or the version"),
    ],
)
def test_a_sign_in_a_log_has_a_remedy_of_its_own(log, remedy):
    """What the image lacks, and what the index lacks for this Python."""
    assert diagnose(log).remedy.startswith(remedy)
