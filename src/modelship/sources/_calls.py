"""What loading a pickle would import, call and change; here it is only noted."""

from __future__ import annotations

import _compat_pickle
import re
from typing import Final

from modelship.sources._arrays import Dtype, Wrapper
from modelship.sources._dynamic import code_made_of, dynamic, function_made_of, is_dynamic
from modelship.sources._evaluating import (
    METHODS_OF_DISTRIBUTIONS,
    SHARED_BY_ALL,
    evaluates,
    passed_on,
    state_runs,
)
from modelship.sources._keys import CALLED_BY_UNPICKLING
from modelship.sources._loop import Loop
from modelship.sources._stream import UndescribedError
from modelship.sources._values import (
    CODE_TYPE,
    COMPUTED,
    EVALUATING,
    FUNCTION,
    FUNCTION_TYPE,
    INSTANCE,
    MEMBER,
    MODULE,
    NEW_BLOCK,
    OPAQUE,
    PLAIN_TYPE,
    SHARED,
    DynamicClass,
    Listed,
    Made,
    Name,
    State,
    holds_made_here,
    is_made_here,
)

__all__ = ["COMPUTES_NAMES", "Calls"]

_JOBLIBS: Final = ("joblib", "sklearn.externals.joblib")  # the second before scikit-learn 0.21
_ARRAYS: Final = frozenset(f"{joblib}.numpy_pickle.NumpyArrayWrapper" for joblib in _JOBLIBS)
_ARRAYS_IN_FILES: Final = frozenset(
    f"{joblib}.{module}.{name}"
    for joblib in _JOBLIBS
    for module in ("numpy_pickle", "numpy_pickle_compat")
    for name in ("NDArrayWrapper", "ZNDArrayWrapper")
)
_WRAPPERS: Final = (".NumpyArrayWrapper", ".NDArrayWrapper", ".ZNDArrayWrapper")
# Classes of these use what is in their state, and so do those that are called to make one.
_COMPUTE: Final = ("pandas.", "xgboost.core.", "lightgbm.basic.", "sklearn.tree._tree.")
_NEW_BLOCK: Final = "pandas.core.internals.blocks.new_block"
_SCALARS: Final = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
_RECONSTRUCT: Final = tuple(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core"))
_BUILTINS: Final = ("builtins.", "_codecs.", "codecs.")
COMPUTES_NAMES: Final = "it computes the name of what it imports"
_CALLS_VALUE: Final = "it calls a value that it computes itself"
_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+]{0,63}")
_NO_TYPES: Final = frozenset((None, "Ellipsis", "NotImplemented"))


