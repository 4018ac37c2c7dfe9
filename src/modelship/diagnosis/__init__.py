"""Explain why a service does not run, from its log and from what the target reports.

:func:`diagnose` reads the log, and :func:`explain_exception` a single exception. Both are pure:
they do no I/O, and their run time is bounded for a log of any size.
"""

from typing import TYPE_CHECKING

from modelship.on_first_use import names_from

if TYPE_CHECKING:
    from modelship.diagnosis.diagnose import diagnose, is_known
    from modelship.diagnosis.exceptions import Phase, explain_exception
    from modelship.diagnosis.facts import Facts, Surroundings
    from modelship.diagnosis.raising import explain_traceback
    from modelship.diagnosis.request_errors import remedy_of

__all__ = [
    "Facts",
    "Phase",
    "Surroundings",
    "diagnose",
    "explain_exception",
    "explain_traceback",
    "is_known",
    "remedy_of",
]

__getattr__, __dir__ = names_from(
    __name__,
    {
        "diagnose": ["diagnose", "is_known"],
        "exceptions": ["Phase", "explain_exception"],
        "facts": ["Facts", "Surroundings"],
        "raising": ["explain_traceback"],
        "request_errors": ["remedy_of"],
    },
)
