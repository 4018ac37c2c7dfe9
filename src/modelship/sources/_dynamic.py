"""Functions and classes that a file itself holds, as cloudpickle and dill write them.

Loading builds them out of code objects and dicts, and calls none of them, unless the file says so
or a class has a method that unpickling runs. The calls that build them are those of cloudpickle 1.4
to 3 (cloudpickle/cloudpickle.py) and dill 0.3 (dill/_dill.py).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from modelship.sources._values import (
    CODE,
    CODE_TYPE,
    FUNCTION,
    METACLASS,
    MODULE,
    OPAQUE,
    PLAIN_TYPE,
    RUN_BY_UNPICKLING,
    DynamicClass,
    Findings,
    Name,
    State,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["code_made_of", "dynamic", "is_dynamic"]

_CLOUDPICKLE: Final = (
    "cloudpickle.cloudpickle.",
    "cloudpickle.",
    "joblib.externals.cloudpickle.cloudpickle.",
    "joblib.externals.cloudpickle.",
    "sklearn.externals.joblib.externals.cloudpickle.cloudpickle.",  # before scikit-learn 0.21
)
_DILL: Final = ("dill._dill.", "dill.")
# What code that runs commands, opens files or connections, or looks for a way around names.
_LEADS: Final = frozenset(
    (
        *("os", "subprocess", "eval", "exec", "__import__", "__builtins__", "__globals__"),
        *("__subclasses__", "__code__", "ctypes", "importlib", "import_module", "builtins"),
        *("posix", "pty", "shutil", "popen"),
    )
)
_LEADS_AS_NAMES: Final = _LEADS | {"open", "socket", "system", "Popen", "pickle", "marshal"}
_METACLASSES: Final = frozenset(
    (
        *("builtins.type", "abc.ABCMeta", "enum.EnumMeta", "enum.EnumType"),
        *("typing._ProtocolMeta", "typing_extensions._ProtocolMeta", "typing.NamedTupleMeta"),
    )
)
_HARMLESS_MEMBERS: Final = frozenset({"enum.Enum.__new__", "builtins.object.__new__"})
_RUNS_ITS_CODE: Final = "it defines a class with {}, which unpickling runs"
_CONSTS: Final = 7  # where code objects have their constants, and after them the names


@lru_cache(maxsize=256)
def is_dynamic(text: str) -> bool:
    """Return whether a name is one that cloudpickle and dill build functions and classes with."""
    return text.startswith((*_CLOUDPICKLE, *_DILL))


def dynamic(text: str, args: tuple[object, ...], findings: Findings) -> object:
    """Return what such a call makes; None if it is not known what it does."""
    for prefixes, makers in ((_CLOUDPICKLE, _OF_CLOUDPICKLE), (_DILL, _OF_DILL)):
        prefix = next((each for each in prefixes if text.startswith(each)), None)
        if prefix:
            maker = makers.get(text.removeprefix(prefix))
            return maker(args, findings) if maker else None
    return None


def code_made_of(args: tuple[object, ...], findings: Findings, consts: int = _CONSTS) -> object:
    """Look into the arguments of a code object."""
    for leads, part in zip((_LEADS, _LEADS_AS_NAMES), args[consts:], strict=False):
        for text in sorted(_texts(part) & leads):
            _hazard(findings, f"it holds a function that uses {text}")
    return CODE


def _texts(part: object) -> set[str]:
    found, waiting = set(), [part]
    for value in waiting:
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, tuple) and len(waiting) < 10_000:  # noqa: PLR2004 - nested endlessly
            waiting.extend(value)
    return found


def _hazard(findings: Findings, clause: str) -> None:
    findings.hazards[clause] = None


def _module(args: tuple[object, ...], findings: Findings) -> object:
    if len(args) != 1 or not isinstance(args[0], str):
        return None
    findings.modules.add(args[0])
    return MODULE


def _builtin_type(args: tuple[object, ...], _: Findings) -> object:
    name = args[0] if len(args) == 1 and isinstance(args[0], str) else ""
    if name in ("MappingProxyType", "SimpleNamespace"):  # as the fields of a dataclass have
        return PLAIN_TYPE
    return {"CodeType": CODE_TYPE, "ClassType": METACLASS, "TypeType": METACLASS}.get(name)


def _function(args: tuple[object, ...], _: Findings) -> object:
    return FUNCTION if args and args[0] is CODE and MODULE not in args else None


def _plain(_: tuple[object, ...], __: Findings) -> object:
    return OPAQUE


def _skeleton(args: tuple[object, ...], findings: Findings) -> object:
    metaclass, _, _, namespace, *_ = (*args, None, None, None, None)
    return _class(metaclass, namespace, findings)


def _enum(args: tuple[object, ...], findings: Findings) -> object:
    _, _, _, members, *_ = (*args, None, None, None, None)
    _class(METACLASS, members, findings)
    return DynamicClass(is_enum=True)


def _class(metaclass: object, namespace: object, findings: Findings) -> object:
    known = metaclass is METACLASS or (
        isinstance(metaclass, Name) and metaclass.text in _METACLASSES
    )
    if not known:
        _hazard(findings, "it defines a class with a metaclass of its own")
    _check_members(namespace, findings)
    return DynamicClass()


def _class_state(args: tuple[object, ...], findings: Findings) -> object:
    made: object = args[0] if args else None
    state = args[1] if len(args) > 1 else None
    if not isinstance(made, DynamicClass):
        return None
    for part in state if isinstance(state, tuple) else (state,):
        if part is not None:
            _check_members(part, findings)
    return made


def _check_members(members: object, findings: Findings) -> None:
    if not isinstance(members, State) or members.opaque:
        _hazard(findings, "it defines a class whose methods it computes")
        return
    for name in sorted(RUN_BY_UNPICKLING & members.keys()):
        member = members[name]
        is_of_python = isinstance(member, Name) and member.text in _HARMLESS_MEMBERS
        if not (member is None or is_of_python):  # None as a dataclass has __hash__
            _hazard(findings, _RUNS_ITS_CODE.format(name))


def _function_state(args: tuple[object, ...], _: Findings) -> object:
    return args[0] if args and args[0] is FUNCTION else None


def _dill_code(args: tuple[object, ...], findings: Findings) -> object:
    first = args[0] if args else None
    return code_made_of(args, findings, _CONSTS if isinstance(first, int) else _CONSTS + 1)


_OF_CLOUDPICKLE: Final[Mapping[str, Callable[[tuple[object, ...], Findings], object]]] = {
    "subimport": _module,
    "_builtin_type": _builtin_type,
    "_make_function": _function,
    "_function_setstate": _function_state,
    "_make_cell": _plain,
    "_make_empty_cell": _plain,
    "_make_skeleton_class": _skeleton,
    "_make_skeleton_enum": _enum,
    "_class_setstate": _class_state,
    "_make_typevar": _plain,
    "_get_dataclass_field_type_sentinel": _plain,
    "_make_dict_keys": _plain,
    "_make_dict_values": _plain,
    "_make_dict_items": _plain,
}
_OF_DILL: Final[Mapping[str, Callable[[tuple[object, ...], Findings], object]]] = {
    "_import_module": _module,
    "_load_type": _builtin_type,
    "_create_code": _dill_code,
    "_create_function": _function,
    "_create_cell": _plain,
    "_create_type": _skeleton,
}
