"""What single exceptions mean, beside those that the logs show."""

from __future__ import annotations

import pytest

from modelship.diagnosis import explain_exception

LOADING = "model = joblib.load(path)"
GUNICORN = "Can't get attribute 'Scaler' on <module '__main__' from '/opt/env/bin/gunicorn'>"
CIRCULAR = (
    "cannot import name 'KMeans' from partially initialized module 'sklearn.cluster' (most likely "
    "due to a circular import) (/var/azureml-app/sklearn.py)"
)


@pytest.mark.parametrize(
    ("kind", "message", "phase", "line", "code"),
    [
        ("ModuleNotFoundError", "No module named 'yaml'", "import", "import yaml", "MS104"),
        ("ModuleNotFoundError", "No module named 'yaml.x'; 'yaml' is not a package", "import", "",
         "MS116"),
        ("ModuleNotFoundError", "No module named 'numpy._core'", "init", LOADING, "MS201"),
        ("ModuleNotFoundError", "No module named 'sklearn.externals'", "init", LOADING, "MS201"),
        ("ModuleNotFoundError", "No module named 'features.text'", "init", LOADING, "MS304"),
        ("ImportError", CIRCULAR, "import", "", "MS501"),
        ("ImportError", "cannot import name 'escape' from 'jinja2' (/site-packages/jinja2/a.py)",
         "import", "", "MS201"),
        ("AttributeError", GUNICORN, "init", LOADING, "MS303"),
        ("AttributeError", "Can't get attribute 'S' on <module 'features' from '/a/features.py'>",
         "init", LOADING, "MS304"),
        ("ValueError", "numpy.dtype size changed, may indicate binary incompatibility", "import",
         "", "MS201"),
        ("TypeError", "code() argument 13 must be str, not int", "init", LOADING, "MS206"),
        ("_pickle.UnpicklingError", "invalid load key, 'v'.", "init", LOADING, "MS305"),
        ("SyntaxError", "(unicode error) 'utf-8' codec can't decode byte", "import", "", "MS112"),
        ("ModelNotFoundException", "Model not found in cache or in root", "init", "", "MS106"),
        ("KeyError", "'AZUREML_MODEL_DIR'", "init", "", "MS106"),
        ("KeyError", "'API_URL'", "init", "url = os.environ['API_URL']", "MS502"),
        ("KeyError", "'data'", "run", "rows = json.loads(raw_data)['data']", "MS503"),
        ("AttributeError", "'NoneType' object has no attribute 'predict'", "run", "", "MS115"),
        ("OSError", "[Errno 98] Address already in use", "import", "app.run()", "MS601"),
        ("PermissionError", "[Errno 13] Permission denied: '/x'", "init", "", "MS607"),
        ("RuntimeError", "[enforce fail] DefaultCPUAllocator: can't allocate memory", "init", "",
         "MS505"),
        ("NoSuchFile", "[ONNXRuntimeError] : 3 : NO_SUCHFILE : Load model from /m/x.onnx failed",
         "init", "InferenceSession(path)", "MS106"),
        ("SystemExit", "", "init", "", "MS506"),
        ("ZeroDivisionError", "division by zero", "import", "x = 1 / 0", "MS501"),
    ],
)  # fmt: skip
def test_an_exception_has_a_code(kind, message, phase, line, code):
    """The kind, the message, the phase and the line of source lead to a rule."""
    assert explain_exception(kind, message, phase=phase, evidence=(line,)).code == code


@pytest.mark.parametrize(
    ("module", "line", "remedy"),
    [
        ("PIL", "from PIL import Image", "List pillow in the environment."),
        (
            "docx",
            "import docx",
            "List python-docx in the environment; or, if docx is your own file",
        ),
        ("azure", "from azure.storage.blob import BlobClient", "azure-storage-blob"),
        ("azureml", "from azureml.core.model import Model", "os.environ['AZUREML_MODEL_DIR']"),
        ("my_features", "import my_features", "put it next to the script"),
    ],
)
def test_what_to_list_is_named(module, line, remedy):
    """The package is named as it is on PyPI; it may also be a file of the user."""
    message = f"No module named '{module}'"
    found = explain_exception("ModuleNotFoundError", message, phase="import", evidence=(line,))
    assert remedy in found.remedy


def test_where_and_evidence_go_through():
    """What is known of the place stands in the diagnosis."""
    found = explain_exception("ValueError", "no", phase="run", where="score.py:4", evidence=("x",))
    assert (found.where, found.evidence) == ("score.py:4", ("x",))
    assert found.cause == "run() raised ValueError: no."
    assert found.remedy == "Correct score.py:4, or the content of the request."


def test_a_tensor_of_a_graphics_card_is_mapped():
    """A model that was saved on a GPU is loaded with map_location."""
    message = "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
    found = explain_exception("RuntimeError", message + "False.", phase="init")
    assert "map_location" in found.remedy


def test_a_module_of_python_is_not_to_be_pinned():
    """A user's folder with the same name is found later."""
    message = "cannot import name 'helper' from 'code' (/usr/lib/python3.11/code.py)"
    found = explain_exception("ImportError", message, phase="import")
    assert (found.code, "rename it" in found.remedy) == ("MS116", True)
