"""The Python of a submitted script: of an environment built for it, or an existing one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelship.errors import EnvironmentSpecError
from modelship.progress import Steps
from modelship.runtime.environments import environment_python
from modelship.testing.offline.images import Images
from modelship.testing.offline.pythons import PythonsHere, on_some_python
from modelship.testing.offline.runs.submissions import LOCAL
from modelship.testing.offline.specifications import Specification

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.runs.submissions import Submission

__all__ = ["Interpreters"]

_LISTING_S: Final = 60.0
_INSTALLING_S: Final = 1800.0
_NAMELESS: Final = frozenset({"python", "python3"})


class Interpreters:
    """Finds or builds the Python for a script.

    Parameters
    ----------
    store : Store
        Stores the locks of environments.
    """

    def __init__(self, store: Store) -> None:
        self._images = Images(store)
        self._pythons = PythonsHere()

    def find(
        self,
        submission: Submission,
        *,
        variables: Mapping[str, str],
        say: Callable[[str], None],
    ) -> Path:
        """Return the path of a Python that can run the script.

        Parameters
        ----------
        submission : Submission
            The script to run.
        variables : Mapping[str, str]
            The environment variables to find it with: ``PATH``.
        say : Callable
            Receives lines for the log of the run.

        Raises
        ------
        ModelshipError
            If there is none, or the environment cannot be built.
        TimeoutError
            If another process is still building it.
        """
        if submission.is_user_managed:
            return _own(submission, variables)
        chosen = on_some_python(
            Specification.of_request({"environment": submission.environment}),
            pythons=self._pythons,
            images=self._images,
            steps=Steps("run", timeout_s=_LISTING_S),
            say=say,
        )
        _, lock = self._images.lock(chosen)
        say(f"Python {lock.python}, with {len(lock.versions)} packages.")
        return environment_python(lock, timeout_s=_INSTALLING_S)


def _own(submission: Submission, variables: Mapping[str, str]) -> Path:
    """Return the Python of a user who manages the packages."""
    if submission.target != LOCAL and submission.interpreter in _NAMELESS:
        return Path(sys.executable)  # a cluster's, and the cluster is this machine
    found = shutil.which(submission.interpreter, path=variables.get("PATH"))
    if found is None:
        name = str(submission.environment.get("name") or "the environment")
        raise EnvironmentSpecError(
            name,
            f"its interpreter {submission.interpreter!r} is not found on the PATH of the run. Set "
            "environment.python.interpreter_path to the path of a Python that is here.",
        )
    return Path(found)
