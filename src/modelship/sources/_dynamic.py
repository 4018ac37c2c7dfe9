"""Read functions and classes embedded in a file, as cloudpickle and dill write them.

Loading builds them from code objects and dicts, and calls none of them, unless the file requests it
or a class has a method that unpickling calls. The functions that build them are those of
cloudpickle 1.4 to 3 (cloudpickle/cloudpickle.py) and dill 0.3 (dill/_dill.py).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from modelship.sources import _kinds as kinds
from modelship.sources._evaluating import evaluates
from modelship.sources._globals import MAIN_OF_DILL
from modelship.sources._keys import RUN_BY_ENUMERATIONS, RUN_BY_UNPICKLING
from modelship.sources._values import DynamicClass, Findings, Listed, Name, State, holds_made_here

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["code_made_of", "dynamic", "function_made_of", "is_dynamic"]

_CLOUDPICKLE: Final = (
    "cloudpickle.cloudpickle.",
    "cloudpickle.cloudpickle_fast.",  # before cloudpickle 3
    "cloudpickle.",
    "joblib.externals.cloudpickle.cloudpickle.",
    "joblib.externals.cloudpickle.cloudpickle_fast.",
    "joblib.externals.cloudpickle.",
    "sklearn.externals.joblib.externals.cloudpickle.cloudpickle.",  # before scikit-learn 0.21
)
_DILL: Final = ("dill._dill.", "dill.")
# Names in code that runs commands, opens files or connections, or avoids named imports.
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
        *("builtins.type", "abc.ABCMeta"),
        *("typing._ProtocolMeta", "typing_extensions._ProtocolMeta", "typing.NamedTupleMeta"),
    )
)
_HARMLESS_MEMBERS: Final = frozenset({"enum.Enum.__new__", "builtins.object.__new__"})
_RUNS_ITS_CODE: Final = "it defines a class with {}, which unpickling runs"
_TYPES: Final = {
    "CodeType": kinds.CODE_TYPE,
    "ClassType": kinds.METACLASS,
    "TypeType": kinds.METACLASS,
    "FunctionType": kinds.FUNCTION_TYPE,
    "LambdaType": kinds.FUNCTION_TYPE,
}
# dill's names of types that it imports, like those of all other types.
_IMPORTED_TYPES: Final = {
    **{name: f"builtins.{name}" for name in ("slice", "bytearray", "str", "float", "int")},
    "PartialType": "functools.partial",
    "ItemGetterType": "operator.itemgetter",
}
_CONSTS: Final = 7  # the index of the constants in the arguments of a code object; the names follow


@lru_cache(maxsize=256)
def is_dynamic(text: str) -> bool:
    """Return whether cloudpickle and dill build functions and classes with this name."""
    return text.startswith((*_CLOUDPICKLE, *_DILL))


def dynamic(text: str, args: tuple[object, ...], findings: Findings) -> object:
    """Return the result of such a call; None if its effect is unknown."""
    for prefixes, makers in ((_CLOUDPICKLE, _OF_CLOUDPICKLE), (_DILL, _OF_DILL)):
        prefix = next((each for each in prefixes if text.startswith(each)), None)
        if prefix:
            maker = makers.get(text.removeprefix(prefix))
            return maker(args, findings) if maker else None
    return None


def code_made_of(args: tuple[object, ...], findings: Findings, consts: int = _CONSTS) -> object:
    """Check the arguments of a code object."""
    if holds_made_here(args):
        findings.hazard("it creates a function from its own definitions")
    for leads, part in zip((_LEADS, _LEADS_AS_NAMES), args[consts:], strict=False):
        for text in sorted(_texts(part) & leads):
            findings.hazard(f"it holds a function that uses {text}")
    return kinds.CODE


def _texts(part: object) -> set[str]:
    found, waiting = set(), [part]
    for value in waiting:
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, tuple) and len(waiting) < 10_000:  # noqa: PLR2004 - nested endlessly
            waiting.extend(value)
    return found


def _module(args: tuple[object, ...], findings: Findings) -> object:
    if len(args) != 1 or not isinstance(args[0], str):
        return None
    findings.modules.add(args[0])
    return kinds.MODULE


def _builtin_type(args: tuple[object, ...], _: Findings) -> object:
    name = args[0] if len(args) == 1 and isinstance(args[0], str) else ""
    if name in ("MappingProxyType", "SimpleNamespace"):  # as in the fields of a dataclass
        return kinds.PLAIN_TYPE
    return _TYPES.get(name)


def _load_type(args: tuple[object, ...], findings: Findings) -> object:
    name = args[0] if len(args) == 1 and isinstance(args[0], str) else ""
    if name in _IMPORTED_TYPES:
        return findings.named(_IMPORTED_TYPES[name])
    return _builtin_type(args, findings)


def function_made_of(args: tuple[object, ...], _: Findings | None = None) -> object:
    """Return the result for the arguments of a function; None if they are unusual."""
    of_module = kinds.MODULE in args or any(
        isinstance(each, Name)
        and not (each.text.startswith("__main__.") or each.text == MAIN_OF_DILL)
        for each in args[1:2]
    )
    return kinds.FUNCTION if args and args[0] is kinds.CODE and not of_module else None


def _cell(args: tuple[object, ...], _: Findings) -> object:
    return Listed(args)


def _plain(args: tuple[object, ...], _: Findings) -> object:
    return None if holds_made_here(args) else Listed(args)


def _skeleton(args: tuple[object, ...], findings: Findings) -> object:
    metaclass, _, bases, namespace, *_ = (*args, None, None, None, None)
    return _class(metaclass, bases, namespace, findings)


def _enum(args: tuple[object, ...], findings: Findings) -> object:
    bases, _, _, members, *_ = (*args, None, None, None, None)
    made = _class(kinds.METACLASS, bases, members, findings)
    made.is_enum = True
    _check_enum(members, RUN_BY_ENUMERATIONS, findings)
    known = [each.text.partition(".")[0] for each in made.bases]
    for base, module in zip(made.bases, known, strict=True):
        base.called |= module != "enum"  # it is called with the value of each member
    if known[-1:] != ["enum"] or len(known) != len(bases if isinstance(bases, tuple) else ()):
        findings.hazard("it defines an enumeration with its own base classes")
    return made


def _check_enum(members: object, run: frozenset[str], findings: Findings) -> None:
    if isinstance(members, State):
        for name in sorted(run & members.keys()):
            findings.hazard(f"it defines an enumeration with {name}, which unpickling runs")


def _class(metaclass: object, bases: object, namespace: object, findings: Findings) -> DynamicClass:
    known = metaclass is kinds.METACLASS or (
        isinstance(metaclass, Name) and metaclass.text in _METACLASSES
    )
    if not known:
        findings.hazard("it defines a class with its own metaclass")
    _check_members(namespace, findings)
    if holds_made_here(namespace):
        findings.hazard("it defines a class with members that it makes before")
    return _derived(bases, findings)


def _derived(bases: object, findings: Findings) -> DynamicClass:
    """Return a class with `bases`, and with the properties inherited from them."""
    if not isinstance(bases, tuple):
        findings.hazard("it computes the bases of a class")
        return DynamicClass()
    own = [each for each in bases if isinstance(each, DynamicClass)]
    named = [each for each in bases if isinstance(each, Name)]
    if len(own) + len(named) != len(bases):
        findings.hazard("it computes the bases of a class")
    named += [base for each in own for base in each.bases]
    if any(base.text.endswith("ArrayWrapper") for base in named):
        findings.hazard("it derives a class from joblib's arrays")
    runs = any(evaluates(base.text) for base in named)
    return DynamicClass(bases=tuple(dict.fromkeys(named)), evaluates=runs)


def _class_state(args: tuple[object, ...], findings: Findings) -> object:
    made: object = args[0] if args else None
    state = args[1] if len(args) > 1 else None
    if not isinstance(made, DynamicClass):
        return None
    for part in state if isinstance(state, tuple) else (state,):
        if part is not None:
            _check_members(part, findings)
            registered = part.get("_abc_impl") if isinstance(part, State) else None
            is_empty = isinstance(registered, Listed) and registered.is_empty
            if registered is not None and not is_empty:
                findings.hazard("it registers classes with its own class, which may run it")
            if made.is_enum:
                _check_enum(part, RUN_BY_ENUMERATIONS - {"__init__"}, findings)
    return made


def _check_members(members: object, findings: Findings) -> None:
    if not isinstance(members, State) or members.opaque:
        findings.hazard("it defines a class whose methods it computes")
        return
    for name in sorted(RUN_BY_UNPICKLING & members.keys()):
        member = members[name]
        is_of_python = isinstance(member, Name) and member.text in _HARMLESS_MEMBERS
        if not (member is None or is_of_python):  # None, as for __hash__ of a dataclass
            findings.hazard(_RUNS_ITS_CODE.format(name))


def _function_state(args: tuple[object, ...], _: Findings) -> object:
    state = args[1] if len(args) > 1 else None
    parts = state if isinstance(state, tuple) else (state,)
    given = [part.get("__globals__") for part in parts if isinstance(part, State)]
    plain = len(given) == len(parts) and all(isinstance(e, (State, type(None))) for e in given)
    return args[0] if args and args[0] is kinds.FUNCTION and plain else None


def _dill_code(args: tuple[object, ...], findings: Findings) -> object:
    first = args[0] if args else None
    return code_made_of(args, findings, _CONSTS if isinstance(first, int) else _CONSTS + 1)


_OF_CLOUDPICKLE: Final[Mapping[str, Callable[[tuple[object, ...], Findings], object]]] = {
    "subimport": _module,
    "_builtin_type": _builtin_type,
    "_make_function": function_made_of,
    "_function_setstate": _function_state,
    "_make_cell": _cell,
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
    "_load_type": _load_type,
    "_create_code": _dill_code,
    "_create_function": function_made_of,
    "_create_cell": _cell,
    "_create_type": _skeleton,
}
