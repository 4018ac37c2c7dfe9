"""Pickles with instances of a class that they bring, and what calls a method of one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import cloudpickle

from corpus.assembly import call, integer, name, pairs, text, values, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CLOUDPICKLE = "cloudpickle.cloudpickle:"


def _class(method: str, marker: str, *bases: type) -> bytes:
    def body(*_args, **_keywords):
        # No name and no text of it tells what it does.
        for cls in getattr(object, "".join(("__subcl", "asses__")))():  # noqa: FLY002 - hidden
            if cls.__name__ == "_wrap_close":
                getattr(cls.__init__, "".join(("__glob", "als__")))["mkdir"](marker)  # noqa: FLY002 - as above

    cls = type("Model", bases, {method: body})
    cls.__module__ = "__main__"
    return cloudpickle.dumps(cls, protocol=3)[2:-1]


def _made(method: str, marker: str, *bases: type, args: bytes = b")") -> bytes:
    return _class(method, marker, *bases) + args + b"\x81"


def _list(*items: bytes) -> bytes:
    return b"](" + b"".join(items) + b"e"


def _kept(value: bytes) -> bytes:
    """A value with a place of its own in the memo."""
    return value + b"r\xe7\x03\x00\x00"


_KEPT = b"j\xe7\x03\x00\x00"
_ESTIMATOR = name("sklearn.linear_model._logistic:LogisticRegression") + b")\x81"
_FRAME = name("pandas.core.frame:DataFrame") + b")\x81"


def _equal(marker: str) -> bytes:
    return _made("__eq__", marker, int, args=values(integer(5)))


def _enumeration(base: bytes, members: bytes) -> bytes:
    bases = values(*filter(None, (base, name("enum:Enum"))))
    rest = (text("E"), text("E"), members, text("__main__"), text("id"), b"N")
    return call(f"{_CLOUDPICKLE}_make_skeleton_enum", bases, *rest)


def _registering(marker: str) -> bytes:
    state = values(pairs(_abc_impl=_list(integer(1))), b"}")
    return call(f"{_CLOUDPICKLE}_class_setstate", _class("register", marker), state)


def _late(marker: str) -> bytes:
    """A list that gets its item after it was put into another one."""
    outer = call("builtins:list", _list(_KEPT))
    return _kept(b"]") + b"0" + outer + _KEPT + b"(" + _made("__repr__", marker) + b"e0\x85"


def _slow(_marker: str) -> bytes:
    """Long lists that are looked through again for each key, once there is a class."""
    long = _kept(b"](" + b"]" * 9000 + b"e")
    return _class("x", "marker") + long + (b"}" + _KEPT + b"Ns0") * 30_000


CASES: dict[str, Callable[[str], bytes]] = {
    "key of a dict": lambda m: b"}(" + integer(5) + b"N" + _equal(m) + b"Nu",
    "item of a set": lambda m: b"\x8f(" + integer(5) + _equal(m) + b"\x90",
    "item of a frozenset": lambda m: b"(" + integer(5) + _equal(m) + b"\x91",
    "within a key": lambda m: b"}(" + values(integer(5)) + b"N" + values(_equal(m)) + b"Nu",
    "printed in a list": lambda m: call("builtins:str", _list(_made("__repr__", m))),
    "printed in a dict": lambda m: call("builtins:str", pairs(x=_made("__repr__", m))),
    "printed later": lambda m: name("builtins:str") + _late(m) + b"R",
    "counted": lambda m: call("builtins:bytes", _list(_made("__index__", m))),
    "a size": lambda m: call(
        "numpy._core.multiarray:_reconstruct",
        name("numpy:ndarray"),
        values(_made("__index__", m)),
        b"C\x01b",
    ),
    "keys of a dict": lambda m: call(f"{_CLOUDPICKLE}_make_dict_keys", _made("__iter__", m)),
    "constraints": lambda m: call(
        f"{_CLOUDPICKLE}_make_typevar", text("T"), b"N", _made("__iter__", m), b"\x89\x89N"
    ),
    "a number's state": lambda m: call(
        "copyreg:_reconstructor",
        name("builtins:int"),
        name("builtins:int"),
        _made("__int__", m),
    ),
    "argument of a class": lambda m: _class("x", m, int) + values(_made("__int__", m)) + b"\x81",
    "state": lambda m: _made("x", m) + _made("items", m) + b"b",
    "state of a frame": lambda m: _FRAME + _made("__len__", m) + b"b",
    "flags of a frame": lambda m: _FRAME + pairs(_flags=_made("keys", m)) + b"b",
    "version": lambda m: _ESTIMATOR + pairs(_sklearn_version=_made("__eq__", m)) + b"b",
    "keys of an instance": lambda m: call(
        "builtins:dict", _ESTIMATOR + pairs(keys=_made("__call__", m)) + b"b"
    ),
    "a class that registers": _registering,
    "base of an enumeration": lambda m: _enumeration(_class("__init__", m), pairs(A=integer(1))),
    "none, beside long lists": _slow,
    "member of an enumeration": lambda m: _enumeration(b"", pairs(_ignore_=_made("replace", m))),
}


def _wrapper(path: str) -> bytes:
    """An array of joblib's, whose bytes are told another size than the next instruction has."""
    dtype = call("numpy:dtype", text("u1"), b"\x89", b"\x88")
    shape = values(integer(5))
    state = pairs(
        subclass=name("numpy:ndarray"),
        shape=shape,
        order=text("C"),
        dtype=dtype,
        allow_mmap=b"\x89",
    )
    return name(path) + b")\x81" + state + b"b"


OTHERS: dict[str, bytes] = {
    "joblib's array by another way": _wrapper(
        "joblib._store_backends:numpy_pickle.NumpyArrayWrapper"
    ),
    "arguments in a list": name("numpy.random._pickle:__randomstate_ctor")
    + _list(text("x"), name("mylib:load"))
    + b"R",
    "a partial that is called": call("functools:partial", name("mylib:load")) + b")R",
}


def _write(folder: Path, marker: str, *, content: Callable[[str], bytes]) -> Path:
    path = folder / "model.pkl"
    path.write_bytes(whole(content(marker)))
    return path


def cases() -> Iterator[tuple[str, str, Callable[[Path, str], Path]]]:
    """Yield the name, the attempt and the writer of each case."""
    for title, content in CASES.items():
        tries = f"to bring an instance as {title}, which calls a method of it"
        yield f"an instance as {title}", tries, partial(_write, content=content)
    for title, built in OTHERS.items():
        yield (
            title,
            f"to get by with {title}",
            partial(_write, content=lambda _, built=built: built),
        )
