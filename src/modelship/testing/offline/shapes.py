"""Describe and check the shape of JSON: which fields, of which types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NUMBER", "filled", "mismatch", "optional"]

NUMBER: Final = (int, float)


def optional(*types: type) -> tuple[type, ...]:
    """Return the shape of a value that has one of these types, is null, or is missing."""
    return (*types, type(None))


def filled(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given value of each field, or else its default."""
    return {field: given.get(field) or default for field, default in defaults.items()}


def mismatch(found: object, shape: Any, *, at: str = "the body") -> str:
    """Return where a value first differs from a shape, or ``""``.

    Parameters
    ----------
    found : JSON value
        The parsed value.
    shape : type, tuple, list or dict
        A type, or several of them; a list with the shape of each element, which may be omitted; or
        a dictionary with the checked fields and their shapes.
    at : str
        The name of the value in messages.
    """
    if isinstance(shape, dict):
        if not isinstance(found, dict):
            return at
        places = (mismatch(found.get(name), inner, at=name) for name, inner in shape.items())
    elif isinstance(shape, list):
        if not isinstance(found, (list, type(None))):
            return at
        places = (mismatch(each, shape[0], at=at) for each in found or ())
    else:
        return "" if isinstance(found, shape) else at
    return next(filter(None, places), "")
