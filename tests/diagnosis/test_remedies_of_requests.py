"""What is advised where a request fails: the script, the model or the caller is at fault."""

from __future__ import annotations

import pytest

from modelship.cli.wording import worded
from modelship.diagnosis import Surroundings, explain_exception


def around(**known):
    """Return what is known of a bundle with one script."""
    return Surroundings(entry_script="score.py", source={"score.py": b""}, python=(3, 11), **known)


@pytest.mark.parametrize(
    ("known", "code", "remedy"),
    [
        ({"globals_of_init": None}, "MS115", "If init() assigns model, write global model"),
        (
            {"globals_of_init": (), "bound_in_init": {"model"}},
            "MS115",
            "Write global model in the first line of init().",
        ),
        (
            {"globals_of_init": {"model"}, "bound_in_init": {"model"}},
            "MS115",
            "Find out why init() does not assign model: do not catch exceptions before that.",
        ),
        ({"globals_of_init": ()}, "MS503", "Define model, or correct its spelling."),
    ],
)
@pytest.mark.parametrize(
    ("kind", "message"), [("NameError", "name 'model' is not defined")], ids=["undefined"]
)
def test_a_name_that_is_missing_in_run_is_missing_for_a_reason(kind, message, known, code, remedy):
    """Global is advised where init() assigns the name and does not declare it."""
    found = explain_exception(kind, message, phase="run", around=around(**known))
    assert (found.code, found.remedy[: len(remedy)]) == (code, remedy)


def test_a_placeholder_that_is_still_none_is_told_likewise():
    """The line of source tells whose attribute was asked for."""
    message, line = "'NoneType' object has no attribute 'predict'", "  return model.predict(rows)"
    remedies = []
    for declared in (set(), {"model"}):
        bundle = around(globals_of_init=declared, bound_in_init={"model"})
        found = explain_exception(
            "AttributeError", message, phase="run", evidence=(line, ""), around=bundle
        )
        remedies.append(found.remedy.split()[0])
    assert remedies == ["Write", "Find"]


def test_none_of_something_else_is_no_missing_global():
    """What re.match() did not find has nothing to do with init()."""
    message, line = "'NoneType' object has no attribute 'group'", "  re.match(a, b).group()"
    found = explain_exception("AttributeError", message, phase="run", evidence=(line,))
    assert found.code == "MS503"


def test_a_module_that_nobody_imported_is_to_be_imported():
    """A global statement would not help."""
    found = explain_exception("NameError", "name 'np' is not defined", phase="run")
    assert found.remedy == "Write import numpy as np at the top of the script."


@pytest.mark.parametrize("generated", [True, False])
def test_who_wrote_the_script_decides_who_corrects_it(generated):
    """A file that modelship wrote is no file to correct."""
    bundle = around(is_generated=generated)
    found = explain_exception("ValueError", "no", phase="run", where="score.py:23", around=bundle)
    assert ("Correct score.py:23" in found.remedy) is not generated
    assert ("entry_script" in found.remedy) is generated


@pytest.mark.parametrize("kind", ["dict", "StandardScaler"])
def test_a_model_file_that_holds_no_model_is_told_as_such(kind):
    """The script that modelship wrote calls predict() on what the file holds."""
    message = f"'{kind}' object has no attribute 'predict'"
    bundle = around(is_generated=True)
    found = explain_exception("AttributeError", message, phase="run", around=bundle)
    assert found.cause == f"The model file contains a {kind}, which has no predict()."
    assert "pass it as entry_script" in found.remedy


