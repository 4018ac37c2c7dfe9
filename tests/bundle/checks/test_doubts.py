"""Reading never overrules what a script does: what it may see to by itself is a doubt."""

import pickle

import joblib
import pytest
from sklearn.linear_model import LogisticRegression

from modelship.bundle import Environment, Lock, ScoringBundle
from modelship.checks import doubts
from modelship.findings import RULES
from modelship.sources import Model

PACKAGES = (
    "azureml-inference-server-http==1.5.1",
    "numpy==1.24.0",
    "joblib==1.4.2",
    "pandas==2.2.0",
)
LOCK = Lock("3.11", "\n".join(PACKAGES) + "\n")
HERE = Environment("3.11", ())
INIT, RUN = "def init(): ...\n", "def run(raw_data): return 1\n"
BOTH = INIT + RUN


@pytest.fixture
def found(tmp_path):
    """Return what checks a script, without a trial: the severity and code of each finding."""

    def check(script, *, model=None, beside=None):
        source = tmp_path / "svc"
        for path, text in {**(beside or {}), "score.py": script}.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_text(text)
        (tmp_path / "model.pkl").write_bytes(model or pickle.dumps(1))
        parts = {"entry_script": "score.py", "source_directory": source, "environment": HERE}
        bundle = ScoringBundle(Model.read(tmp_path / "model.pkl"), **parts).with_lock(LOCK)
        return [(str(each.severity), each.code) for each in bundle.check(trial=False)]

    return check


LOST = {
    "a module": ("import cv2\n" + BOTH, "MS104"),
    "a removed module": ("from sklearn.externals import joblib\n" + BOTH, "MS105"),
}
SEEN_TO = {
    "in sys.modules": "import sys, types\nsys.modules['cv2'] = types.ModuleType('cv2')\n",
    "by a finder": "import sys\nsys.meta_path.append(object())\n",
    "by pip": "import subprocess\nsubprocess.call(['python', '-m', 'pip', 'install', 'cv2'])\n",
    "in a folder of the image": "import sys\nsys.path.append('/opt/lib')\n",
    "in an archive": "import sys\nsys.path.insert(0, 'deps.zip')\n",
}


@pytest.mark.parametrize("what", LOST)
@pytest.mark.parametrize("how", SEEN_TO)
def test_a_module_that_the_script_may_bring_is_a_doubt(found, what, how):
    """Without such a line it is an error."""
    script, code = LOST[what]
    assert found(script) == [("error", code)]
    assert found(SEEN_TO[how] + script) == [("warning", code)]


READY = {
    "suppressed": "import contextlib\nwith contextlib.suppress(ImportError):\n    import cv2\n",
    "caught by all": "try:\n    import cv2\nexcept:\n    cv2 = None\n",
}


@pytest.mark.parametrize("case", READY)
def test_an_import_that_may_fail_is_no_finding(found, case):
    """The script says so itself."""
    assert found(READY[case] + BOTH) == []


PATHS = {
    "added to": "sys.path += [os.path.join(os.path.dirname(__file__), 'lib')]",
    "put before": "sys.path = ['lib'] + sys.path",
    "put into": "sys.path[0:0] = ['lib']",
    "unpacked": "sys.path = [*sys.path, 'lib']",
    "extended": "sys.path.extend(['other', './lib'])",
    "by another name": "from sys import path\npath.append('lib')",
    "by the site": "import site\nsite.addsitedir('lib')",
}


@pytest.mark.parametrize("way", PATHS)
def test_each_way_to_the_path_counts(found, way):
    """What lies in the folder is imported from there."""
    script = f"import os, sys\n{PATHS[way]}\nimport helper\n" + BOTH
    assert found(script, beside={"lib/helper.py": "", "other/x.py": ""}) == []


def names(name):
    """Return a pickle that holds one class by its name."""
    module, _, qualname = name.rpartition(".")
    return f"\x80\x02c{module}\n{qualname}\nq\x00.".encode("latin-1")


