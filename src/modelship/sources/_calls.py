"""Record what unpickling would import, call and change."""

from __future__ import annotations

import _compat_pickle
from typing import Final

from modelship.sources import _kinds as kinds
from modelship.sources._arrays import Dtype, Wrapper
from modelship.sources._dynamic import code_made_of, dynamic, function_made_of, is_dynamic
from modelship.sources._evaluating import (
    METHODS_OF_DISTRIBUTIONS,
    SHARED_BY_ALL,
    evaluates,
    passed_on,
)
from modelship.sources._states import CALLS_VALUE, States, is_new_block
from modelship.sources._stream import UndescribedError
from modelship.sources._values import DynamicClass, Made, Name, State, is_made_here

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
# Classes of these modules use the content of their state, and so do their constructors.
_COMPUTE: Final = ("pandas.", "xgboost.core.", "lightgbm.basic.", "sklearn.tree._tree.")
_SCALARS: Final = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
_RECONSTRUCT: Final = tuple(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core"))
_BUILTINS: Final = ("builtins.", "_codecs.", "codecs.")
COMPUTES_NAMES: Final = "it computes the name of what it imports"
_NO_TYPES: Final = frozenset((None, "Ellipsis", "NotImplemented"))


class Calls(States):
    """The part of the machine for imports, calls and changes."""

    protocol = 0

    def name(self, module: object, name: object) -> object:
        if not (isinstance(module, str) and isinstance(name, str)):
            self.hazard(COMPUTES_NAMES)
            self.findings.computes_names |= kinds.COMPUTED in (module, name)
            return kinds.OPAQUE
        text = self.full_name(module, name)
        if not text.isprintable():
            self.hazard("it imports a name that cannot be printed")
            return kinds.OPAQUE
        return self.findings.named(text)

    def full_name(self, module: str, name: str) -> str:
        if self.protocol < 3:  # noqa: PLR2004 - up to protocol 2, names are those of Python 2
            module, name = _compat_pickle.NAME_MAPPING.get(
                (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            )
        return f"{module}.{name}"

    # --- calls ----------------------------------------------------------------------------

    def made(self, maker: object, args: object, *, new: bool = False) -> object:
        """Return the result of a call, or with `new`, of creating an instance."""
        made = self.value_made(maker, args, new=new)
        self.findings.brings_code |= is_made_here(made)
        self.stream.budget.take_time()
        return made

    def value_made(self, maker: object, args: object, *, new: bool) -> object:
        if isinstance(maker, Name):
            self.findings.calls += 1
            return self.made_by_name(maker, args, new=new)
        if maker is kinds.CODE_TYPE and isinstance(args, tuple):
            return code_made_of(args, self.findings)
        made = self.made_by_kind(maker, args) if isinstance(args, tuple) else None
        if made is not None:
            return made
        if not (isinstance(maker, DynamicClass) and (new or maker.is_enum)):
            self.hazard(CALLS_VALUE)
            return kinds.INSTANCE
        return self.made_by_class(maker, args)

    def made_by_kind(self, maker: object, args: tuple[object, ...]) -> object:
        """Return the result of calling a value with a known effect; None for any other value."""
        if maker is kinds.FUNCTION_TYPE:
            return function_made_of(args)
        if maker is kinds.NEW_BLOCK:
            return None if self.holds_own(args) else Made(computes=True)
        return Made(args) if maker is kinds.PLAIN_TYPE else None

    def made_by_class(self, maker: DynamicClass, args: object) -> object:
        if self.holds_own(args):
            self.hazard("it passes its own definitions to its own class")
        for base in maker.bases if args != () and not maker.is_enum else ():
            base.called = True
        if maker.evaluates:
            return kinds.EVALUATING
        return kinds.MEMBER if maker.is_enum else kinds.INSTANCE

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
            self.hazard(f"it calls {text} with arguments that are not a tuple")
        maker.called = True
        self.give_away(args)
        if reason := passed_on(text, args, holds_own=self.holds_own(args)):
            self.hazard(reason)
        if text == "numpy.dtype":
            return Dtype(args)
        first = args[0] if isinstance(args, tuple) and args else None
        if text in _SCALARS and isinstance(first, Dtype) and not first.has_plain_code:
            self.hazard("it passes an object through a NumPy scalar, which cannot contain one")
        return self.instance_of(text, usable=False, args=args)

    def instance_of(self, text: str, *, usable: bool, args: object = ()) -> object:
        if text in _ARRAYS or text in _ARRAYS_IN_FILES:
            return Wrapper(in_file=text in _ARRAYS_IN_FILES, usable=usable)
        if text == "functools.partial":
            return kinds.NEW_BLOCK if is_new_block(args) else kinds.FUNCTION
        if text in SHARED_BY_ALL:
            return kinds.SHARED
        if evaluates(text):
            return kinds.EVALUATING
        if text.endswith(_WRAPPERS):
            self.hazard("it names joblib's array classes as joblib does not")
        computes = text.startswith(_COMPUTE) or not (usable or text.endswith("._reconstruct"))
        made = Made(args if isinstance(args, tuple) else (), computes=computes)
        computed = not made.parts and text.startswith(_BUILTINS) and text.islower()
        return kinds.COMPUTED if computed else made

    def give_away(self, args: object) -> None:
        """Record that a call may modify its arguments."""
        for arg in args if isinstance(args, tuple) else (args,):
            if isinstance(arg, State):
                arg.opaque = True
            elif isinstance(arg, Wrapper):
                raise UndescribedError("it passes the description of an array to a call")

    def understood(self, text: str, args: tuple[object, ...]) -> object:
        """Return the result of a call with a known effect; None for any other call."""
        if text == "copyreg._reconstructor" and len(args) == 3:  # noqa: PLR2004 - class, base, state
            return self.reconstructed(*args)
        if text == "copyreg.__newobj__" and args:
            return self.made(args[0], args[1:], new=True)
        if text == "builtins.getattr" and len(args) == 2:  # noqa: PLR2004 - object, attribute
            owner, attribute = args
            if isinstance(owner, Name) and isinstance(attribute, str) and attribute.isprintable():
                return self.findings.named(f"{owner.text}.{attribute}")
            if owner is kinds.EVALUATING and attribute in METHODS_OF_DISTRIBUTIONS:
                return kinds.FUNCTION
        if text == "builtins.type" and len(args) == 1:
            only = args[0].text.rpartition(".")[2] if isinstance(args[0], Name) else args[0]
            is_listed = isinstance(only, (str, type(None))) and only in _NO_TYPES
            return kinds.OPAQUE if is_listed else None
        return self.of_program(text, args) if is_dynamic(text) else None

    def of_program(self, text: str, args: tuple[object, ...]) -> object:
        """Return the result of a function of cloudpickle or dill; None if it is unknown."""
        if text == "dill._dill._create_array":
            return self.array_of_dill(args)
        return dynamic(text, args, self.findings)

    def array_of_dill(self, args: tuple[object, ...]) -> object:
        """Create an array and set its state, in one call, as dill writes every array."""
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
            self.hazard(CALLS_VALUE)
        if self.holds_own(state):
            self.hazard("it passes its own definitions to copyreg._reconstructor")
        return self.made(cls, (), new=True)
