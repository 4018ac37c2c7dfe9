"""Switch the address of a name from some of its instances to one of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from modelship.errors import ModelshipError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelship.targets.backend import SupportsRoute
    from modelship.targets.instance import Instance

__all__ = ["close_gates", "switch", "switch_back"]


def switch(backend: SupportsRoute, to: Instance, *, off: Iterable[Instance]) -> None:
    """Route requests to one instance, and then no longer to the others.

    The order leaves no moment without an open instance.

    Raises
    ------
    ModelshipError
        If the instance cannot accept them.
    """
    backend.accept(to, on=True)
    close_gates(backend, off)


def switch_back(backend: SupportsRoute, to: Instance, *, off: Iterable[Instance]) -> None:
    """Undo an interrupted switch; if `to` has exited, nothing serves."""
    with suppress(ModelshipError):
        switch(backend, to, off=off)


def close_gates(backend: SupportsRoute, instances: Iterable[Instance]) -> None:
    """Route no more requests to instances, which is necessary even if they are stopped next.

    An instance that ends with an open gate takes itself for the last one behind the address, and
    lets no further connection come.
    """
    for each in instances:
        backend.accept(each, on=False)