UNPICKLER = "class Mine(pickle.Unpickler):\n    def find_class(self, module, name): return Scale\n"
UNPICKLED = {
    "a class of the notebook": ("__main__.Scale", "MS303"),
    "a custom module": ("old_prep.Scale", "MS304"),
    "an old name of a library": ("numpy._core.multiarray._reconstruct", "MS201"),
    "a library": ("lightgbm.sklearn.LGBMClassifier", "MS208"),
}


@pytest.mark.parametrize("case", UNPICKLED)
@pytest.mark.parametrize("how", [UNPICKLER, "import sys\nsys.modules['x'] = sys\n"])
def test_a_name_in_a_pickle_may_mean_what_the_script_says(found, case, how):
    """Without such a line it is an error, or else a warning already."""
    name, code = UNPICKLED[case]
    assert ("warning", code) in found(how + BOTH, model=names(name))
    assert "error" not in [severity for severity, _ in found(how + BOTH, model=names(name))]
    if code != "MS304":
        assert ("error", code) in found(BOTH, model=names(name))


def test_an_attribute_that_is_given_to_a_module_is_a_doubt(found):
    """The pickle looks for a class that the module next to the script does not define itself."""
    beside = {"prep.py": "x = 1\n"}
    assert found("import prep\n" + BOTH, model=names("prep.Prep"), beside=beside) == [
        ("error", "MS304")
    ]
    script = "import prep\nclass Prep: ...\nprep.Prep = Prep\n"
    assert found(script + BOTH, model=names("prep.Prep"), beside=beside) == [("warning", "MS304")]


LOADING = """import joblib, json, os
D = os.environ['AZUREML_MODEL_DIR']
WRONG = os.path.join(D, 'x.pkl')
"""
FILES = {
    "sure to be read": ("def init(): joblib.load(WRONG)\n", "error"),
    "read by a function that init() calls": (
        "def load():\n    return joblib.load(WRONG)\ndef init():\n    load()\n",
        "error",
    ),
    "read in a branch": (
        "def init():\n    if os.environ.get('OLD'):\n        joblib.load(WRONG)\n",
        "warning",
    ),
    "read by a function that nobody calls": (
        "def load():\n    return joblib.load(WRONG)\ndef init(): ...\n",
        "warning",
    ),
    "unpacked first": (
        "def init():\n    shutil.unpack_archive('a.zip', D)\n    joblib.load(WRONG)\n",
        "warning",
    ),
    "written first": (
        "def init():\n    open(WRONG, 'w').write('1')\n    json.load(open(WRONG))\n",
        "warning",
    ),
    "written by a log": ("import logging\ndef init(): logging.FileHandler(WRONG)\n", "warning"),
    "given to something else": ("def init(): check(WRONG)\n", "warning"),
    "asked for": ("def init():\n    global has\n    has = os.path.exists(WRONG)\n", ""),
    "read if it is there": ("def init():\n    if os.path.exists(WRONG): open(WRONG)\n", ""),
    "expected to be missing": (
        "def init():\n    try:\n        open(WRONG)\n    except FileNotFoundError: ...\n",
        "",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_not_there_is_an_error_where_it_is_sure_to_be_read(found, case):
    """Elsewhere it is a doubt, and nothing where the script asks first."""
    text, severity = FILES[case]
    assert found(LOADING + text + RUN) == ([(severity, "MS106")] if severity else [])


NAMED = {
    "the name of a package": ("spacy.load('en_core_web_sm')", [("warning", "MS109")]),
    "a file": ("spacy.load('model.spacy')", [("error", "MS109")]),
    "a registered model": ("mlflow.pyfunc.load_model('models:/prices/1')", []),
    "a file without a suffix": ("joblib.load('model')", [("error", "MS109")]),
}


@pytest.mark.parametrize("what", NAMED)
def test_what_is_loaded_by_a_name_is_no_path(found, what):
    """It may be the name of a package, or a URI."""
    line, said = NAMED[what]
    assert found(f"def init():\n    {line}\n" + RUN) == said


def test_what_nothing_imports_blocks_nothing(found):
    """A script for training, and one of Python 2, are next to the one that serves."""
    train = LOADING + "joblib.load(WRONG)\nopen('data.csv')\n"
    beside = {"train.py": train, "old.py": "print 'x'\n", "explain.py": "import shap\n"}
    assert found(BOTH, beside=beside) == [("warning", "MS101")]
    later = BOTH + "def explained():\n    import explain, train\n"
    assert {severity for severity, _ in found(later, beside=beside)} == {"warning"}
    assert ("error", "MS101") in found("import old\n" + BOTH, beside=beside)
    assert ("error", "MS106") in found("from train import D\n" + BOTH, beside=beside)


def test_a_package_that_was_given_as_the_folder_is_told_for_models_too(found):
    """The pickle looks for src.features, and features.py lies in the root."""
    beside = {"features.py": "class Prep: ..."}
    assert found(BOTH, model=names("src.features.Prep"), beside=beside) == [("error", "MS304")]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """Return the bytes of a model whose predict() returns an array."""
    path = tmp_path_factory.mktemp("model") / "model.pkl"
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), path)
    return path.read_bytes()


