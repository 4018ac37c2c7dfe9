"""Which names of a model are dangerous, unknown, or of the program that saved it."""

from __future__ import annotations

import collections
import contextlib
import io
import operator
import os
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from modelship.errors import CorruptModelError
from modelship.sources._globals import Judgement, Use, judge
from modelship.sources.passport import read_passport


def _words(text: str) -> list[str]:
    return text.split()


DANGEROUS = _words("""
os.system posix.system nt.system subprocess.Popen subprocess.check_output builtins.eval
builtins.exec builtins.__import__ builtins.getattr builtins.compile builtins.open
__builtin__.eval __builtin__.apply runpy.run_path pty.spawn socket.create_connection
webbrowser.open shutil.rmtree importlib.import_module importlib._bootstrap._load
operator.attrgetter operator.methodcaller _operator.attrgetter numpy.load numpy.os.system
numpy.testing._private.utils.runstring numpy.f2py.crackfortran.getlincoef pip.main
pip._internal.main io.open _io.open _io.FileIO pathlib.Path.write_text pathlib.PosixPath.unlink
pickle.loads _pickle.loads joblib.load cloudpickle.loads dill.loads torch.load
torch.hub.load pandas.read_pickle pandas.core.computation.eval.eval types.CodeType
types.FunctionType ctypes.CDLL code.InteractiveInterpreter.runcode pdb.run timeit.timeit
pydoc.pipepager idlelib.run.Executive.runcode urllib.request.urlopen requests.api.get
sys.exit multiprocessing.process.BaseProcess asyncio.create_subprocess_shell
sklearn.pipeline.Pipeline.__init__.__globals__ collections.sys.modules uuid._get_command_stdout
_posixsubprocess.fork_exec ssl.get_server_certificate site.execsitecustomize codecs.encode
functools.reduce itertools.starmap inspect.getmembers wave.open dataclasses.dataclass
sklearn.datasets._base.load_iris numpy.loadtxt numpy.savetxt numpy.memmap numpy.ndarray.tofile
numpy.lib.stride_tricks.as_strided numpy.lib._datasource.DataSource numpy.core._ufunc_reconstruct
pandas.io.common.get_handle pandas.core.frame.DataFrame.query pandas.core.generic.NDFrame.to_csv
pandas.core.frame.DataFrame.agg pandas.core.reshape.pivot.crosstab patsy.highlevel.dmatrix
scipy.signal._signaltools.timeit.timeit scipy.signal._signaltools.timeit.Timer
sklearn.ensemble._forest.warn sklearn.base.functools.reduce __main__.runpy.run_path
scipy._lib._uarray._backend.unpickle_function polars.expr.expr.Expr polars.lazyframe.frame.LazyFrame
joblib.parallel.delayed joblib.memory.MemorizedFunc torch.compile typing.ForwardRef
urllib.parse.sys.modules churn.features.timeit.repeat churn.helpers.Popen
scipy.io._netcdf.netcdf_file joblib.pool.MemmappingPool polars.selectors.Selector
xgboost.tracker.RabitTracker
""")

UNKNOWN = _words("""
parts.Line churn.features.Scaler churn.features.clean umap.umap_.UMAP os_like.system
sklearn.ensemble._newer.Forest pandas.core.newer.Frame spacy.language.Language __main__.Scaler
hdbscan._hdbscan_tree.__pyx_unpickle_CondensedTree
""")

KNOWN = _words("""
builtins.dict builtins.ValueError collections.OrderedDict copyreg._reconstructor datetime.date
decimal.Decimal pathlib.PosixPath pathlib._local.PosixPath functools.partial operator.itemgetter
numpy.ndarray numpy.core.multiarray._reconstruct numpy._core.multiarray.scalar numpy.log1p
numpy.random._pickle.__randomstate_ctor numpy.random.bit_generator.__pyx_unpickle_SeedSequence
scipy.sparse._csr.csr_matrix scipy.special._ufuncs.expit pandas.core.frame.DataFrame
pandas._libs.internals._unpickle_block pandas.core.indexes.base._new_Index
sklearn.metrics._classification.accuracy_score sklearn.neighbors._kd_tree.newObj
sklearn.externals.joblib.numpy_pickle.NumpyArrayWrapper lightgbm.basic.Booster
xgboost.core.Booster catboost.core.CatBoostClassifier torch._utils._rebuild_tensor_v2
joblib.numpy_pickle.NumpyArrayWrapper logging.getLogger _codecs.encode
builtins.str.lower builtins.sorted urllib.parse.quote math.log1p scipy.special._ufuncs.logit
pandas.core.generic.NDFrame.fillna pandas.core.tools.numeric.to_numeric
scipy.stats._continuous_distns.norm_gen torch.nn.modules.linear.Linear torch.nn.functional.relu
""")


