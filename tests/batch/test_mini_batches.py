"""The contract of run(mini_batch): what it is called with, and what counts as failed."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from modelship.batch.mini_batch.mini_batches import BatchScript, result_of, run_mini_batch


def test_each_element_of_a_list_is_a_line():
    """As str() writes it, so that readers get it back with literal_eval()."""
    found = result_of([["a.txt", 1], "plain", 2.5], items=3)
    assert (found.rows, found.failed) == (3, 0)
    assert found.text == "['a.txt', 1]\nplain\n2.5\n"


def test_a_table_is_written_with_spaces_and_without_a_header():
    """The file is read with ``pd.read_csv(..., header=None, sep=" ")``."""
    table = pd.DataFrame({"file": ["a.txt", "b c.txt"], "prediction": [0, 1]})
    found = result_of(table, items=2)
    assert (found.rows, found.text) == (2, 'a.txt 0\n"b c.txt" 1\n')


@pytest.mark.parametrize("returned", [np.array([1, 2]), pd.Series([1, 2]), (1, 2)])
def test_arrays_are_lists(returned):
    """An array, a column and a tuple have elements, too."""
    assert result_of(returned, items=2).text == "1\n2\n"


@pytest.mark.parametrize(("returned", "failed"), [([1], 2), ([], 3), ([None] * 3, 0), ([1] * 9, 0)])
def test_missing_elements_are_failures(returned, failed):
    """None is an element, and more elements than items are allowed."""
    assert result_of(returned, items=3).failed == failed


@pytest.mark.parametrize("returned", [None, "text", {"a": 1}, 7])
def test_other_types_fail(returned):
    """The message says what to return."""
    found = run_mini_batch(lambda _batch: returned, ["a"])
    assert (found.rows, found.failed) == (0, 1)
    assert f"run() returned {type(returned).__name__}, not a list" in found.error


def test_an_exception_is_a_failure_of_the_mini_batch():
    """The traceback begins in the script."""

    def run(mini_batch):
        raise ValueError(mini_batch)

    found = run_mini_batch(run, ("a", "b"))
    assert found.failed == 2
    assert found.error.endswith("ValueError: ['a', 'b']\n")
    assert "mini_batches.py" not in found.error.replace("test_mini_batches.py", "")


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that loads a script with this text."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "driver_script", raising=False)

    def make(text, name="driver_script.py"):
        (tmp_path / "beside_driver.py").write_text("COLOR = 'blue'")
        (tmp_path / name).write_text(text)
        return BatchScript.load(str(tmp_path / name))

    yield make
    for name in ("driver_script", "beside_driver"):
        sys.modules.pop(name, None)


def test_a_script_imports_what_lies_next_to_it(load):
    """Without init(), nothing is prepared."""
    script = load("import beside_driver\ndef run(batch):\n    return [beside_driver.COLOR]")
    assert script.init() is None
    assert run_mini_batch(script.run, ["a"]).text == "blue\n"


def test_a_script_needs_run(load):
    """The message names the function."""
    with pytest.raises(TypeError, match=r"driver_script\.py has no function run\(mini_batch\)"):
        load("def init(): pass")