class Calls(Loop):
    """The part of the machine that would import, call and change things."""

    protocol = 0

    def hazard(self, clause: str) -> None:
        self.findings.hazards[clause] = None

    def name(self, module: object, name: object) -> object:
        if not (isinstance(module, str) and isinstance(name, str)):
            self.hazard(COMPUTES_NAMES)
            self.findings.computes_names |= COMPUTED in (module, name)
            return OPAQUE
        if self.protocol < 3:  # noqa: PLR2004 - up to protocol 2, names are those of Python 2
            module, name = _compat_pickle.NAME_MAPPING.get(
                (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            )
        text = f"{module}.{name}"
        if not text.isprintable():
            self.hazard("it imports a name that cannot be printed")
            return OPAQUE
        return self.findings.named(text)

    # --- calls ----------------------------------------------------------------------------

    def made(self, maker: object, args: object, *, new: bool = False) -> object:
        """Return what comes of a call, or for `new` of the creation of an instance."""
        if isinstance(maker, Name):
            self.findings.calls += 1
            return self.made_by_name(maker, args, new=new)
        if maker is CODE_TYPE and isinstance(args, tuple):
            return code_made_of(args, self.findings)
        made = self.made_by_kind(maker, args) if isinstance(args, tuple) else None
        if made is not None:
            return made
        if not (isinstance(maker, DynamicClass) and (new or maker.is_enum)):
            self.hazard(_CALLS_VALUE)
            return INSTANCE
        return self.made_by_class(maker, args)

    def made_by_kind(self, maker: object, args: tuple[object, ...]) -> object:
        """Return what comes of a call of something whose effect is known; None for any other."""
        if maker is FUNCTION_TYPE:
            return function_made_of(args)
        if maker is NEW_BLOCK:
            return None if holds_made_here(args) else Made(computes=True)
        return Made(args) if maker is PLAIN_TYPE else None

    def made_by_class(self, maker: DynamicClass, args: object) -> object:
        if holds_made_here(args):
            self.hazard("it passes what it defines itself to a class of its own")
        for base in maker.bases if args != () and not maker.is_enum else ():
            base.called = True
        if maker.evaluates:
            return EVALUATING
        return MEMBER if maker.is_enum else INSTANCE

    def made_by_name(self, maker: Name, args: object, *, new: bool) -> object:
        text = maker.text
        if new and isinstance(args, tuple) and not args:
            maker.made = True
            return self.instance_of(text, usable=True)
        if not new and isinstance(args, tuple):
            made = self.understood(text, args)
            if made is not None:
                self.findings.understood.add(text)
                return made
        if is_dynamic(text):
            self.hazard(f"it calls {text} as its library does not")
        if not isinstance(args, tuple):
            self.hazard(f"it passes {text} no tuple of arguments")
        maker.called = True
        self.give_away(args)
        if reason := passed_on(text, args):
            self.hazard(reason)
        if text == "numpy.dtype":
            return Dtype(args)
        if text in _SCALARS and isinstance(args, tuple) and _is_of_objects(args[:1]):
            self.hazard("it hands a value through a scalar of NumPy's, which has no objects")
        return self.instance_of(text, usable=False, args=args)

    def instance_of(self, text: str, *, usable: bool, args: object = ()) -> object:
        if text in _ARRAYS or text in _ARRAYS_IN_FILES:
            return Wrapper(in_file=text in _ARRAYS_IN_FILES, usable=usable)
        if text == "functools.partial":
            return NEW_BLOCK if isinstance(args, tuple) and _is_new_block(args[:1]) else FUNCTION
        if text in SHARED_BY_ALL:
            return SHARED
        if evaluates(text):
            return EVALUATING
        if text.endswith(_WRAPPERS):
            self.hazard("it names joblib's arrays as joblib does not")
        computes = text.startswith(_COMPUTE) or not (usable or text.endswith("._reconstruct"))
        made = Made(args if isinstance(args, tuple) else (), computes=computes)
        return (
            made if made.parts or not text.startswith(_BUILTINS) or not text.islower() else COMPUTED
        )

    def give_away(self, args: object) -> None:
        """Note that a call may change what is passed to it."""
        for arg in args if isinstance(args, tuple) else (args,):
            if isinstance(arg, State):
                arg.opaque = True
            elif isinstance(arg, Wrapper):
                raise UndescribedError("it passes the description of an array to a call")

    def understood(self, text: str, args: tuple[object, ...]) -> object:
        """Return what a call makes whose effect is known; None for any other."""
        if text == "copyreg._reconstructor" and len(args) == 3:  # noqa: PLR2004 - class, base, state
            return self.reconstructed(*args)
        if text == "copyreg.__newobj__" and args:
            return self.made(args[0], args[1:], new=True)
        if text == "builtins.getattr" and len(args) == 2:  # noqa: PLR2004 - object, attribute
            owner, attribute = args
            if isinstance(owner, Name) and isinstance(attribute, str) and attribute.isprintable():
                return self.findings.named(f"{owner.text}.{attribute}")
            if owner is EVALUATING and attribute in METHODS_OF_DISTRIBUTIONS:
                return FUNCTION
        if text == "builtins.type" and len(args) == 1:
            only = args[0].text.rpartition(".")[2] if isinstance(args[0], Name) else args[0]
            return OPAQUE if (isinstance(only, str) or only is None) and only in _NO_TYPES else None
        return self.of_program(text, args) if is_dynamic(text) else None

    def of_program(self, text: str, args: tuple[object, ...]) -> object:
        """Return what a function of cloudpickle or dill makes; None if that is not known."""
        if text == "dill._dill._create_array":
            return self.array_of_dill(args)
        return dynamic(text, args, self.findings)

    def array_of_dill(self, args: tuple[object, ...]) -> object:
        """Make an array and give it its state, in one call; dill writes each array so."""
        maker, of, state, attributes = (*args, None, None, None, None)[:4]
        if not (isinstance(maker, Name) and maker.text in _RECONSTRUCT and attributes is None):
            return None
        made = self.made(maker, of)
        self.give_state(made, state)
        return made

    def reconstructed(self, cls: object, base: object, state: object) -> object:
        if isinstance(base, Name) and (base.text != "builtins.object" or state is not None):
            base.called = True
        elif not isinstance(base, Name):
            self.hazard(_CALLS_VALUE)
        if holds_made_here(state):
            self.hazard("it passes what it defines itself to copyreg._reconstructor")
        return self.made(cls, (), new=True)

    # --- states ---------------------------------------------------------------------------

    def give_state(self, target: object, state: object) -> None:
        if isinstance(target, Name):
            self.hazard(f"it sets attributes of {target.text}")
        elif target is MODULE or target is SHARED or isinstance(target, DynamicClass):
            self.hazard("it sets attributes of what all of the program shares")
        elif target is NEW_BLOCK:
            self.give_state_to_block(state)
        elif isinstance(target, (Dtype, Made)):
            self.give_state_once(target, state)
        elif (
            target in (INSTANCE, MEMBER)
            and isinstance(state, tuple)
            and state[1:] not in ((), (None,))
        ):
            self.hazard("it sets slots of a class that it defines itself")
        if target is not FUNCTION and _hides_methods(state):
            self.hazard("it gives an instance a state that has methods of its own")
        if (isinstance(target, Made) and target.computes and holds_made_here(state)) or (
            target is EVALUATING and holds_made_here(state, but=FUNCTION)
        ):
            self.hazard("it gives what it defines itself to an instance that computes with it")
        self.look_into(state, strict=target is EVALUATING)

    def give_state_to_block(self, state: object) -> None:
        if not (isinstance(state, tuple) and _is_new_block(state[:1]) and state[1:2] == ((),)):
            self.hazard(_CALLS_VALUE)

    def give_state_once(self, target: Dtype | Made, state: object) -> None:
        if isinstance(target, Made):
            if target.built:
                self.hazard("it gives an instance a second state")
            target.built = True
            target.keep((state,))
            return
        target.build(state)
        if target.is_forged:
            self.hazard("it describes a type of arrays as NumPy does not")

    def look_into(self, state: object, *, strict: bool) -> None:
        """Note what a state brings, whoever it is given to."""
        parts = state if isinstance(state, tuple) else (state,)
        states = [part for part in parts if type(part) is State and part]
        if not (states or strict):
            return  # as most are, which hold arrays
        if reason := state_runs(state, strict=strict):
            self.hazard(reason)
        for part in states:
            if any(_may_be_called(part.get(key)) for key in CALLED_BY_UNPICKLING & part.keys()):
                self.hazard("it gives an instance a method that unpickling calls")
            version = part.get("_sklearn_version")
            if holds_made_here(version) or (part.opaque and holds_made_here(part)):
                self.hazard("it gives an instance a state that runs what it defines itself")
            # It goes into messages and commands, so it has to look like a version.
            if isinstance(version, str) and _VERSION.fullmatch(version):
                self.findings.sklearn_version = version

    def give_members(self, target: object, items: list[object]) -> None:
        """Note what appends to something else than a list, or an instance that stands for one."""
        if isinstance(target, Listed):
            target.keep(items)
            return
        self.give_items(target, items)
        if target is not OPAQUE and not (isinstance(target, Made) and not target.built):
            self.hazard("it appends to what is no list")

    def use_as_keys(self, keys: list[object]) -> None:
        """Note keys that may be compared, which calls methods of theirs."""
        if any(type(key) is not str and key is not MEMBER and holds_made_here(key) for key in keys):
            self.hazard("it uses what it defines itself as a key")

    def give_items(self, target: object, items: list[object]) -> None:
        """Note what appends to, or sets items of, something that is no plain container."""
        if isinstance(target, Made):
            target.keep(items)
        if isinstance(target, Name) or target is MODULE:
            self.hazard("it changes something that it imports")
        elif target is INSTANCE or target is MEMBER:
            self.hazard("it calls a method of a class that it defines itself")


def _may_be_called(value: object) -> bool:
    return is_made_here(value) or isinstance(value, (Name, Made))


def _is_new_block(first: tuple[object, ...]) -> bool:
    return bool(first) and isinstance(first[0], Name) and first[0].text == _NEW_BLOCK


def _hides_methods(state: object) -> bool:
    """Return whether a state, or a part of it that is unpacked, is of the file's own classes."""
    parts = state if isinstance(state, tuple) else (state,)
    return any(holds_made_here(part) for part in parts if not isinstance(part, (State, Listed)))


def _is_of_objects(args: tuple[object, ...]) -> bool:
    return any(isinstance(arg, Dtype) and not arg.has_plain_code for arg in args)