def test_names_are_judged():
    """Each name that is misused is dangerous, and none that models really hold is even unknown."""
    groups = {
        Judgement.DANGEROUS: DANGEROUS,
        Judgement.UNKNOWN: UNKNOWN,
        Judgement.KNOWN: KNOWN,
    }
    for expected, names in groups.items():
        assert [name for name in names if judge(name, Use.HOLD) is not expected] == []


def test_what_is_called_has_to_be_known():
    """The same unknown name is a warning where it is held, and dangerous where it is called."""
    assert judge("churn.features.Scaler", Use.HOLD | Use.MAKE) is Judgement.UNKNOWN
    assert judge("churn.features.Scaler", Use.HOLD | Use.CALL) is Judgement.DANGEROUS
    assert judge("os.system", Use.HOLD) is Judgement.DANGEROUS
    assert judge("collections.OrderedDict", Use.CALL) is Judgement.KNOWN


def _named(path, content: bytes):
    path.write_bytes(content)
    return read_passport(path)


def test_honest_models_raise_no_suspicion(tmp_path, estimators, iris):
    """Nothing in models of many kinds is dangerous or unknown."""
    X, y = iris
    more = [
        HistGradientBoostingClassifier(max_iter=2, random_state=np.random.RandomState(0)),
        KNeighborsClassifier(algorithm="kd_tree"),
        make_pipeline(FunctionTransformer(np.exp), SelectKBest(f_classif, k=2)),
    ]
    for model in [*estimators.values(), *(each.fit(X, y) for each in more)]:
        passport = _named(tmp_path / "model.pkl", pickle.dumps(model))
        assert (passport.dangerous, passport.unknown, passport.from_main) == ((), (), ())


def _text(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


OS, GETPID, GOOD = _text("os"), _text("getpid"), _text("collections")
HIDDEN = {
    "memoized": OS + b"\x940" + GETPID + b"\x940h\x00h\x01\x93",
    "a place filled twice": GOOD + b"q\x00q\x00" + GOOD + b"\x94" + OS + b"\x9400" + b"0h\x02"
    + GETPID + b"\x93",
    "places filled out of order": GOOD + b"q\x01" + OS + b"\x940" + b"h\x01" + GETPID + b"\x93",
    "a place overwritten": OS + b"q\x05" + GOOD + b"q\x05" + OS + b"q\x05000" + b"h\x05" + GETPID
    + b"\x93",
    "escapes": b"S'\\x6fs'\nS'get\\160id'\n\x93",
    "unicode escapes": b"V\\u006fs\nVgetpid\n\x93",
    "nested": _text("shutil") + _text("os.getpid") + b"\x93",
    "a second protocol": b"\x80\x02c__builtin__\neval\n",
    "INST": b"(ios\ngetpid\n",
    "a long text": b"\x8d" + (2).to_bytes(8, "little") + b"os" + GETPID + b"\x93",
}  # fmt: skip


@pytest.mark.parametrize("way", HIDDEN)
def test_no_way_of_naming_hides_a_name(tmp_path, way):
    """Whatever instructions bring a name together, it is seen as unpickling would see it."""
    content = b"\x80\x04" + HIDDEN[way] + b"."
    assert _named(tmp_path / "model.pkl", content).dangerous
    assert pickle.loads(content) in {os.getpid, eval, os.getpid()}, "it was meant to be loaded"


class _Witness(pickle._Unpickler):
    """Python's own unpickler; it notes what it would import, and imports nothing."""

    def __init__(self, file) -> None:
        super().__init__(file)
        self.seen = set()

    def find_class(self, module: str, name: str) -> type:
        self.seen.add((module, name))
        return _Inert


class _Inert:
    def __new__(cls, *arguments, **keywords):
        return object.__new__(cls)

    def __init__(self, *arguments, **keywords) -> None:
        pass

    def __setstate__(self, state) -> None:
        pass


PIECES = [
    *(b"\x94", b"q\x00", b"q\x01", b"q\x02", b"r\x03\x00\x00\x00", b"p5\n", b"h\x00", b"h\x01"),
    *(b"h\x02", b"j\x03\x00\x00\x00", b"g5\n", OS, GETPID, GOOD, b"S'\\x6fs'\n", b"V\\u006fs\n"),
    *(b"X\x02\x00\x00\x00os", b"\x93", b"0", b"2", b"N", b"(", b"1", b"t", b"\x85", b"\x86"),
    *(b"}", b"]", b"s", b"a", b"R", b"\x81", b"b", b"K\x05", b"cos\ngetpid\n", b"ios\ngetpid\n"),
]


# 500 in the long run.
@settings(
    max_examples=5 * settings().max_examples,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=14), tail=st.sampled_from([0, 400]))
