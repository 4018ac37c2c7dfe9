"""List the values of the inert pickle machine of which only the kind matters."""

from __future__ import annotations

from typing import Final


class Kind:
    """A value of which only the kind matters."""


OPAQUE: Final = Kind()  # any value that a passport does not need
CODE_TYPE: Final = Kind()  # creates code objects
FUNCTION_TYPE: Final = Kind()  # creates functions from code objects
METACLASS: Final = Kind()  # type itself, as dill writes it
CODE: Final = Kind()  # a code object that was checked
FUNCTION: Final = Kind()  # a function defined in the file
COMPUTED: Final = Kind()  # the result of a built-in, which may be a text
NEW_BLOCK: Final = Kind()  # creates the blocks of frames in pandas 1.3 and 1.4
MODULE: Final = Kind()  # an imported module
EVALUATING: Final = Kind()  # an instance that would execute a text in its state
PLAIN_TYPE: Final = Kind()  # a type of Python that only stores its arguments
SHARED: Final = Kind()  # shared by the whole process, such as a logger
TEMPLATE: Final = Kind()  # the text that SciPy itself executes for a distribution
INSTANCE: Final = Kind()  # of a class that the file itself defines
MEMBER: Final = Kind()  # of an enumeration that the file itself defines
