"""Pickles that change what they import, or bring functions and classes that loading runs."""

from __future__ import annotations

import types
from functools import partial
from typing import TYPE_CHECKING

import cloudpickle

from corpus.assembly import call, name, pairs, text, values, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def _class_with(method: str, marker: str) -> type:
    def body(*_args, **_keywords):
        with open(marker, "w"):  # noqa: PTH123 - what an attacker would write
            return

    return type("Model", (), {method: body})


def _instance(marker: str, *, method: str) -> bytes:
    """An instance of a class that brings a method which unpickling runs."""
    cls = _class_with(method, marker)
    cls.__module__ = "__main__"
    built = cloudpickle.dumps(cls)
    return built[:-1] + b")\x81" + pairs(x=b"N") + b"b."


def _called(marker: str, *, more: bytes) -> bytes:
    """A function that cloudpickle wrote, and then a call of it."""

    def run():
        open(marker, "w").close()  # noqa: PTH123 - as above

    moved = types.FunctionType(run.__code__, {}, "run", None, run.__closure__)
    return cloudpickle.dumps(moved)[:-1] + more + b"."


def _uses(marker: str, *, source: str) -> bytes:
    """A function that runs commands as soon as it is called."""
    space: dict[str, object] = {}
    exec(source.replace("MARKER", marker), space)
    made = space["f"]
    made.__module__ = "__main__"
    return cloudpickle.dumps(made)


STATES = {
    "a method that append calls": name("sklearn.base:BaseEstimator") + b")\x81"
    + pairs(append=call("functools:partial", name("numpy:exp"))) + b"b" + text("1") + b"a",
    "a method by a state that is computed": name("sklearn.base:BaseEstimator") + b")\x81"
    + call("collections:OrderedDict") + text("append") + name("numpy:exp") + b"sb"
    + text("1") + b"a",
    "a method that a second state calls": name("sklearn.base:BaseEstimator") + b")\x81"
    + pairs(__setstate__=name("numpy:exp")) + b"b" + text("1") + b"b",
    "an instance through a scalar": call(
        "numpy._core.multiarray:scalar", call("numpy:dtype", text("O8"), b"\x89", b"\x88"),
        name("sklearn.base:BaseEstimator") + b")\x81") + text("1") + b"a",
    "addresses as objects": call("numpy:dtype", text("O8"), b"\x89", b"\x88") + values(
        b"K\x03", text("|"), b"NNN", b"J\xff\xff\xff\xff", b"J\xff\xff\xff\xff", b"K\x00") + b"b",
    "attributes of a class": name("collections:OrderedDict") + values(b"N", pairs(x=b"N")) + b"b",
    "attributes of a function": name("numpy:log1p") + pairs(x=b"N") + b"b",
    "a class of a model that runs": name("sklearn.linear_model._logistic:LogisticRegression")
    + values(b"N", pairs(__setstate__=name("builtins:print"))) + b"b",
    "attributes of a module": call("cloudpickle.cloudpickle:subimport", text("numpy"))
    + pairs(load=b"N") + b"b",
    "a module that runs commands": call("cloudpickle.cloudpickle:subimport", text("subprocess")),
    "a module that opens a browser": call("cloudpickle.cloudpickle:subimport", text("antigravity")),
    "a module, by a copy of cloudpickle": call(
        "sklearn.externals.joblib.externals.cloudpickle.cloudpickle:subimport", text("antigravity")
    ),
    "items of what it imports": name("os:environ") + text("PATH") + text("x") + b"s",
    "items of a table of a library": name("sklearn:__dict__") + text("x") + b"Ns",
    "more items of what it imports": name("warnings:filters") + b"(NNe",
    "an item behind the others": name("sys:path") + text("/tmp") + b"a",
    "the state of a class set by cloudpickle": call(
        "cloudpickle.cloudpickle:_class_setstate", name("collections:OrderedDict"),
        values(pairs(__setstate__=b"N"), b"N")),
    "the state of a function set by cloudpickle": call(
        "cloudpickle.cloudpickle:_function_setstate", name("numpy:log1p"),
        values(b"}", pairs(__code__=b"N"))),
    "a metaclass": call("cloudpickle.cloudpickle:_make_skeleton_class", name("subprocess:Popen"),
                        text("X"), b")", b"}", b"N", b"N"),
    "a metaclass of its own": call(
        "cloudpickle.cloudpickle:_make_skeleton_class",
        call("cloudpickle.cloudpickle:_make_skeleton_class", name("builtins:type"), text("M"),
             values(name("builtins:type")), b"}", text("1"), b"N"),
        text("X"), b")", b"}", text("2"), b"N"),
    "a class whose methods are computed": call(
        "cloudpickle.cloudpickle:_class_setstate",
        call("cloudpickle.cloudpickle:_make_skeleton_class", name("builtins:type"), text("X"), b")",
             b"}", text("1"), b"N"),
        values(b"}" + call("builtins:str", text("__setstate__")) + b"Ns", b"}")),
    "a function of computed code": call(
        "cloudpickle.cloudpickle:_make_function", call("marshal:loads", b"C\x01N"), b"}"),
    "a type by its name": call("cloudpickle.cloudpickle:_builtin_type", text("FunctionType"))
    + values(b"N") + b"R",
    "another function of cloudpickle": call("cloudpickle.cloudpickle:_lookup_class_or_track",
                                            text("1"), name("os:system")),
    "a type of dill": call("dill._dill:_load_type", text("FunctionType")) + values(b"N") + b"R",
    "a module of dill": call("dill._dill:_import_module", text("os")),
    "the variables of the program, changed": name("__builtin__:__main__") + text("open")
    + name("os:system") + b"s",
    "the variables of the program, called": call("__builtin__:__main__", text("1")),
    "a call through a changed class": name("builtins:dict") + b")\x81"
    + values(b"N", pairs(__class__=name("subprocess:Popen"))) + b"b"
    + call("functools:partial", name("os:getcwd")) + b")R",
}  # fmt: skip

