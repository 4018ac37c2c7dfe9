"""Convert request bytes to the arrays that run() takes, without intermediate lists.

If a script declares its parameters with inference-schema's ``NumpyParameterType``, each body goes
through ``json.loads`` and ``numpy.array``. A :class:`TypedPlan` reads the same arrays directly from
the bytes, but only if the result is certain to be bit-for-bit identical to that of this slow path;
otherwise it raises :class:`FallBack`, and the caller takes the slow path, so that every error is
the reference's own.

Sources: ``schema_decorators.py`` and ``numpy_parameter_type.py`` of inference-schema 1.8, and
simdjson's DOM through pysimdjson.
"""

from __future__ import annotations

import inspect
import sys
import threading
from typing import TYPE_CHECKING, Any

from .arrow import arrow_array, write_arrow
from .binary import BadBody, CannotWrite, npy_array, write_npy
from .merging import CannotMerge, CannotSplit, merge, split
from .readers import FallBack, NumbersReader, RawReader, Reader, reader_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    import numpy as np

__all__ = [
    "BadBody",
    "CannotMerge",
    "CannotSplit",
    "CannotWrite",
    "FallBack",
    "TypedPlan",
    "array_plan",
    "merge",
    "split",
    "typed_plan",
    "write_arrow",
    "write_npy",
]

_DECORATOR = "inference_schema.schema_decorators"
_INPUT = frozenset({"convert_to_provided_type", "optional", "param_name", "param_type"})
_OUTPUT: frozenset[str] = frozenset()

# A parser keeps a buffer for the largest body so far, of about fifteen times its size.
_KEPT_PARSER_BYTES = 1 << 20
_MOST_EXTRA_KEYS = 16
_LEAP_BYTES = 512


class TypedPlan:
    """How the bodies for one run() become its arguments.

    Attributes
    ----------
    call : callable
        run() without inference-schema's decorators: the function that is called with the arguments
        read here. inference-schema does not change its return value.
    """

    def __init__(
        self,
        call: Callable[..., Any],
        readers: Mapping[str, Reader],
        defaults: Mapping[str, Any],
    ) -> None:
        self.call = call
        self._readers = dict(readers)
        self._defaults = dict(defaults)
        self._raw = RawReader()
        self._parsers = threading.local()
        numbers = [(n, each) for n, each in readers.items() if isinstance(each, NumbersReader)]
        self._only = numbers[0] if len(numbers) == 1 else None

    def read_json(self, body: bytes) -> dict[str, Any]:
        """Return the arguments in the JSON object in `body`, by name.

        Raises
        ------
        FallBack
            If it is not certain that the slow path would return the same.
        """
        # json.loads detects UTF-8 from such a start as well.
        if body[:1] != b"{":
            raise FallBack
        parser = self._parser(len(body))
        try:
            document = parser.parse(body)
            arguments, brackets = self._read(document)
            is_certain = _has_just(body, brackets)
        except Exception:  # noqa: BLE001 - whatever it is, the long way has the say
            is_certain = False
        if is_certain:
            return arguments
        # A failed parse may keep a reference to its parser, which then cannot be reused.
        self._parsers.__dict__.clear()
        raise FallBack

    def read_npy(self, body: bytes) -> dict[str, Any]:
        """Return the arguments in a body of the type ``application/x-npy``.

        The format is that of ``numpy.save``. The array is validated like one from JSON.

        Raises
        ------
        BadBody
            If it contains none, or not one that run() takes.
        """
        return self.arguments_of(npy_array(body))

    def read_arrow(self, body: bytes) -> dict[str, Any]:
        """Return the arguments in a body in the Arrow IPC format, a stream or a file.

        Its columns, in order, become those of the array.

        Raises
        ------
        BadBody
            If it contains none, or not one that run() takes; if pyarrow is missing.
        """
        _, reader = self._only_array()
        return self.arguments_of(arrow_array(body, ndim=reader.ndim))

    @property
    def takes_one_array(self) -> bool:
        """Whether exactly one argument is an array, as those of the binary formats need it."""
        return self._only is not None

    def arguments_of(self, array: np.ndarray[Any, Any]) -> dict[str, Any]:
        """Return the arguments of a call with `array`, which is validated like one from JSON.

        Raises
        ------
        BadBody
            If run() does not take it.
        """
        name, reader = self._only_array()
        return self._with_defaults(name, reader.checked(array))

    def _parser(self, size_bytes: int) -> Any:
        parser = getattr(self._parsers, "parser", None)
        if parser is not None and size_bytes <= _KEPT_PARSER_BYTES:
            return parser
        try:
            from simdjson import Parser  # only in bundles
        except ImportError:
            raise FallBack from None
        parser = Parser()
        if size_bytes <= _KEPT_PARSER_BYTES:
            self._parsers.parser = parser
        return parser

    def _read(self, document: Any) -> tuple[dict[str, Any], int]:
        """Return the arguments, and the number of lists that they were made of."""
        arguments = {}
        brackets = found = 0
        for name, reader in self._readers.items():
            try:
                element = document[name]
            except KeyError:
                arguments[name] = self._defaults[name]
                continue
            arguments[name], seen = reader.read(element)
            brackets += seen
            found += 1
        if len(document) != found:
            self._require_harmless(document)
        return arguments, brackets

    def _require_harmless(self, document: Any) -> None:
        """Raise FallBack unless all keys are unique, and unused keys have scalar values.

        The slow path reads the last of equal keys, and fails on values that are nested too deeply
        even if they are unused.
        """
        if len(document) > len(self._readers) + _MOST_EXTRA_KEYS:
            raise FallBack
        keys = set(document)
        if len(keys) != len(document):
            raise FallBack
        for key in keys - self._readers.keys():
            self._raw.read(document[key])

    def _only_array(self) -> tuple[str, NumbersReader]:
        if self._only is None:
            raise BadBody(415, "run() does not take exactly one array: send JSON.")
        return self._only

    def _with_defaults(self, name: str, array: np.ndarray[Any, Any]) -> dict[str, Any]:
        arguments = {name: array}
        for other in self._readers:
            if other != name:
                if other not in self._defaults:
                    raise BadBody(415, f"run() needs a value for {other!r} too: send JSON.")
                arguments[other] = self._defaults[other]
        return arguments


