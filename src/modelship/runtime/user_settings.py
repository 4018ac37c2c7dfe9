"""Let the user's own ``gunicorn.conf.py`` apply under settings of modelship's.

gunicorn reads one settings file. If none is named, it is the file next to the script. Where
modelship names another one, that one adds the user's settings by this function.

This runs in the serving environment, and in images it is a file next to the settings. It imports
nothing outside the standard library.
"""

import runpy
from pathlib import Path
from typing import Any, Dict  # noqa: UP035 - bundles may have Python 3.8

_BESIDE_THE_SCRIPT = Path("gunicorn.conf.py")


def add_user_settings(settings: Dict[str, Any]) -> Dict[str, Any]:  # noqa: UP006 - as above
    """Add the user's settings to `settings`, which override them; return all that the user has.

    Parameters
    ----------
    settings : dict
        The names of a settings file so far.
    """
    beside = _BESIDE_THE_SCRIPT
    theirs = runpy.run_path(str(beside)) if beside.is_file() else {}
    settings.update({name: theirs[name] for name in theirs.keys() - settings.keys()})
    return theirs