USING = {
    "os": "def f(x):\n import os\n return os.system('touch MARKER')",
    "subprocess": "def f(x):\n import subprocess\n return subprocess.run(['touch', 'MARKER'])",
    "eval": "f = lambda x: eval('1')",
    "exec": "f = lambda x: exec('pass')",
    "__import__": "f = lambda x: __import__('o' + 's').system('touch MARKER')",
    "open": "f = lambda x: open('MARKER', 'w')",
    "subclasses": "f = lambda x: ().__class__.__base__.__subclasses__()",
    "socket": "def f(x):\n import socket\n return socket.socket()",
}
RUN_BY_UNPICKLING = (
    *("__setstate__", "__new__", "__init_subclass__", "__getattr__", "__getattribute__"),
    *("__del__", "__hash__", "__setattr__", "__setitem__", "__set_name__"),
)


def _write(folder: Path, marker: str, *, content: Callable[[str], bytes]) -> Path:
    path = folder / "model.pkl"
    path.write_bytes(content(marker))
    return path


def cases() -> Iterator[tuple[str, str, Callable[[Path, str], Path]]]:
    """Yield the name, the attempt and the writer of each case."""
    for title, content in STATES.items():
        yield (
            title,
            f"to change, or to bring: {title}",
            partial(_write, content=lambda _, content=content: whole(content)),
        )
    for method in RUN_BY_UNPICKLING:
        yield (
            f"a class with {method}",
            f"to bring a class whose {method} loading runs",
            partial(_write, content=partial(_instance, method=method)),
        )
    for title, source in USING.items():
        yield (
            f"a function that uses {title}",
            "to bring a function that is called later",
            partial(_write, content=partial(_uses, source=source)),
        )
    for title, more in {
        "at once": b")R",
        "by obj": b"(\x8c\x01x0o",
        "as a key's hash": b"\x85\x81",
        "by append": b"Na",
    }.items():
        if title in ("at once", "as a key's hash"):
            yield (
                f"a function called {title}",
                "to call a function that the file brings",
                partial(_write, content=partial(_called, more=more)),
            )
