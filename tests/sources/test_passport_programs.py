"""What cloudpickle and dill write of a program's own estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cloudpickle
import pytest

from corpus.assembly import call, name, text, values, whole
from modelship.sources.passport import read_passport

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils.metaestimators import available_if

class Centred(TransformerMixin, BaseEstimator):
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_

    @available_if(lambda self: True)
    def inverse_transform(self, X):
        return X + self.mean_
"""
RECONSTRUCT = name("numpy._core.multiarray:_reconstruct")
EMPTY = values(name("numpy:ndarray"), values(b"K\x00"), b"C\x01b")
STATE = values(
    *(b"K\x01", values(b"K\x03")),
    *(call("numpy:dtype", text("u1"), b"\x89", b"\x88"), b"\x89", b"C\x03abc"),
)


def _array(*args: bytes) -> bytes:
    """An array in dill's words."""
    return whole(call("dill._dill:_create_array", *args))


def test_a_transformer_that_cloudpickle_carries_along_is_no_danger(tmp_path: Path):
    """scikit-learn wraps its methods in functions, which cloudpickle writes out."""
    space: dict[str, object] = {"__name__": "__main__"}
    exec(PROGRAM, space)
    path = tmp_path / "model.pkl"
    path.write_bytes(cloudpickle.dumps(space["Centred"]()))
    passport = read_passport(path)
    assert (passport.obstacles, passport.unknown) == ((), ())


def test_an_array_that_dill_wrote_is_no_danger(tmp_path: Path):
    """Dill makes an array and gives it its state in one call."""
    path = tmp_path / "model.pkl"
    path.write_bytes(_array(RECONSTRUCT, EMPTY, STATE, b"N"))
    assert read_passport(path).obstacles == ()


@pytest.mark.parametrize(
    "args",
    [
        (name("os:system"), values(text("true")), b"N", b"N"),
        (name("joblib.numpy_pickle:NumpyArrayWrapper"), b")", STATE, b"N"),
        (RECONSTRUCT, EMPTY, STATE, b"}"),
        (RECONSTRUCT, EMPTY, values(name("os:system")), b"N", b"N"),
        (),
    ],
)
def test_what_only_looks_like_an_array_of_dill_is_a_danger(tmp_path: Path, args: tuple[bytes, ...]):
    """The call makes whatever it names."""
    path = tmp_path / "model.pkl"
    path.write_bytes(_array(*args))
    assert not read_passport(path).safe_to_load