def test_what_python_would_import_is_named(tmp_path, pieces, tail):
    """Whatever instructions Python carries out, each import of its is named, or all is refused."""
    content = b"\x80\x04" + b"".join(pieces) + b"\x93." + b"N." * tail
    witness = _Witness(io.BytesIO(content))
    with contextlib.suppress(Exception):
        witness.load()
    with contextlib.suppress(CorruptModelError):
        named = _named(tmp_path / "model.pkl", content).globals
        assert {".".join(each) for each in witness.seen} <= {*named}


def test_the_memo_is_counted_as_unpickling_counts(tmp_path):
    """A name from the memo is the one that Python takes, after a place was filled twice."""
    body = b"}q\x00q\x00" + _text("collections") + b"\x94" + _text("operator") + b"\x94"
    content = b"\x80\x04" + body + b"h\x02" + _text("itemgetter") + b"\x93."
    assert pickle.loads(content) is operator.itemgetter
    assert _named(tmp_path / "model.pkl", content).globals == ("operator.itemgetter",)


def test_a_place_that_is_overwritten_tells_no_old_name(tmp_path):
    """A module's name that is computed is a hazard, not taken for what was there before."""
    computed = b"c__builtin__\nstr\nX\x02\x00\x00\x00os\x85Rq\x05"
    content = b"\x80\x02" + GOOD + b"q\x05" + computed + b"00h\x05" + _text("system") + b"\x93."
    passport = _named(tmp_path / "model.pkl", content)
    assert passport.hazards == ("it computes the name of what it imports",)
    assert passport.globals == ("builtins.str",)


def test_what_hides_in_an_array_is_seen(tmp_path):
    """What joblib takes for an array's bytes, pickle.load carries out."""
    wrapper = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81"
    dtype = b"cnumpy\ndtype\nX\x02\x00\x00\x00u1\x85R"
    hidden = b"0cos\ngetpid\n)R."
    state = b"}(" + _text("dtype") + dtype + _text("shape") + b"K" + bytes([len(hidden)]) + b"\x85u"
    content = b"\x80\x04" + wrapper + state + b"b" + hidden + b"."
    path = tmp_path / "model.joblib"
    assert _named(path, content).dangerous == ("os.getpid",)
    assert pickle.loads(content) == os.getpid(), "the file was meant to be harmful"


def test_an_array_is_as_long_as_numpy_takes_it(tmp_path):
    """The size in the state of a plain type is not believed, since NumPy does not believe it."""
    wrapper = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81"
    dtype = b"cnumpy\ndtype\nX\x02\x00\x00\x00u1\x85R(K\x03X\x01\x00\x00\x00|NNNK\x14K\x01K\x00tb"
    state = b"}(" + _text("dtype") + dtype + _text("shape") + b"K\x01\x85u"
    content = (
        b"\x80\x04" + wrapper + state + b"b" + b"\x00" + b"0cos\ngetpid\n)R" + b"N" * 40 + b"."
    )
    passport = _named(tmp_path / "model.joblib", content)
    assert "os.getpid" in passport.globals or not passport.complete


def test_what_follows_leaves_the_passport_incomplete(tmp_path, linear):
    """A second pickle in the same file is described too; anything else is not, and that is told."""
    content = pickle.dumps(linear) + pickle.dumps(os.getpid)
    passport = _named(tmp_path / "model.pkl", content)
    assert passport.complete
    assert f"{os.getpid.__module__}.getpid" in passport.dangerous
    passport = _named(tmp_path / "model.pkl", content + b"more")
    assert passport.incomplete_because == ("there is extra data after the pickle",)


def test_a_name_without_promise_hides_nothing(tmp_path):
    """What begins as a pickle is looked through, whatever the file is called."""
    content = pickle.dumps(os.getpid) + b"trailing"
    passport = _named(tmp_path / "weights.bin", content)
    assert (passport.format, passport.complete) == ("pickle", False)
    assert passport.dangerous == (f"{os.getpid.__module__}.getpid",)


def test_classes_of_the_program_are_named(tmp_path):
    """Classes of __main__ are set apart, nested ones too."""
    content = b"\x80\x04" + _text("__main__") + _text("Model.Part") + b"\x93."
    passport = _named(tmp_path / "model.pkl", content)
    assert passport.from_main == ("__main__.Model.Part",)
    assert (passport.unknown, passport.packages) == ((), ())


@pytest.mark.parametrize("protocol", range(6))
def test_containers_are_known_in_every_protocol(tmp_path, protocol):
    """What pickling writes for containers and bytes differs by protocol, and is never unknown."""
    value = [collections.OrderedDict(a=b"x"), collections.defaultdict(list), {1, 2}, 1j, range(3)]
    passport = _named(tmp_path / "model.pkl", pickle.dumps(value, protocol))
    assert (passport.dangerous, passport.unknown) == ((), ())