ANSWER = "def run(raw_data):\n    return model.predict(json.loads(raw_data)['data'])\n"
ANSWERED = {
    "as it is": (ANSWER, "error"),
    "through a decorator": (
        f"def plain(f):\n    return lambda raw_data: f(raw_data).tolist()\n@plain\n{ANSWER}",
        "warning",
    ),
    "with an encoder of its own": (
        f"json.JSONEncoder.default = lambda self, value: value.tolist()\n{ANSWER}",
        "warning",
    ),
    "by something else": (ANSWER.replace("model.", "client."), ""),
    "by a method of its own": (f"class Mine:\n    def predict(self, rows): ...\n{ANSWER}", ""),
}


@pytest.mark.parametrize("case", ANSWERED)
def test_an_array_is_an_error_where_nothing_makes_a_list_of_it(found, classifier, case):
    """A decorator or an encoder may, which a trial shows."""
    text, severity = ANSWERED[case]
    loading = LOADING.replace("x.pkl", "model.pkl") + "def init():\n    global model\n"
    said = found(loading + "    model = joblib.load(WRONG)\n" + text, model=classifier)
    assert [each for each in said if each[1] == "MS107"] == (
        [(severity, "MS107")] if severity else []
    )


FUNCTIONS = {
    "bound again": INIT + "def run(a, b): ...\nrun = run.__get__(1)\n",
    "made synchronous": INIT + "@sync\nasync def run(raw_data): ...\n",
    "in branches": INIT + "if 1:\n    def run(a, b): ...\nelse:\n    def run(raw_data): ...\n",
    "a parameter of that name": "def init():\n    a = 1\n"
    "def run(raw):\n    return max(raw, key=lambda a: a)\n",
    "an exception of that name": "def init():\n    e = 1\ndef run(raw):\n    try: ...\n"
    "    except OSError as e: print(e)\n",
    "an import of that name": "def init():\n    np = 1\ndef run(raw):\n    import numpy as np\n"
    "    return np.e\n",
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_functions_that_are_not_what_they_seem_are_no_finding(found, case):
    """What is written is not what the server calls, or what run() reads."""
    assert found(FUNCTIONS[case]) == []


def test_a_global_that_may_be_set_in_another_way_is_a_doubt(found):
    """Without globals() it is an error."""
    lost = "def init():\n    model = 1\n    {}\ndef run(raw_data): return model\n"
    assert found(lost.format("...")) == [("error", "MS115")]
    assert found(lost.format("globals()['model'] = model")) == [("warning", "MS115")]


def test_a_trial_decides_doubts():
    """One that goes well refutes all; one that fails has the truth on those of its own kind."""
    sure = RULES["MS104"].finding("a")
    doubt, other = doubts.doubted(RULES["MS106"].finding("b")), doubts.doubted(sure)
    assert doubts.settled([sure, doubt, other], tried=True) == [sure]
    left = doubts.settled([sure, doubt, other], tried=False, by=[RULES["MS106"].finding("c")])
    assert [(each.code, each.blocks) for each in left] == [("MS104", True), ("MS104", False)]
    assert {type(each) for each in left} == {type(sure)}
