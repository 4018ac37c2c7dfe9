"""A failed build says why, in every place, and in which line of the conda file."""

from __future__ import annotations

import secrets

import pytest
import requests
from azureml.exceptions import WebserviceException
from offline_services import PYTHON, deploying

from modelship.errors import BaseImageError
from modelship.testing.offline.build_causes import BuildCause

HEAD = f"name: e\ndependencies:\n- python={PYTHON}\n"
PIP = "- pip:\n  - azureml-defaults\n"
UNKNOWN = "the package index has no package named 'scikit-lern'"
SECRET = "hunter2-" + secrets.token_hex(4)


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared_home):
    """Return a deployer whose workspace all tests of this module share."""
    with deploying(tmp_path_factory.mktemp("causes"), home=shared_home) as found:
        yield found


def fail(place, conda):
    """Deploy with a conda file, wait until that has failed, and return the service."""
    service, operation = place.deploy_with(conda)
    assert operation["state"] == "Failed"
    return service


def told(place, service, caplog):
    """Return what each place says of a failure, by its name."""
    with pytest.raises(WebserviceException) as raised:
        service.wait_for_deployment(show_output=True)
    build_log = requests.get(place.operation(service)["operationLog"], timeout=30).text
    return {
        "exception": str(raised.value),
        "error": service.error["message"],
        "logs": service.get_logs(),
        "build log": build_log,
        "terminal": caplog.records[-1].getMessage(),
    }


def test_a_base_image_is_chosen_where_the_workspace_is_started():
    """Who deploys with the SDK has no base_image= of a target, nor its --option."""
    error = BaseImageError(image="no/such", problem="it is not here", advice="base_image=")
    message = BuildCause.of(error, environment="e", conda=HEAD).message
    assert "'no/such' cannot be used: it is not here" in message
    assert message.endswith("azureml-offline --base-image, or OfflineWorkspace(base_image=...).")


@pytest.mark.parametrize(
    ("conda", "line", "problem"),
    [
        (HEAD + PIP + "  - scikit-lern\n", "line 6 {} ('- scikit-lern')", UNKNOWN),
        (HEAD + "- scikit-lern\n" + PIP, "line 4 {} ('- scikit-lern')", "no known counterpart"),
        (HEAD + "- numpy==99.1\n" + PIP, "line 4 {} ('- numpy==99.1')", "no release numpy==99.1"),
        (
            HEAD + PIP + "  - flask==3.0.0\n  - werkzeug==2.0.0\n",
            "lines 6 and 7 {} ('- flask==3.0.0' and '- werkzeug==2.0.0')",
            "cannot both hold: flask==3.0.0 needs werkzeug>=3.0.0",
        ),
        (
            HEAD + PIP + "  - numpy==1.26\n  - numpy==2.0\n",
            "lines 6 and 7 {} ('- numpy==1.26' and '- numpy==2.0')",
            "hold",
        ),
        (HEAD.replace(PYTHON, "2.7") + PIP, "line 3 {} ('- python=2.7')", "asks for Python 2.7"),
        (
            HEAD + PIP + "  - numpy>2,<1\n",
            "line 6 {} ('- numpy>2,<1')",
            "numpy<1 and numpy>2 cannot both hold",
        ),
        (
            HEAD + "- scikit-learn=0.22.1\n" + PIP,
            f"lines 3 and 4 {{}} ('- python={PYTHON}' and '- scikit-learn=0.22.1')",
            f"has no wheel for Python {PYTHON}",
        ),
        (HEAD + "- numpy ?\n" + PIP, "line 4 {} ('- numpy ?')", "'numpy ?' is not"),
        (HEAD + PIP + "  - -r a.txt\n", "line 6 {} ('- -r a.txt')", "'a.txt', which is not there"),
    ],
    ids=[
        "pip",
        "conda",
        "version",
        "pair",
        "twice",
        "empty",
        "wheel",
        "python",
        "malformed",
        "file",
    ],
)
def test_the_cause_and_its_line_are_told(place, caplog, conda, line, problem):
    """In the exception, the service's error, both logs, and where the workspace runs."""
    service = fail(place, conda)
    found = told(place, service, caplog)
    place_of_line = line.format("of its conda file as it was sent")
    silent = [
        key for key, text in found.items() if place_of_line not in text or problem not in text
    ]
    assert not silent, found


@pytest.mark.parametrize(
    "entry",
    [
        f"numpy @ https://someone:{SECRET}@example.com/numpy-2.0-py3-none-any.whl",
        f"git+https://{SECRET}@example.com/numpy.git",
        f"https://example.com/{SECRET}/numpy-2.0-py3-none-any.whl",
        f"--extra-index-url https://someone:{SECRET}@example.com/simple",
    ],
    ids=["user", "repository", "path", "index"],
)
def test_no_secret_of_the_conda_file_is_told(place, caplog, entry):
    """The line is shown without what stands in an address."""
    service = fail(place, f"{HEAD}{PIP}  - {entry}\n  - scikit-lern\n")
    found = told(place, service, caplog)
    assert "line 6 of its conda file" in found["logs"]
    assert SECRET not in str(found)
