"""The table of known names: no way around it, and no harm through what is on it."""

from __future__ import annotations

import functools
import json
import os
import pickle
import subprocess
import sys

import known_names_walk
import numpy as np
import pandas as pd
import pytest
import scipy.stats as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV

from modelship.sources._denied import leads_to_code
from modelship.sources._globals import Judgement, Use, _lines, judge, use_of
from modelship.sources.passport import read_passport

NAMES = [f"{module}.{name[1:]}" for module, names in _lines().items() for name in names.split()]


def test_the_table_holds_nothing_that_is_denied():
    """What is on the lists of dangerous names is not in the table."""
    assert [name for name in NAMES if leads_to_code(name)] == []
    assert len(NAMES) > 9000
    assert {use_of(name) for name in NAMES} == {"H", "M", "C"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_name_leads_to_the_same_thing_wherever_it_is_parted():
    """``a.b.C`` is C of the module a.b, and not something else in what a itself calls b."""
    different = []
    for name in NAMES:
        parts = name.split(".")
        ways = {
            id(found) for cut in range(1, len(parts)) if (found := _found(parts, cut)) is not None
        }
        # A method of a built-in type is another object each time.
        different += [name] if len(ways) > 1 and not name.endswith("__") else []
    assert different == []


def _found(parts: list[str], cut: int):
    """Return what pickle finds under these parts of a name, of what is imported already."""
    module = sys.modules.get(".".join(parts[:cut]))
    try:
        return functools.reduce(getattr, parts[cut:], module)
    except AttributeError:
        return None


@pytest.mark.filterwarnings("ignore")
def test_names_reached_through_another_module_are_not_known():
    """Of all that some 300 modules of the numeric libraries import, nothing dangerous is known."""
    looked_at, wrong = known_names_walk.look(all_of_them=False, every=4)
    assert wrong == []
    assert looked_at > 10_000


@pytest.mark.long
def test_no_name_of_any_module_leads_to_one_that_is_not_known():
    """The same of all modules, which a Python of its own imports."""
    done = subprocess.run(
        [sys.executable, known_names_walk.__file__], capture_output=True, text=True, check=True
    )
    looked_at, wrong = json.loads(done.stdout.splitlines()[-1])
    assert wrong == []
    assert looked_at > 100_000


def test_a_known_class_is_not_known_to_be_called():
    """A class that files make an instance of may not be called with arguments of theirs."""
    assert judge("sklearn.pipeline.Pipeline", Use.HOLD | Use.MAKE) is Judgement.KNOWN
    assert judge("sklearn.pipeline.Pipeline", Use.MAKE | Use.CALL) is Judgement.DANGEROUS
    assert judge("numpy.log1p", Use.HOLD) is Judgement.KNOWN
    assert judge("numpy.log1p", Use.CALL) is Judgement.DANGEROUS
    assert judge("builtins.type", Use.CALL) is Judgement.DANGEROUS


# --- harmless names that run what a file says -------------------------------------------------


def _global(name: str) -> bytes:
    module, _, attribute = name.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def _text(text: str) -> bytes:
    return b"X" + len(text).to_bytes(4, "little") + text.encode()


NORM = _global("scipy.stats._continuous_distns.norm_gen") + b")\x81"
KEY, CODE = _text("_parse_arg_template"), _text("import os\nos.environ['MODELSHIP_RAN'] = 'yes'\n")
DICT, PAIRS = b"}(" + KEY + CODE + b"u", b"](" + KEY + CODE + b"\x86e"
CALLED = b"\x85R"
EVALUATED = {
    "a dict": NORM + DICT,
    "pairs": NORM + PAIRS,
    "a tuple of pairs": NORM + KEY + CODE + b"\x86" + _text("ab") + b"\x86",
    "keys of a dict for a pair": NORM + b"}(" + KEY + b"N" + CODE + b"Nu" + _text("ab") + b"\x86",
    "a dict that is called for": NORM + _global("builtins.dict") + PAIRS + CALLED,
    "an ordered dict": NORM + _global("collections.OrderedDict") + b")R(" + KEY + CODE + b"u",
    "a computed key": NORM + b"}(" + _global("builtins.str") + KEY + CALLED + CODE + b"u",
    "a base class": _global("scipy.stats._distn_infrastructure.rv_continuous") + b")\x81" + PAIRS,
    "an old way to make it": _global("copyreg._reconstructor")
    + _global("scipy.stats._continuous_distns.norm_gen") + _global("builtins.object")
    + b"N\x87R" + DICT,
}  # fmt: skip


@pytest.mark.parametrize("way", EVALUATED)
def test_no_state_makes_scipy_execute_a_text(tmp_path, monkeypatch, way):
    """SciPy's distributions execute a text of their state, so it has to be SciPy's own."""
    path = tmp_path / "model.pkl"
    content = b"\x80\x04" + EVALUATED[way] + b"b."
    path.write_bytes(content)
    assert not read_passport(path).safe_to_load
    monkeypatch.setenv("MODELSHIP_RAN", "no")
    with pytest.raises(Exception, match=r"_parse_args|sequence|unpack"):
        pickle.loads(content)
    assert os.environ["MODELSHIP_RAN"] == "yes", "the file was meant to be harmful"


def test_a_formula_of_statsmodels_is_told(tmp_path):
    """Statsmodels evaluates the formula in a state, as Python, when it is loaded."""
    state = b"}(" + _text("restore_design_info") + b"\x88" + _text("formula") + _text("f()") + b"u"
    path = tmp_path / "model.pkl"
    path.write_bytes(
        b"\x80\x04" + _global("statsmodels.base.data.PandasData") + b")\x81" + state + b"b."
    )
    assert read_passport(path).hazards == ("it has a formula that statsmodels evaluates as code",)


CALLERS = {
    "a generator's": _global("numpy.random._pickle.__generator_ctor") + _text("x"),
    "a random state's": _global("numpy.random._pickle.__randomstate_ctor") + _text("x"),
}


@pytest.mark.parametrize("way", CALLERS)
def test_nothing_is_called_by_way_of_a_known_function(tmp_path, way):
    """A function that calls its argument gets a known one, and none that the file made."""
    partial = _global("functools.partial") + _global("math.log") + CALLED
    for given, reason in ((partial, "hazards"), (_global("math.log"), "dangerous")):
        path = tmp_path / "model.pkl"
        path.write_bytes(b"\x80\x04" + CALLERS[way] + given + b"\x86R.")
        assert getattr(read_passport(path), reason) != ()


def test_distributions_and_random_states_are_known(tmp_path):
    """What searches hold to draw from raises no suspicion, in any protocol."""
    things = [
        *(st.norm(0, 1), st.beta(1, 2), st.randint(1, 5), st.loguniform(0.1, 1), st.norm),
        *(st.rv_discrete(values=([1, 2], [0.5, 0.5])), st.rv_histogram(np.histogram([1, 2.0]))),
        *(np.random.default_rng(0), np.random.RandomState(0), pd.date_range("2020", periods=2)),
        RandomizedSearchCV(LogisticRegression(), {"C": st.uniform(0, 1)}),
        functools.partial(np.clip, a_min=0),
    ]
    for thing in things:
        for protocol in (0, 2, 5):
            path = tmp_path / "model.pkl"
            path.write_bytes(pickle.dumps(thing, protocol))
            passport = read_passport(path)
            assert (passport.safe_to_load, passport.unknown) == (True, ()), thing


RANGE = _global("builtins.range") + b"\x8a\x06" + (10**12).to_bytes(6, "little") + CALLED
OTHERS = {
    "sets attributes": _global("logging.getLogger")
    + _text("x")
    + b"\x85R}("
    + _text("level")
    + b"Nub",
    "takes an item": _global("_operator.getitem") + b"]K\x00\x86R",
    "type of an array": _global("numpy.dtype") + b"]\x85R",
    "may be endless": _global("builtins.list") + RANGE + CALLED,
    "more memory": _global("builtins.bytes")
    + b"\x8a\x06"
    + (10**12).to_bytes(6, "little")
    + CALLED,
}


@pytest.mark.parametrize("reason", OTHERS)
def test_known_calls_with_unusual_arguments_are_told(tmp_path, reason):
    """A harmless function gets no arguments with which it would change, run or fill everything."""
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04" + OTHERS[reason] + b".")
    assert any(reason in hazard for hazard in read_passport(path).hazards)
