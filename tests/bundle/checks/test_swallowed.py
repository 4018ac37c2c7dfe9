"""What a script catches in a trial: a finding where the answer shows that it went wrong."""

import builtins
import re

import pytest

from modelship.bundle.profile import Profile
from modelship.bundle.resources import Resources
from modelship.checks import trial_answer, trial_caught, trial_noting
from modelship.checks.trial import Trial
from modelship.checks.trial_findings import trial_findings

INIT = "def init(): ...\n"
SAMPLE = '{"data": [[1, 2]]}'


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Return what a script's trial in this process finds: (code, severity, where, problem)."""

    def check(text, *, sample=SAMPLE):
        monkeypatch.setenv("AML_APP_ROOT", str(tmp_path))
        (tmp_path / "score.py").write_text(text)
        lines = tuple(told_of(text, tmp_path, sample, monkeypatch))
        parts = {"entry_script": "score.py", "model_files": ("model.pkl",)}
        trial = Trial(lines, "", 0, 0, app=str(tmp_path), **parts)
        known = {"profile": Profile("a place"), "resources": Resources()}
        said = trial_findings(trial, has_sample=bool(sample), **known)
        return [(each.code, str(each.severity), each.where, each.problem) for each in said]

    return check


def told_of(text, folder, sample, monkeypatch):
    """Yield what trial_child.py tells of a script that it tries."""
    caught = trial_caught.Caught()
    monkeypatch.setattr(builtins, "__modelship_caught__", caught.note, raising=False)
    monkeypatch.setattr(builtins, "__modelship_returned__", caught.note_returned, raising=False)
    path = str(folder / "score.py")
    script = {"__name__": "score"}
    exec(
        compile(trial_noting.with_notes(text.encode(), path, caught.handlers), path, "exec"), script
    )
    yield {"phase": "init", "at_s": 0, "caught": caught.take()}
    caught.during = "init"
    script["init"]()
    before, caught.during = caught.take(), "run"
    if sample:
        yield {"phase": "run", "at_s": 1, "caught": before}
        yield answer_of(script["run"], sample, caught)
    yield {"phase": "done", "at_s": 2, "caught": [] if sample else before, "unset": ["model"]}


def answer_of(run, sample, caught):
    """Return what trial_child.py tells of an answer, or of a run() that raises."""
    try:
        output = run(sample)
    except Exception as error:  # noqa: BLE001 - as the server does
        failed = {"phase": "run failed", "at_s": 1.5, "caught": caught.take()}
        return {**failed, **trial_caught.described(error)}
    said = trial_caught.content(output)
    facts = {
        "error": trial_answer.error_in(said, certainly=True),
        "hint": trial_answer.error_in(said, certainly=False),
        "empty": trial_answer.is_empty(said),
    }
    told = caught.take(output, answered=True)
    return {"phase": "answered", "at_s": 1.5, "status": 200, "caught": told, **facts}


def script(body, init="pass", handler="Exception as e"):
    """Return a script whose run() catches a KeyError, and continues with `body`."""
    return (
        f"import json, logging, traceback\ndef init():\n    {init}\n\n"
        f"def run(raw_data):\n    answer = {{}}\n    try:\n"
        "        return json.loads(raw_data)['rows']\n"
        f"    except {handler}:\n        {body}\n    return answer\n"
    )


SHOWN = {
    "its text": "return {'error': str(e)}",
    "nothing but its text": "return str(e)",
    "its text as JSON": "return json.dumps({'message': 'Error: ' + str(e)})",
    "its text and kind": "return {'result': repr(e), 'status': 500}",
    "its traceback": "return {'trace': traceback.format_exc().splitlines()}",
    "its text, and no prediction": "answer = {'error': f'failed with {e}', 'data': []}",
    "its kind": "return {'error': type(e).__name__}",
    "itself": "return {'error': e}",
}


