"""Test sets out of files."""

import json

import numpy as np
import pytest

from modelship.cli.testset import read_test_set
from modelship.errors import InvalidOptionError, InvalidTestSetError

CSV = "width,length,kind\n1,2.5,a\n3,4,b\n"


def test_npz_keeps_arrays_as_they_are(here):
    """Shapes and dtypes of X and y come back unchanged."""
    X, y = np.arange(12, dtype="float32").reshape(3, 2, 2), np.array([1, 2, 3])
    np.savez(here / "test.npz", X=X, y=y)
    X_read, y_read = read_test_set(here / "test.npz")
    assert X_read.dtype == X.dtype
    assert (X_read == X).all()
    assert (y_read == y).all()


@pytest.mark.parametrize(
    ("label", "X", "y"),
    [
        (None, [[1, 2.5], [3, 4]], ["a", "b"]),
        ("kind", [[1, 2.5], [3, 4]], ["a", "b"]),
    ],
)
def test_csv_takes_the_last_column_or_the_one_named(here, label, X, y):
    """The label column is y, the rest is X."""
    (here / "test.csv").write_text(CSV)
    X_read, y_read = read_test_set(here / "test.csv", label=label)
    assert X_read.tolist() == X
    assert y_read.tolist() == y


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        ("01", [0, 1]),
        (("0.5", "1"), [0.5, 1.0]),
        ("0a", ["0", "a"]),
        (("True", "False"), [True, False]),
        (("True", "None"), ["True", "None"]),
    ],
)
def test_csv_labels_are_numbers_if_all_of_them_are(here, cells, labels):
    """Integers stay integers, since a service answers integers."""
    (here / "test.csv").write_text("".join(["y,x\n", *(f"{cell},1\n" for cell in cells)]))
    _, y = read_test_set(here / "test.csv", label="y")
    assert y.tolist() == labels
    assert type(y.tolist()[0]) is type(labels[0])


def test_truth_values_of_csv_features_are_numbers(here):
    """Columns such as pandas.get_dummies makes them are 1 and 0, as a model sees them."""
    (here / "test.csv").write_text("red,width,y\nTrue,2.5,1\nFalse,3,0\n")
    X, _ = read_test_set(here / "test.csv")
    assert X.tolist() == [[1, 2.5], [0, 3]]


def test_json_with_a_byte_order_mark_is_read(here):
    """Editors of Windows write one."""
    document = json.dumps({"X": [[1], [2]], "y": [0, 1]})
    (here / "test.json").write_text(document, encoding="utf-8-sig")
    assert read_test_set(here / "test.json")[1].tolist() == [0, 1]


def test_json_is_read_as_two_lists(here):
    """X and y are taken by their names."""
    (here / "test.json").write_text(json.dumps({"X": [[1, 2], [3, 4]], "y": ["a", "b"]}))
    X, y = read_test_set(here / "test.json")
    assert (X.shape, y.tolist()) == ((2, 2), ["a", "b"])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "width,kind\n1,a\nwide,b\n", "line 3 of"),
        ("a.csv", "width,kind\n1\n", "has 1 cells, but the header has 2"),
        ("a.csv", "kind\n1\n", "two columns or more"),
        ("a.csv", "", "two columns or more"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "[1]", "holds a list"),
        ("a.json", '{"x": [1], "y": [1]}', "holds x, y, but lacks X"),
        ("a.json", '{"X": [[1], [1, 2]], "y": [1, 2]}', "not all of one length"),
        ("a.npz", "PK", "cannot be read"),
        ("a.npz", "", "cannot be read"),
    ],
)
def test_a_file_without_a_test_set_is_told_why(here, name, content, said):
    """A wrong file is an InvalidTestSetError that says what is wrong in it."""
    (here / name).write_text(content)
    with pytest.raises(InvalidTestSetError) as caught:
        read_test_set(here / name)
    assert said in caught.value.message


def test_a_pickle_in_an_npz_is_not_loaded(here):
    """Object arrays would run code when they are read."""
    np.savez(here / "test.npz", X=np.array([{}], dtype=object), y=np.array([1]))
    with pytest.raises(InvalidTestSetError, match="allow_pickle"):
        read_test_set(here / "test.npz")


def test_an_unknown_label_is_answered_with_the_nearest_column(here):
    """A typing error in --label is easily mended."""
    (here / "test.csv").write_text(CSV)
    with pytest.raises(InvalidTestSetError, match="did you mean 'kind'"):
        read_test_set(here / "test.csv", label="kin")


@pytest.mark.parametrize(("name", "label"), [("none.npz", None), ("a.xlsx", None), ("a.json", "y")])
def test_a_file_that_cannot_be_meant_is_an_option_error(here, name, label):
    """Missing files, other suffixes, and --label for what has no columns."""
    for each in ("a.xlsx", "a.json"):
        (here / each).write_text("{}")
    with pytest.raises(InvalidOptionError):
        read_test_set(here / name, label=label)
