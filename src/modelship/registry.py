"""Plug-in name to class: a built-in table of strings first, entry points on a miss.

Nothing is imported until it is asked for, and a plug-in cannot take the name of
a built-in one.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from modelship.errors import UnknownPluginError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Registry"]


@dataclass(frozen=True)
class Registry:
    """The plug-ins of one kind.

    Parameters
    ----------
    kind : str
        What one plug-in is called in messages, such as ``"target"``.
    group : str
        The entry-point group that other distributions register theirs in.
    builtins : Mapping[str, str]
        Name to ``"module:Class"`` for the ones that come with modelship.
    """

    kind: str
    group: str
    builtins: Mapping[str, str]

    def names(self) -> tuple[str, ...]:
        """Return every known name, sorted."""
        installed = {entry.name for entry in entry_points(group=self.group)}
        return tuple(sorted(installed | set(self.builtins)))

    def load(self, name: str) -> type[Any]:
        """Return the class that goes by `name`.

        Raises
        ------
        UnknownPluginError
            If neither the built-in table nor an entry point has it.
        """
        if name in self.builtins:
            module, _, attribute = self.builtins[name].partition(":")
            found: type[Any] = getattr(importlib.import_module(module), attribute)
            return found
        for entry in entry_points(group=self.group, name=name):
            loaded: type[Any] = entry.load()
            return loaded
        raise UnknownPluginError(kind=self.kind, name=name, known=self.names())