@pytest.mark.parametrize("way", SHOWN)
def test_an_answer_with_the_text_of_an_exception_is_an_error(found, way):
    """The line that raised it is named, and the one that caught it."""
    [(code, severity, where, problem)] = found(script(SHOWN[way]))
    assert (code, severity, where) == ("MS503", "error", "score.py:8")
    assert problem == (
        "run() answers the sample request with the text of a KeyError: 'rows', which it catches in "
        "line 9."
    )


def test_an_exception_that_is_raised_anew_is_found_where_it_ends(found):
    """The place is that of the first exception of all, whatever function answers."""
    text = (
        "def load(raw):\n    try:\n        return {}[raw[3:7]]\n    except KeyError as e:\n"
        "        raise ValueError(f'no column {e}') from e\ndef answers(f):\n"
        "    def inner(raw_data):\n        try:\n            return f(raw_data)\n"
        "        except Exception as e:\n            return {'error': str(e)}\n    return inner\n"
        "def init(): ...\n@answers\ndef run(raw_data):\n    return load(raw_data)\n"
    )
    [(_, severity, where, problem)] = found(text)
    assert (severity, where) == ("error", "score.py:3")
    assert "a ValueError: no column 'ata\"', which it catches in line 10" in problem


WARNED = {
    "beside predictions": "answer = {'predictions': [1.5], 'explained': str(e)}",
    "words of its own": "return {'error': 'Prediction failed'}",
    "a state": "return {'status': 'failed'}",
    "nothing": "print(e); return None",
    "nothing, after the handler": "answer = None",
    "one answer for all": "return {'message': 'something went wrong'}",
    "one answer for all, as JSON": "return json.dumps(-1)",
}


@pytest.mark.parametrize("way", WARNED)
def test_what_may_be_meant_is_a_warning(found, way):
    """An answer that tells of an error in its own words blocks nothing, and the cause is named."""
    [(code, severity, where, problem)] = found(script(WARNED[way]))
    assert (code, severity, where) == ("MS503", "warning", "score.py:8")
    assert "KeyError: 'rows'" in problem


MEANT = {
    "another key": script("answer = json.loads(raw_data)['data']"),
    "another key, returned": script("return json.loads(raw_data)['data']", handler="KeyError"),
    "a label like its text": script("return ['rows', 'KeyErrors']", handler="KeyError"),
    "an answer of its own to one kind": script("return -1", handler="KeyError"),
    "another way to predict": script("return [float(len(raw_data))]"),
    "a logged one": script("logging.exception('no rows'); answer = [1]"),
    "an empty answer to one kind": script("return []", handler="KeyError"),
    "a field of errors": script("answer = {'error': 0.25, 'errors': [], 'exception': None}"),
    "a state that is predicted": script("answer = {'status': 'failed', 'error': 'network'}"),
    "a label that is predicted": script("answer = 'failure'"),
    "a package that need not be there": (
        "try:\n    import orjson_ as json\nexcept ImportError:\n    import json\n"
        + script("answer = 1")
    ),
    "a number": "def init(): ...\ndef run(raw_data):\n    names = {}\n    try:\n"
    "        return names[3]\n    except KeyError as e:\n        return [3, '13']\n",
    "another file": script("answer = 1", init="global model; model = load()")
    + "def load():\n    try:\n        return open('a.pkl')\n"
    "    except OSError:\n        return 1\n",
    "the end of an iterator": "def init(): ...\ndef run(raw_data):\n    it = iter([])\n    try:\n"
    "        next(it)\n    except StopIteration:\n        return ['done']\n",
}


@pytest.mark.parametrize("case", MEANT)
def test_an_exception_that_a_script_is_ready_for_is_no_finding(found, case):
    """What is handled and leaves no trace in the answer is the script's own affair."""
    assert found(MEANT[case]) == []


LOADING = (
    "import json, os\nmodel = None\n"
    "def init():\n    global model\n    try:\n"
    "        with open(os.environ.get('AZUREML_MODEL_DIR', 'm') + '/modell.pkl') as f:\n"
    "            model = f.read()\n    except Exception as e:\n        print('could not load', e)\n"
    "def run(raw_data):\n    RUN\n"
)