@pytest.mark.parametrize(
    ("kind", "message", "line"),
    [
        ("FileNotFoundError", 'File {"data": [[1]]} does not exist', "  pd.read_json(raw_data)"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '{\"a\": 1}'", "  open(raw)"),
        ("OSError", '[Errno 36] File name too long: \'{"data": [[1, 2', "  np.load(raw_data)"),
    ],
)
def test_a_request_is_no_name_of_a_file(kind, message, line):
    """No file of that name is asked for."""
    found = explain_exception(kind, message, phase="run", evidence=(line,))
    assert "the request itself" in found.cause
    assert "json.loads" in found.remedy


@pytest.mark.parametrize(
    ("kind", "message", "line", "begins"),
    [
        ("ValueError", "X has 3 features, but Ridge is expecting 4 features as input.", "",
         "Send rows of 4 values"),
        ("ValueError", "Input X contains NaN.", "", "Send no missing values"),
        ("ValueError", "could not convert string to float: 'north'", "", "Send numbers where"),
        ("ValueError", "columns are missing: {'age'}", "", "Send the columns {'age'} too"),
        ("KeyError", "'data'", "json.loads(raw_data)['data']", "Send a request that has the key"),
        ("KeyError", "'data'", "table = lookup(rows)",
         "Correct score.py:4, or the content of the request"),
    ],
)  # fmt: skip
def test_a_request_that_the_model_refuses_is_to_be_changed(kind, message, line, begins):
    """The caller is at fault, as far as the message tells it."""
    found = explain_exception(kind, message, phase="run", where="score.py:4", evidence=(line,))
    assert (found.code, found.remedy[: len(begins)]) == ("MS503", begins)


def test_a_request_that_is_read_as_python_is_no_syntax_error_of_the_script():
    """ast.literal_eval() says of a request what Python says of source."""
    line = "  rows = ast.literal_eval(raw_data)"
    found = explain_exception("SyntaxError", "invalid syntax", phase="run", evidence=(line,))
    assert found.code == "MS503"


@pytest.mark.parametrize(
    ("packages", "file", "remedy"),
    [
        ({"dill"}, "/home/me/train.py", "Save the model with dill.dump(model, file, recurse=True)"),
        ((), "/home/me/train.py", "Import it within the function, or move the function"),
        ({"dill"}, "score.py", "Write import numpy as np at the top of score.py."),
    ],
)
def test_what_a_function_of_the_model_lacks_is_not_asked_of_the_script(packages, file, remedy):
    """Its variables are those of the program that saved it."""
    found = explain_exception(
        "NameError",
        "name 'np' is not defined",
        phase="run",
        where="score.py:9",
        evidence=('  File "score.py", line 9, in run', f'  File "{file}", line 3, in scale'),
        around=around(packages_of_model=packages),
    )
    assert found.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("Can only use .dt accessor with datetimelike values", "dates"),
        ("'str' object has no attribute 'month'", "dates"),
        ("'str' object has no attribute 'toordinal'", "dates"),
        ("'>' not supported between instances of 'str' and 'Timestamp'", "dates"),
        ("Invalid comparison between dtype=str and Timestamp", "dates"),
        (
            "operation 'sub' not supported for dtype 'str' with object of type <class 'x.date'>",
            "dates",
        ),
        ("unsupported operand type(s) for -: 'str' and 'datetime.datetime'", "dates"),
        ("train and valid dataset categorical_feature do not match.", "categories"),
        ("pandas dtypes must be int, float or bool.\nFields: zone: str", "categories"),
    ],
)
def test_dtypes_that_nothing_tells_are_to_be_told(message, what):
    """Of a script that modelship wrote: one's own makes the table, and is to be corrected."""
    found = {
        is_generated: explain_exception(
            "ValueError", message, phase="run", around=around(is_generated=is_generated)
        )
        for is_generated in (True, False)
    }
    assert f"which columns contain {what}: run() raised ValueError" in found[True].cause
    assert "sample_input=X.head() (--sample-input X.parquet)" in found[True].remedy
    typed = worded(found[True].remedy)
    assert "--sample-input X.parquet, where X" in typed
    assert "pass --schema schema.json" in typed
    assert "--sample-input" not in found[False].remedy


def test_a_model_that_is_not_fitted_is_to_be_fitted():
    """No request and no script helps, not even one of the user's own."""
    found = explain_exception("NotFittedError", "It is not fitted yet.", phase="run")
    assert (found.code, found.remedy) == ("MS503", "Call fit(), and save the model again.")
