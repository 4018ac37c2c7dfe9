"""Every error: in the tree, in the documents, picklable, and pleasant to read."""

import dataclasses
import inspect
import pickle
from pathlib import Path

import pytest

from modelship import errors
from modelship.findings import RULES
from modelship.parity import Difference, ScoringRequest

ALL = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, errors.ModelshipError)
]
DOCS = Path(__file__).parents[1] / "docs" / "reference" / "errors.md"


def example_of(cls):
    """Make an error of `cls` out of placeholders."""
    if dataclasses.is_dataclass(cls):
        names = [each.name for each in dataclasses.fields(cls)]
    else:
        names = [
            name
            for name in inspect.signature(cls.__init__).parameters
            if name not in {"self", "args", "kwargs"}
        ]
    figures = {"<figures>": 2.0}
    placeholders = {"line": 3, "timeout_s": 5.0, "port": 80, "status": 500, "figures": figures}
    sequences = {
        name: ["alpha"] for name in ("known", "nearby", "failures", "differences", "found")
    }
    values = {name: f"<{name}>" for name in names} | placeholders | sequences
    if cls is errors.ParityError:
        request = ScoringRequest("<request>")
        values["differences"] = [Difference(request, "body", {"here": "<here>"})]
    values["findings"] = [RULES["MS101"].finding("<findings>")]
    values["diagnosis"] = RULES["MS101"].diagnosis("<diagnosis>")
    return cls(**{name: values[name] for name in names})


@pytest.mark.parametrize("cls", ALL)
def test_error_is_public_and_drawn_in_the_tree(cls):
    """Each error is in __all__ and in the tree of the module's docstring."""
    assert cls.__name__ in errors.__all__
    assert f" {cls.__name__}\n" in errors.__doc__ or f" {cls.__name__} " in errors.__doc__


@pytest.mark.parametrize("cls", ALL)
def test_error_is_documented_with_its_exit_code(cls):
    """The reference has a row for each error, with its exit code and the summary of its class."""
    summary = " ".join(inspect.getdoc(cls).partition("\n\n")[0].split()).replace("``", "`")
    assert f"| `{cls.__name__}` | {cls.exit_code} | {summary} |" in DOCS.read_text()


@pytest.mark.parametrize(
    "cls", [cls for cls in ALL if cls.message is not errors.ModelshipError.message]
)
def test_error_says_what_it_was_given(cls):
    """The sentence of each error holds the data that the raising place passed."""
    error = example_of(cls)
    assert str(error).startswith(error.message)
    given = ["alpha", "80", *(f"<{word}>" for word in vars(error))]
    assert any(value in str(error) for value in given)


@pytest.mark.parametrize(
    "cls", [cls for cls in ALL if cls.message is not errors.ModelshipError.message]
)
def test_error_survives_pickling(cls):
    """An error raised in a worker process reads the same in its parent."""
    error = example_of(cls)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error)


def test_no_error_ever_tells_to_install_the_other_project():
    """The name on PyPI is another project's: every hint installs modelship-ml."""
    error = errors.MissingExtraError(purpose="Drawing", extra="report")
    assert error.hint == "pip install 'modelship-ml[report]'"
    root = Path(__file__).parents[1]
    texts = [*root.glob("src/**/*.py"), *root.glob("docs/**/*.md"), root / "README.md"]
    forbidden = "pip install " + "modelship"
    for text in texts:
        for line in text.read_text().splitlines():
            assert forbidden not in line.replace("modelship-ml", ""), (text, line)


def test_a_name_in_another_case_is_the_nearest():
    """A name that differs in its case alone is suggested as it is written."""
    assert errors.nearest("R2", ["mae", "r2"]) == " (did you mean 'r2'?)"
    assert errors.nearest("R2", ["mae"]) == ""


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ModuleNotFoundError("No module named 'azure.ai'"), "is not installed."),
        (ImportError("cannot import name 'a'"), "cannot be imported (cannot import name 'a')."),
    ],
)
def test_a_package_that_is_there_is_not_called_missing(raised, told):
    """It may be broken, or not fit another one."""
    error = errors.MissingExtraError.of_import(raised, purpose="A workspace", extra="azure-v2")
    assert f"A workspace needs the extra 'azure-v2', which {told}" in str(error)
