"""Check a report against required bounds."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

from modelship.errors import GateError, InvalidOptionError, UnknownMetricError
from modelship.evaluation.metrics import LOSSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.evaluation.report import Report

__all__ = ["check_are_bounds", "check_bounds"]


def check_bounds(report: Report, bounds: Mapping[str, float]) -> None:
    """Check that `report` meets every bound: scores at least theirs, losses at most theirs.

    Raises
    ------
    GateError
        If it does not; an undefined metric (NaN) meets no bound.
    UnknownMetricError
        If the report has no such metric.
    InvalidOptionError
        If there is no bound, or one is not a finite number.
    """
    check_are_bounds(bounds, known=tuple(report.metrics))
    failures = [
        _sentence(name, report.metrics[name], float(bound))
        for name, bound in bounds.items()
        if not _keeps(name, report.metrics[name], float(bound))
    ]
    if failures:
        raise GateError(report=report, failures=failures)


def check_are_bounds(bounds: Mapping[str, float], *, known: Sequence[str]) -> None:
    """Raise unless there is a bound, and each is a finite number for one of the `known` metrics."""
    if not bounds:
        raise InvalidOptionError(
            option="bounds", found={}, expected="at least one, such as accuracy=0.9"
        )
    for name, bound in bounds.items():
        if name not in known:
            raise UnknownMetricError(name=name, known=known)
        if not _is_number(bound):
            raise InvalidOptionError(option=name, found=bound, expected="a finite number")


def _is_number(bound: object) -> bool:
    if isinstance(bound, bool):
        return False
    return isinstance(bound, Real) and math.isfinite(bound)


def _keeps(name: str, value: float, bound: float) -> bool:
    return value <= bound if name in LOSSES else value >= bound


def _sentence(name: str, value: float, bound: float) -> str:
    side = "at most" if name in LOSSES else "at least"
    return f"{name} is {_shown(name, value, bound)}, but {side} {bound:.16g} is required"


def _shown(name: str, value: float, bound: float) -> str:
    """Round `value` only as far as it is still visible that the bound is not met."""
    if math.isnan(value):
        return "undefined (NaN)"
    roundings = (f"{value:.{digits}g}" for digits in range(4, 17))
    return next((text for text in roundings if not _keeps(name, float(text), bound)), repr(value))
