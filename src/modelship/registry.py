"""Look up plug-in classes: first in a built-in table, then among entry points.

Nothing is imported before it is requested, and a plug-in cannot replace a built-in one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelship.errors import InvalidOptionError, UnknownPluginError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Registry", "check_options"]


@dataclass(frozen=True)
class Registry:
    """The plug-ins of one kind.

    Parameters
    ----------
    kind : str
        The kind in messages, such as ``"target"``.
    group : str
        The entry-point group in which other distributions register theirs.
    builtins : Mapping[str, str]
        Maps the names of built-in ones to ``"module:Class"``.
    """

    kind: str
    group: str
    builtins: Mapping[str, str]

    def names(self) -> tuple[str, ...]:
        """Return all known names, sorted."""
        from importlib.metadata import entry_points

        installed = {entry.name for entry in entry_points(group=self.group)}
        return tuple(sorted(installed | set(self.builtins)))

    def load(self, name: str) -> type[Any]:
        """Return the class registered as `name`.

        Raises
        ------
        UnknownPluginError
            If neither the built-in table nor an entry point has it.
        """
        if name in self.builtins:
            from pkgutil import resolve_name

            found: type[Any] = resolve_name(self.builtins[name])
            return found
        from importlib.metadata import entry_points

        for entry in entry_points(group=self.group, name=name):
            loaded: type[Any] = entry.load()
            return loaded
        raise UnknownPluginError(kind=self.kind, name=name, known=self.names())


def check_options(
    owner: str, accepts: Callable[..., Any] | None, options: Mapping[str, Any], *, after: int = 0
) -> None:
    """Check the options of a plug-in against its parameters.

    Parameters
    ----------
    owner : str
        A description of what the options are for.
    accepts : Callable or None
        The callable that receives them; None accepts no options.
    options : Mapping[str, Any]
        The options by name.
    after : int
        The number of its parameters before the options.

    Raises
    ------
    InvalidOptionError
        If an option is unknown, or a required one is missing.
    """
    import inspect

    parameters = [*inspect.signature(accepts).parameters.values()][after:] if accepts else []
    names = [parameter.name for parameter in parameters]
    for option in options:
        if option not in names:  # its value may be a secret: it is not shown
            raise InvalidOptionError(
                option=f"an option of {owner}",
                found=option,
                expected=f"one of: {', '.join(names) or 'none'}{nearest(option, names)}",
            )
    for parameter in parameters:
        if parameter.default is parameter.empty and parameter.name not in options:
            raise InvalidOptionError(f"{owner}: {parameter.name}", None, "a value")