def loading(run):
    """Return that script, with the body of its run()."""
    return LOADING.replace("RUN", run)


LATER = {
    "run() fails for None": loading("return model.predict(1)"),
    "run() fails for a name": loading("return model").replace("model = None", ""),
    "run() answers with its failure": loading(
        "try:\n        return model.predict(1)\n"
        "    except Exception as e:\n        return {'error': str(e)}"
    ),
    "run() catches that too": loading(
        "try:\n        return model.predict(1)\n    except:\n        return 'none'"
    ),
    "run() has words for it": loading("return {'error': 'no model'}"),
    "run() raises in its own words": loading(
        "if model is None: raise RuntimeError('not loaded')\n    return 1"
    ),
    "run() looks for an attribute": loading("return kept.model.predict(1)")
    .replace("model = None", "class Kept: model = None\nkept = Kept")
    .replace("    global model\n", "")
    .replace("model = f", "kept.model = f"),
    "run() looks for a key": loading("return kept['model']")
    .replace("model = None", "kept = {}")
    .replace("model = f", "kept['model'] = f"),
}


@pytest.mark.parametrize("case", LATER)
def test_what_init_catches_is_the_cause_of_what_fails_later(found, case):
    """The file that was not there is named, and the one that is, in place of what came of it."""
    [(code, severity, where, problem)] = found(LATER[case])
    assert (code, severity) == ("MS106", "error")
    assert where.startswith("score.py:")
    assert "the model directory contains model.pkl" in problem
    assert re.search(
        r"init\(\) catches the FileNotFoundError in line \d and continues; then", problem
    )


def test_an_empty_answer_for_want_of_a_model_is_a_warning(found):
    """The script continues without what init() could not load."""
    [(code, severity, _, problem)] = found(loading("return [] if model is None else [1]"))
    assert (code, severity) == ("MS106", "warning")
    assert problem.endswith("and run() answers the sample request with nothing.")
    assert (
        found(loading("return [] if model is None else [1]").replace("return []", "return [0]"))
        == []
    )


def test_a_package_that_is_missed_later_is_the_cause(found):
    """What catches an ImportError binds None in its place, and run() uses it."""
    top = "try:\n    import shap_\nexcept ImportError:\n    shap_ = None\n"
    [(code, _, where, problem)] = found(top + INIT + "def run(raw_data):\n    shap_.explain(1)\n")
    assert (code, where) == ("MS104", "score.py:2")
    assert "then run() raises AttributeError: 'NoneType'" in problem


@pytest.mark.parametrize("run", ["raise ValueError('no rows')", "return {'error': 'no rows'}"])
def test_what_init_makes_up_for_is_not_the_cause(found, run):
    """The model is there all the same, so that the script has another reason."""
    made_up = LOADING.replace("print('could not load', e)", "model = 1").replace("RUN", run)
    [(code, _, _, problem)] = found(made_up)
    assert code == "MS503"
    assert "FileNotFoundError" not in problem


def test_without_a_sample_what_run_looks_for_is_enough(found):
    """A global that run() reads and that an exception kept from being bound is named."""
    text = loading("return model.predict(1)").replace("model = None", "")
    codes = [code for code, *_ in found(text, sample="")]
    assert codes == ["MS106", "MS509"]
    assert [code for code, *_ in found(script("return 1"), sample="")] == ["MS509"]


def test_a_file_that_cannot_be_read_is_left_to_python():
    """Its compiler says what is wrong, with the line."""
    handlers = []
    assert trial_noting.with_notes(b"def (", "score.py", handlers) == b"def ("
    assert handlers == []


def test_a_process_that_the_script_starts_notes_nothing():
    """What is compiled with notes runs where nobody takes them, such as in a worker."""
    text = b"def run(raw):\n    try: {}[raw]\n    except KeyError: return 'none'\n"
    script = {}
    exec(compile(trial_noting.with_notes(text, "score.py", []), "score.py", "exec"), script)
    assert script["run"](1) == "none"