def _has_just(body: bytes, brackets: int) -> bool:
    """Return whether `body` has exactly this many opening brackets; it has at least as many.

    This detects a list that was not visited, such as one too deep in an array.
    """
    # Counting visits every byte; finding is vectorized, and skips where it can.
    if brackets * _LEAP_BYTES > len(body):
        return body.count(b"[") == brackets
    at = -1
    for _ in range(brackets):
        at = body.find(b"[", at + 1)
    return body.find(b"[", at + 1) < 0


def typed_plan(run: Callable[..., Any]) -> TypedPlan | None:
    """Return how to serve `run` without lists, or None if its declaration does not allow it.

    Parameters
    ----------
    run : callable
        The script's run(), with its decorators. At least one parameter must be declared as a
        ``NumpyParameterType`` of floats or integers of at most 64 bits.
    """
    # If it is not imported, the script cannot use its decorators.
    if _DECORATOR not in sys.modules:
        return None
    undecorated = _undecorated(run)
    if undecorated is None:
        return None
    call, declared = undecorated
    parameters = [
        each
        for each in inspect.signature(run).parameters.values()
        if each.name != "request_headers"
    ]
    readers: dict[str, Reader] = {each.name: RawReader() for each in parameters}
    for name, (kind, is_optional) in declared.items():
        reader = reader_of(kind, is_optional=is_optional)
        if name not in readers or reader is None:
            return None
        readers[name] = reader
    if not any(each.holds_array for each in readers.values()):
        return None
    defaults = {each.name: each.default for each in parameters}
    kept = {name: value for name, value in defaults.items() if readers[name].leaves(value)}
    return TypedPlan(call, readers, kept)


def array_plan(module: ModuleType) -> TypedPlan | None:
    """Return how to serve a script that is not decorated, and has a ``run_array``.

    This function declares that ``run(raw_data)`` only calls it with
    ``np.array(json.loads(raw_data)[key])``, where ``key`` is the name of its one parameter.
    """
    call = getattr(module, "run_array", None)
    if not inspect.isfunction(call):
        return None
    parameters = inspect.signature(call).parameters.values()
    if [each.kind for each in parameters] != [inspect.Parameter.POSITIONAL_OR_KEYWORD]:
        return None
    (key,) = (each.name for each in parameters)
    return TypedPlan(call, {key: NumbersReader(None, None)}, {})


def _undecorated(run: Any) -> tuple[Any, dict[str, tuple[Any, bool]]] | None:
    """Return the function inside the decorators, and each parameter's type; None if unsure."""
    from wrapt import FunctionWrapper  # inference-schema's own

    declared: dict[str, tuple[Any, bool]] = {}
    while type(run) is FunctionWrapper and run._self_wrapper.__module__ == _DECORATOR:  # noqa: SLF001 - wrapt's documented name for it
        code, closure = run._self_wrapper.__code__, run._self_wrapper.__closure__ or ()  # noqa: SLF001 - as above
        names = frozenset(code.co_freevars)
        if names == _INPUT:
            held = dict(zip(code.co_freevars, closure, strict=True))
            name = held["param_name"].cell_contents
            if name in declared or not held["convert_to_provided_type"].cell_contents:
                return None
            is_optional = bool(held["optional"].cell_contents)
            declared[name] = held["param_type"].cell_contents, is_optional
        elif names != _OUTPUT:
            return None
        run = run.__wrapped__
    return run, declared
