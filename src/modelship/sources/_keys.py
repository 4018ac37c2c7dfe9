"""List state keys and member names that affect what loading does."""

from __future__ import annotations

from typing import Final

__all__ = [
    "CALLED_BY_UNPICKLING",
    "EVALUATED_KEYS",
    "FILE_KEYS",
    "KEPT_KEYS",
    "RUN_BY_ENUMERATIONS",
    "RUN_BY_UNPICKLING",
    "WRAPPER_KEYS",
]

# Methods that unpickling itself calls, so that a class in the file would run its own code.
RUN_BY_UNPICKLING: Final = frozenset(
    (
        *("__new__", "__setstate__", "__init_subclass__", "__set_name__", "__getattr__"),
        *("__getattribute__", "__setattr__", "__del__", "__hash__", "__prepare__", "__dict__"),
        *("__mro_entries__", "__class__", "__array_finalize__", "__setitem__"),
    )
)
# Methods that an enumeration calls when it is created, or when a member is looked up.
RUN_BY_ENUMERATIONS: Final = frozenset(
    (
        *("__init__", "__eq__", "_missing_", "_generate_next_value_", "_ignore_"),
        *("_member_map_", "_member_names_", "_member_type_", "_value2member_map_"),
    )
)
WRAPPER_KEYS: Final = frozenset(
    ("subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes")
)
FILE_KEYS: Final = frozenset(("filename", "subclass", "allow_mmap", "init_args", "state"))
# Texts that are executed when the state of an instance is set: see _evaluating.
EVALUATED_KEYS: Final = frozenset(
    ("_parse_arg_template", "restore_design_info", "restore_model_spec")
)
# Attributes of an instance that unpickling calls, if they are in its state.
CALLED_BY_UNPICKLING: Final = frozenset(("append", "extend", "add", "__setstate__"))
KEPT_KEYS: Final = (
    CALLED_BY_UNPICKLING
    | WRAPPER_KEYS
    | FILE_KEYS
    | RUN_BY_UNPICKLING
    | EVALUATED_KEYS
    | RUN_BY_ENUMERATIONS
    | {"_sklearn_version", "_abc_impl", "__globals__"}
)
