"""Functions and classes of a program."""

import collections
import functools
import importlib
import io
import sys
import types

from corpus.pickling.noting import FAILED, PROTOCOLS, Reader, quietly

# Functions and classes of ``__main__``: these the picklers carry along whole.
PROGRAM = """
import numpy as np
LIMIT = 3

def rule(x, y=2, *a, k: int = LIMIT, **b):
    return np.log1p(x) + y
def outer(n):
    def adds(x):
        return x + n + LIMIT
    return adds
def loops(n):
    return n and loops(n - 1)
class Base:
    'x'
    __slots__ = ('a',)
class Scaler:
    kind: str = 'x'
    def __init__(self):
        self.a = 1
    def scale(self, x):
        return x * self.a
    @property
    def twice(self):
        return 2
    @classmethod
    def make(cls):
        return super(Scaler, cls)
    @staticmethod
    def plain():
        return 1
import abc, enum, typing, collections, dataclasses
class Abstract(abc.ABC):
    @abc.abstractmethod
    def f(self): ...
class Color(enum.Enum):
    RED = 1
class Pair(typing.NamedTuple):
    a: int
Point = collections.namedtuple('Point', 'x y')
@dataclasses.dataclass
class Data:
    a: int = 1
T = typing.TypeVar('T')
def gen():
    yield 1
async def co():
    return 1
"""


def picklers():
    """What cloudpickle and dill write for functions and classes of a program."""
    space = {"__name__": "__main__"}
    exec(PROGRAM, space)
    main = sys.modules["__main__"]
    for name, found in space.items():
        if getattr(found, "__module__", None) == "__main__":
            setattr(main, name, found)
    things = [
        space["rule"],
        space["outer"](2),
        space["loops"],
        space["Base"],
        space["Scaler"],
        space["Scaler"](),
        space["Scaler"]().scale,
        space["Abstract"],
        space["Color"].RED,
        space["Pair"](1),
        space["Point"](1, 2),
        space["Data"](),
        space["T"],
        lambda x: x + 1,
        space["gen"],
        space["co"],
        functools.partial(space["rule"], 1),
        property(space["rule"]),
        classmethod(space["rule"]),
        {}.keys(),
        {}.values(),
        {}.items(),
        collections.OrderedDict().keys(),
        types.MappingProxyType({}),
        __import__("numpy"),
        __import__("logging").getLogger("x"),
        __import__("weakref").WeakSet(),
    ]
    for module, options in (
        ("cloudpickle", {}),
        ("dill", {}),
        ("dill", {"recurse": True}),
        ("joblib.externals.cloudpickle", {}),
        ("sklearn.externals.joblib.externals.cloudpickle", {}),
    ):
        home = quietly(importlib.import_module, module)
        for thing in things if home else ():
            for protocol in PROTOCOLS:
                try:
                    reader = Reader(io.BytesIO(home.dumps(thing, protocol, **options)))
                    reader.begin()
                    reader.load()
                except Exception as error:  # noqa: BLE001 - it cannot be pickled
                    FAILED[
                        module + " " + str(thing)[:40] + type(error).__name__ + str(error)[:40]
                    ] += 1
    return iter(())
