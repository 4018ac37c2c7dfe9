"""Define Option: one setting, its type, and how its values are parsed and formatted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

__all__ = ["OURS", "Option"]

_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"", "0", "false", "no", "off"})
_NUMBERS = {"int": int, "float": float}
_MOST = float(2**53)
OURS = ("modelship",)


@dataclass(frozen=True)
class Option:
    """One setting.

    Parameters
    ----------
    name : str
        Its name in ``server_options=``, with the unit.
    variable : str
        The environment variable that the server reads.
    what : str
        The description, in Markdown.
    kind : {"int", "float", "switch", "text"}
        The type of its values.
    default : int, float, bool or str
        The default; None if it is determined when the server starts.
    least, most : float, optional
        The minimum and maximum of a number, inclusive.
    choices : tuple of str
        The allowed texts, if they are limited.
    servers : tuple of str
        The servers that support it.
    on_target : bool
        Whether a target accepts it in ``server_options=``; the others have an option of their own
        there, or only apply where the server is started by hand.
    shown_default : str
        The default in the documentation, in place of `default`.
    """

    name: str
    variable: str
    what: str
    kind: str = "text"
    default: float | bool | str | None = ""
    least: float = 0
    most: float | None = None
    choices: tuple[str, ...] = ()
    servers: tuple[str, ...] = OURS
    on_target: bool = True
    shown_default: str = ""

    @property
    def expected(self) -> str:
        """A description of the valid values."""
        if self.choices:
            return " or ".join(map(repr, self.choices))
        if self.kind == "switch":
            return "True or False"
        if self.kind == "text":
            return "text"
        number = "a whole number" if self.kind == "int" else "a number"
        if self.most is not None:
            return f"{number} from {self.least:g} to {self.most:g}"
        return f"{number} of {self.least:g} or more"

    def parse(self, text: str) -> float | bool | str:
        """Parse the text of a variable.

        Raises
        ------
        ValueError
            If it is not a valid value of this setting.
        """
        if self.kind == "switch":
            if text.lower() not in _ON | _OFF:
                raise ValueError(text)
            return text.lower() in _ON
        return self._bounded(text if self.kind == "text" else _NUMBERS[self.kind](text))

    def text_of(self, value: object) -> str:
        """Return the text of the variable for a value of ``server_options=``.

        Raises
        ------
        ValueError
            If it is not a valid value of this setting.
        """
        if self.kind == "switch":
            if not isinstance(value, bool):
                raise ValueError(value)
            return str(value).lower()
        if self.kind == "text":
            if not isinstance(value, str) or not value.isprintable():
                raise ValueError(value)
            return str(self._bounded(value))
        fits = isinstance(value, int if self.kind == "int" else (int, float))
        if fits and not isinstance(value, bool):
            return repr(self._bounded(cast("float", value)))
        raise ValueError(value)

    def _bounded(self, value: float | str) -> float | str:
        if isinstance(value, str):
            fits = not self.choices or value in self.choices
        else:
            fits = self.least <= value <= (_MOST if self.most is None else self.most)
        if not fits:
            raise ValueError(value)
        return value
