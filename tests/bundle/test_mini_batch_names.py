"""Scripts of mini-batches are recognized in the same way before and while they run."""

import ast

import pytest

from modelship.batch.scorer import mini_batch_calls
from modelship.bundle.mini_batch_scripts import MINI_BATCH_NAMES, mini_batch_function_of


def test_the_names_are_the_same():
    """The scoring process has a list of its own, since it runs without modelship."""
    assert mini_batch_calls.MINI_BATCH_NAMES == MINI_BATCH_NAMES


@pytest.mark.parametrize(
    ("script", "function"),
    [
        ("def run(mini_batch): ...", "run"),
        ("def run(miniBatch): ...", "run"),
        ("def run(raw_data): ...", ""),
        ("def run(raw_data): ...\ndef run_batch(x): ...", "run_batch"),
        ("from other import run_batch\ndef run(raw_data): ...", "run_batch"),
        ("def run(mini_batch, more): ...", ""),
    ],
)
def test_a_script_says_what_takes_mini_batches(script, function):
    """By the name of the function, or of the only parameter of run()."""
    assert mini_batch_function_of(ast.parse(script)) == function
