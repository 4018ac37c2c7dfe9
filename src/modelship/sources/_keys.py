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

# Methods that unpickling itself runs, so that a class which the file defines would run its code.
RUN_BY_UNPICKLING: Final = frozenset(
    (
        *("__new__", "__setstate__", "__init_subclass__", "__set_name__", "__getattr__"),
        *("__getattribute__", "__setattr__", "__del__", "__hash__", "__prepare__", "__dict__"),
        *("__mro_entries__", "__class__", "__array_finalize__", "__setitem__"),
    )
)
# What an enumeration runs when it is made, or is asked for a member.
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
# Texts that are executed when an instance is given a state: see _evaluating.
EVALUATED_KEYS: Final = frozenset(
    ("_parse_arg_template", "restore_design_info", "restore_model_spec")
)
# Attributes of an instance that unpickling calls, if a state gave them to it.
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
