"""What older releases, dill and skops write in their own ways is safe to load."""

from __future__ import annotations

import subprocess
import sys

import cloudpickle
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from corpus.assembly import call, integer, name, pairs, text, values, whole
from modelship.sources.passport import read_passport

_ARRAY = (name("numpy:ndarray"), values(integer(0)), b"C\x01b")
_RECONSTRUCT = "numpy._core.multiarray:_reconstruct"
_DTYPE = call("numpy:dtype", text("f8"), b"\x89", b"\x88")
_BLOCK = "pandas.core.internals.blocks:new_block"


def _older_cloudpickle() -> bytes:
    """A function as cloudpickle 1.6 to 2.2 wrote it."""
    space = {"__name__": "__main__"}
    exec("def double(x):\n return x * 2", space)
    content = cloudpickle.dumps(space["double"], protocol=2)
    old = b"ccloudpickle.cloudpickle\n_function_setstate\n"
    assert old in content
    content = content.replace(old, old.replace(b"cloudpickle\n", b"cloudpickle_fast\n", 1))
    maker = b"ccloudpickle.cloudpickle\n_make_function\n"
    assert maker in content
    kind = b"ccloudpickle.cloudpickle\n_builtin_type\nX\n\x00\x00\x00LambdaType\x85R"
    return content.replace(maker, kind)


WRITTEN = {
    "cloudpickle 2": _older_cloudpickle(),
    "dill's array": whole(
        call(
            "dill._dill:_create_array",
            name(_RECONSTRUCT),
            values(*_ARRAY),
            values(integer(1), values(integer(0)), _DTYPE, b"\x89", b"C\x00"),
            b"N",
        )
    ),
    "dill's slice": whole(
        call("dill._dill:_load_type", text("slice")) + values(integer(0), integer(2), b"N") + b"R"
    ),
    "a block of pandas 1.3": whole(
        call("functools:partial", name(_BLOCK))
        + values(name(_BLOCK), b")", pairs(ndim=integer(2)), b"N")
        + b"b"
        + values(call(_RECONSTRUCT, *_ARRAY), integer(0))
        + b"R"
    ),
    "a time zone": whole(
        name("builtins:getattr")
        + values(name("zoneinfo:ZoneInfo"), text("_unpickle"))
        + b"R"
        + values(text("Europe/Berlin"), b"\x88")
        + b"R"
    ),
}


@pytest.mark.parametrize("title", WRITTEN)
def test_what_other_releases_write_is_safe(tmp_path, title):
    """It is no danger that an honest pickler of another release has its own ways."""
    path = tmp_path / "model.pkl"
    path.write_bytes(WRITTEN[title])
    passport = read_passport(path)
    assert passport.obstacles == ()


@pytest.mark.parametrize("recurse", [True, False])
def test_a_function_of_a_program_that_dill_wrote_is_safe(tmp_path, recurse):
    """Without recursing, dill gives it all variables of the program, by a name of its own."""
    code = (
        f"import dill\ndef double(x): return x * 2\n"
        f"open('model.pkl', 'wb').write(dill.dumps({{'f': double}}, recurse={recurse}))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
    assert read_passport(tmp_path / "model.pkl").obstacles == ()


def test_a_transformer_of_a_program_is_safe(tmp_path):
    """The wrapper that scikit-learn puts around transform belongs into the file of its class."""

    class Centered(TransformerMixin, BaseEstimator):
        def fit(self, values, _target=None):
            self.mean_ = np.mean(values, axis=0)
            return self

        def transform(self, values):
            return values - self.mean_

        def get_feature_names_out(self, names=None):
            return names

    Centered.__module__ = "__main__"
    path = tmp_path / "model.pkl"
    path.write_bytes(cloudpickle.dumps(Centered().fit(np.eye(2))))
    assert read_passport(path).obstacles == ()


def test_a_sparse_matrix_of_skops_is_safe(tmp_path):
    """Skops keeps it as a zip archive within its own, which SciPy reads without pickles."""
    io = pytest.importorskip("skops.io")
    sparse = pytest.importorskip("scipy.sparse")
    path = tmp_path / "model.skops"
    io.dump({"matrix": sparse.csr_matrix(np.eye(2))}, path)
    assert read_passport(path).obstacles == ()
