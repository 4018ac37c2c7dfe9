"""The rules about the script, judged without running it."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship import Serving
from modelship.bundle import Environment, Lock
from modelship.bundle.scoring_script import SourceFile
from modelship.checks.leaks import variable_findings
from modelship.checks.script_rules import script_findings
from modelship.checks.subject import Subject
from modelship.cli.changes import deploy
from modelship.findings import RULES

PACKAGES = ("azureml-inference-server-http", "scikit-learn", "numpy", "joblib", "pandas")
LOCK = Lock("3.11", "".join(f"{name}==1.5.0\n" for name in PACKAGES))
INIT = "def init():\n    pass\n"
RUN = "def run(raw_data):\n    return 1\n"


def findings(files, *, entry="score.py"):
    """Return what the rules find in files, given as texts by path."""
    source = tuple(
        SourceFile(path, text if isinstance(text, bytes) else text.encode())
        for path, text in files.items()
    )
    environment = Environment("3.11", ("scikit-learn==1.5.0",))
    subject = Subject(entry_script=entry, source=source, environment=environment, lock=LOCK)
    return list(script_findings(subject))


def found(script, **files):
    """Return code and line of each finding in one script."""
    return [(each.code, each.line) for each in findings({"score.py": script, **files})]


BROKEN = {
    "a syntax error": ("def init(:\n", [("MS101", 1)]),
    "no run()": (INIT, [("MS102", None)]),
    "no init()": (RUN, [("MS102", None)]),
    "*args": (INIT + "def run(*args):\n    return 1\n", [("MS103", 3)]),
    "no parameter": (INIT + "def run():\n    return 1\n", [("MS103", 3)]),
    "two parameters": (INIT + "def run(a, b):\n    return 1\n", [("MS103", 3)]),
    "init with one": ("def init(path):\n    pass\n" + RUN, [("MS103", 1)]),
    "asynchronous": (INIT + "async def run(raw_data):\n    return 1\n", [("MS113", 3)]),
    "a missing package": (INIT + RUN + "import cv2\n", [("MS104", 5)]),
    "externals": (INIT + RUN + "from sklearn.externals import joblib\n", [("MS105", 5)]),
    "a relative import": (INIT + RUN + "from . import other\n", [("MS104", 5)]),
    "a removed module": (INIT + RUN + "from sklearn.externals.six import moves\n", [("MS105", 5)]),
    "both decorators": (
        INIT + "@rawhttp\n@input_schema('raw_data', 1)\n" + RUN,
        [("MS114", 5)],
    ),
    "a schema of nothing": (INIT + "@input_schema('rows', 1)\n" + RUN, [("MS117", 3)]),
    "a lost name": (
        "def init():\n    model = 1\ndef run(raw_data):\n    return model\n",
        [("MS115", 2)],
    ),
    "a name that stays None": (
        "model = None\ndef init():\n    model = 1\ndef run(raw_data):\n    return model\n",
        [("MS115", 3)],
    ),
    "an array": (
        INIT + "import numpy as np\ndef run(raw_data):\n    return {'y': np.array([1])}\n",
        [("MS107", 5)],
    ),
    "bytes": (INIT + "def run(raw_data):\n    return b'1'\n", [("MS107", 4)]),
    "a generator": (INIT + "def run(raw_data):\n    yield 1\n", [("MS107", 3)]),
    "JSON text": (
        INIT + "import json\ndef run(raw_data):\n    text = json.dumps([1])\n    return text\n",
        [("MS108", 6)],
    ),
    "an absolute path": (
        "def init():\n    open('/home/me/labels.csv')\n" + RUN,
        [("MS109", 2)],
    ),
    "a path that leads out": (
        "import os\ndef init():\n    here = os.path.dirname(__file__)\n"
        "    open(os.path.join(here, '..', 'labels.csv'))\n" + RUN,
        [("MS109", 4)],
    ),
    "a key": (INIT + RUN + f"KEY = 'AccountKey={'a1' * 30}=='\n", [("MS110", 5)]),
    "a password": (INIT + RUN + "connect(password='hunter2-hunter2')\n", [("MS110", 5)]),
    "a printed request": (
        INIT + "def run(raw_data):\n    print('got', raw_data)\n    return 1\n",
        [("MS111", 4)],
    ),
    "a logged request": (
        INIT
        + "import json, logging\ndef run(raw_data):\n    data = json.loads(raw_data)\n"
        + "    logging.info(f'{data}')\n    return 1\n",
        [("MS111", 6)],
    ),
    "rubbish": (bytes(range(256)), [("MS112", None)]),
    "a null byte": (INIT + RUN + "\0", [("MS112", None)]),
    "ten megabytes": (INIT + RUN + "#" * 10_000_000, [("MS112", None)]),
    "deep nesting": (INIT + RUN + "x = " + "-" * 100_000 + "1", [("MS112", None)]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_found_at_its_line(case):
    """Each broken script has the finding that names it, and no other."""
    script, expected = BROKEN[case]
    assert found(script) == expected


FINE = {
    "the tutorial's way": (
        "import json, os, joblib, numpy as np\n"
        "def init():\n    global model\n"
        "    model = joblib.load(os.path.join(os.getenv('AZUREML_MODEL_DIR'), 'm.pkl'))\n"
        "def run(raw_data):\n    data = np.array(json.loads(raw_data)['data'])\n"
        "    print('rows', len(data))\n"
        "    y = model.predict(data)\n    return y.tolist()\n"
    ),
    "an optional import": (
        "try:\n    import cv2\nexcept ImportError:\n    cv2 = None\n" + INIT + RUN
    ),
    "an import for types": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n" + INIT + RUN
    ),
    "decorators that wrap": (
        "import functools\ndef timed(f):\n    @functools.wraps(f)\n    def inner(*a, **k):\n"
        "        return f(*a, **k)\n    return inner\n" + INIT + "@timed\n" + RUN
    ),
    "functions from elsewhere": "from joblib import init, run\n",
    "a star import": "from joblib import *\n",
    "the headers": INIT + "def run(raw_data, request_headers):\n    return 1\n",
    "a default": INIT + "def run(raw_data, threshold=0.5):\n    return 1\n",
    "a file that may be missing": (
        "import os\ndef init():\n    if os.path.exists('/data/extra.csv'):\n"
        "        open('/data/extra.csv')\n" + RUN
    ),
    "a file that is written": "def init():\n    open('/tmp/x', 'w')\n    open('log.txt', 'a')\n"
    + RUN,
    "a module that keeps the model": (
        "class Holder:\n    model = None\ndef init():\n    Holder.model = 1\n"
        "def run(raw_data):\n    return Holder.model\n"
    ),
    "a name of run()'s own": (
        "def init():\n    rows = 1\ndef run(raw_data):\n    rows = 2\n    return rows\n"
    ),
    "a password from outside": INIT + RUN + "import os\nPASSWORD = os.environ['PASSWORD']\n",
    "a placeholder": INIT + RUN + "connect(password='<password>', api_key='your-key-here')\n",
    "a mean, which is a float": (
        INIT + "import numpy as np\ndef run(raw_data):\n    return np.mean([1])\n"
    ),
}


@pytest.mark.parametrize("case", FINE)
def test_what_is_fine_is_left_alone(case):
    """No rule alarms at what real scripts do."""
    assert found(FINE[case]) == []


def test_a_helper_in_a_folder_is_not_beside_the_script():
    """Only the root of the source is searched, and the advice says how to import from below it."""
    [finding] = findings(
        {"src/score.py": "import helper\n" + INIT + RUN, "src/helper.py": ""}, entry="src/score.py"
    )
    assert (finding.code, finding.where) == ("MS104", "src/score.py:1")
    assert "from src import helper" in finding.advice


def test_the_running_program_can_always_be_imported():
    """A script that brings a class to ``__main__`` is not told to install a package for that."""
    assert found("import __main__\n" + INIT + RUN) == []


def test_a_module_that_the_script_reaches_is_judged_too():
    """An import that fails in a module of the bundle is found there."""
    [finding] = findings({"score.py": "import helper\n" + INIT + RUN, "helper.py": "import cv2\n"})
    assert (finding.code, finding.where) == ("MS104", "helper.py:1")


def test_a_file_named_like_a_module_is_found():
    """A file next to the script that bears the name of a package is told."""
    [finding] = findings({"score.py": "import numpy\n" + INIT + RUN, "numpy.py": ""})
    assert (finding.code, finding.path) == ("MS116", "numpy.py")


def test_a_secret_is_never_shown():
    """The finding says what kind of secret it is, and not what it says."""
    secret = "hunter2-hunter2"
    [finding] = findings({"score.py": INIT + RUN + f"connect(password='{secret}')\n"})
    assert secret not in str(finding)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_no_content_makes_the_rules_fail(content):
    """Whatever a script holds, it is judged and the rules do not raise."""
    assert all(each.code.startswith("MS1") for each in findings({"score.py": content}))


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [
        ("STORE", f"AccountKey={'a1' * 30}==", "holds the key of a storage account"),
        ("DATABASE", "postgres://scoring:hunter2-x@db.example/f", "holds a password in a URL"),
        ("DB_PASSWORD", "hunter2-hunter2", "looks like a secret"),
        ("API_KEY", "0123456789abcdef", "looks like a secret"),
    ],
)
def test_a_secret_among_the_variables_is_a_warning(name, value, held):
    """Its kind and the variable's name are told, and not what it says."""
    [finding] = variable_findings({name: value, "OMP_NUM_THREADS": "1"})
    assert (finding.code, finding.blocks) == ("MS118", False)
    assert finding.problem == f"The variable {name} {held}."
    assert value not in str(finding)
    assert "secrets=" in finding.advice


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "/run/secrets/db-password-1"),  # where it is
        ("DB_PASSWORD", "changeme"),
        ("API_KEY", ""),
        ("DATABASE", "postgres://db.example:5432/features"),
        ("PASSWORD_FILE", "hunter2-hunter2"),
        ("KEY_COLUMN", "customer_id_17"),
    ],
)
def test_a_variable_that_is_no_secret_raises_no_alarm(name, value):
    """Paths, placeholders and addresses without a password are none."""
    assert list(variable_findings({name: value})) == []


def test_what_is_advised_for_a_secret_in_the_source_exists():
    """The option of Serving and the flag of the command line that the advice names are there."""
    advice = RULES["MS110"].advice
    assert "Serving(secrets=...)" in advice
    assert Serving(secrets={"A": "env:PATH"}).secrets["A"].value == os.environ["PATH"]
    assert "--secret" in advice
    assert "--secret" in [each for option in deploy.params for each in option.opts]
