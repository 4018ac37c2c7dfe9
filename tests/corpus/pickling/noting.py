"""Pickle something, unpickle it, and note what that does with each name."""

import _compat_pickle
import collections
import io
import pickle
import signal

HOLD, MAKE, CALL = "HMC"
ORDER = {HOLD: 0, MAKE: 1, CALL: 2}
LIBRARIES = [
    "numpy",
    "scipy",
    "sklearn",
    "pandas",
    "joblib",
    "xgboost",
    "lightgbm",
    "catboost",
    "_catboost",
    "imblearn",
    "category_encoders",
    "statsmodels",
    "patsy",
    "skops",
    "polars",
    "pyarrow",
]
PROTOCOLS = sorted({0, 2, 3, 4, pickle.HIGHEST_PROTOCOL})
FOUND, FAILED = {}, collections.Counter()


def note(name, use):
    """Remember the most that loading does with a name."""
    if ORDER[use] >= ORDER.get(FOUND.get(name, HOLD), 0):
        FOUND[name] = use


class Noting:
    """Python's own unpickler, in Python; it notes what it does with each name."""

    def begin(self):
        self.names = {}
        self.kept = []

    def find_class(self, module, name):
        found = super().find_class(module, name)
        if self.proto < 3:
            module, name = _compat_pickle.NAME_MAPPING.get(
                (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            )
        text = f"{module}.{name}"
        self.names[id(found)] = text
        self.kept.append(found)
        note(text, HOLD)
        return found

    def used(self, found, use):
        if id(found) in self.names:
            note(self.names[id(found)], use)

    def load_reduce(self):
        function, args = self.stack[-2:]
        self.used(function, CALL)
        text = self.names.get(id(function))
        if text in ("copyreg._reconstructor", "copyreg.__newobj__"):
            plain = args[1:] in ((), (object, None))
            self.used(args[0], MAKE if plain else CALL)
            if not plain and len(args) > 1:
                self.used(args[1], CALL)
        super().load_reduce()

    def load_newobj(self):
        self.used(self.stack[-2], CALL if self.stack[-1] else MAKE)
        super().load_newobj()

    def load_newobj_ex(self):
        self.used(self.stack[-3], CALL if self.stack[-2] or self.stack[-1] else MAKE)
        super().load_newobj_ex()


class Reader(Noting, pickle._Unpickler):
    dispatch = dict(pickle._Unpickler.dispatch)


def override(reader):
    reader.dispatch[pickle.REDUCE[0]] = lambda self: self.load_reduce()
    reader.dispatch[pickle.NEWOBJ[0]] = lambda self: self.load_newobj()
    if hasattr(pickle, "NEWOBJ_EX"):
        reader.dispatch[pickle.NEWOBJ_EX[0]] = lambda self: self.load_newobj_ex()


override(Reader)


def joblib_reader():
    try:
        from joblib import numpy_pickle
    except ImportError:
        try:
            from sklearn.externals.joblib import numpy_pickle
        except ImportError:
            return None, None

    class JoblibReader(Noting, numpy_pickle.NumpyUnpickler):
        dispatch = dict(numpy_pickle.NumpyUnpickler.dispatch)

    override(JoblibReader)
    return numpy_pickle, JoblibReader


JOBLIB, JoblibReader = joblib_reader()


def take(thing, label="", protocols=PROTOCOLS, joblib=True):
    """Pickle one thing in every way, and read each pickle."""
    for protocol in protocols:
        try:
            written = pickle.dumps(thing, protocol)
            reader = Reader(io.BytesIO(written))
            reader.begin()
            reader.load()
        except Exception as error:  # noqa: BLE001 - what cannot be pickled is in no model
            FAILED[
                (label or type(thing).__name__) + ": " + type(error).__name__ + str(error)[:60]
            ] += 1
    if joblib and JOBLIB:
        try:
            file = io.BytesIO()
            JOBLIB.dump(thing, file) if hasattr(JOBLIB, "dump") else None
            file.seek(0)
            try:
                reader = JoblibReader("", file, None)
            except TypeError:
                reader = JoblibReader("", file, False, None)
            reader.begin()
            reader.load()
        except Exception as error:  # noqa: BLE001 - as above
            FAILED[
                "joblib "
                + (label or type(thing).__name__)
                + ": "
                + type(error).__name__
                + str(error)[:60]
            ] += 1


def quietly(make, *args, **options):
    try:
        signal.alarm(20)
        return make(*args, **options)
    except Exception as error:  # noqa: BLE001 - not in this release
        FAILED["make: " + type(error).__name__ + " " + str(error)[:70]] += 1
        return None
    finally:
        signal.alarm(0)


def expired(*args):
    raise TimeoutError("it takes too long")


def each(section):
    """Pickle what the generator yields, until it fails; a failing thunk is passed over."""
    signal.signal(signal.SIGALRM, expired)
    try:
        for thing in section():
            if callable(thing) and getattr(thing, "__name__", "") == "<lambda>":
                thing = quietly(thing)
                if thing is None:
                    continue
            take(thing, section.__name__)
    except Exception as error:  # noqa: BLE001 - a library that is not here
        FAILED[section.__name__ + " ended: " + type(error).__name__ + " " + str(error)[:80]] += 1
