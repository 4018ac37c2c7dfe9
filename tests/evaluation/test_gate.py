"""The gate: what passes, what does not, and how it is said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.errors import GateError, InvalidOptionError, UnknownMetricError
from modelship.evaluation import Evaluator, Report


def scored(*, right, of=10_000):
    """Make a report of an accuracy that is known."""
    y = np.zeros(of, dtype=int)
    return Report(X=y, y_true=y, y_pred=(np.arange(of) >= right).astype(int), task="classification")


def test_report_that_passes_is_returned(report):
    """A gate that is passed hands on the report, its own values included."""
    assert report.require(accuracy=0.5, log_loss=5) is report
    assert report.require(**report.metrics) is report


def test_failure_reads_as_a_sentence():
    """The error says each metric, its value and its bound, and carries the report."""
    found = scored(right=8812)
    with pytest.raises(GateError) as caught:
        found.require(accuracy=0.9, recall=0.1, f1=0.99)
    assert caught.value.report is found
    assert caught.value.failures[0] == "accuracy is 0.8812, but at least 0.9 is required"
    assert len(caught.value.failures) == 2
    assert caught.value.exit_code == 4


def test_rounding_does_not_hide_a_failure():
    """A value just below its bound is shown with the digits that tell them apart."""
    with pytest.raises(GateError, match=r"accuracy is 0\.899999, but at least 0\.9 is required"):
        scored(right=899_999, of=1_000_000).require(accuracy=0.9)


def test_losses_have_upper_bounds(regression_report):
    """Errors of a regression pass below their bound and fail above it."""
    mae = regression_report.mae
    regression_report.require(mae=mae, rmse=1000, r2=0.3)
    with pytest.raises(GateError, match=r"mae is .* but at most 1 is required"):
        regression_report.require(mae=1)


@given(bound=st.floats(0, 1))
def test_gate_is_the_comparison(bound):
    """For any bound the gate opens exactly if the accuracy reaches it."""
    found = scored(right=73, of=100)
    if bound <= 0.73:
        assert found.require(accuracy=bound) is found
    else:
        with pytest.raises(GateError):
            found.require(accuracy=bound)


def test_undefined_metric_fails():
    """R2 of a single row is not a number, and keeps no bound, however low."""
    found = Evaluator([[1]], [0.5]).evaluate(lambda batch: [0.5])
    assert math.isnan(found.r2)
    with pytest.raises(GateError, match=r"r2 is undefined \(NaN\)"):
        found.require(r2=-1e9)


@pytest.mark.parametrize("bound", [math.nan, math.inf, "0.9", None, True, 1j])
def test_bound_that_is_no_number_is_refused(report, bound):
    """What cannot be compared is refused, and so is True, which is 1 by accident."""
    with pytest.raises(InvalidOptionError, match="accuracy is"):
        report.require(accuracy=bound)


def test_gate_without_bounds_is_refused(report):
    """A gate that checks nothing would always be open."""
    with pytest.raises(InvalidOptionError, match=r"accuracy=0\.9"):
        report.require()


@pytest.mark.parametrize("bounds", [{"acuracy": 0.9}, {"rmse": 1}, {"n_samples": 1}])
def test_unknown_metric_is_refused(report, bounds):
    """A name that the report does not hold is an error even if other bounds fail."""
    with pytest.raises(UnknownMetricError) as caught:
        report.require(accuracy=1.0, **bounds)
    assert "accuracy" in caught.value.hint
