"""Read the package index for all tests of a run: ``tox`` runs this before them.

uv keeps what an index answers for as long as the index says. Where a mirror or a proxy says
nothing, each lock reads dozens of pages again, which takes most of its time. So they are read here
once, with a lifetime that lasts for the run. It does no harm if this fails, or if another index is
configured.
"""

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from modelship.bundle import Environment
from modelship.bundle._uv import _default_index
from modelship.bundle.lock import lock
from modelship.errors import ModelshipError

RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"
WANTED = (("azureml-defaults", "scikit-learn"), ("matplotlib", "pandas", "scikit-learn", "six"))
CONFIGURATION = """\
[[index]]
url = "{}"
default = true
cache-control = {{ api = "max-age=1200", files = "max-age=86400" }}
"""

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, suppress(ModelshipError):
        place = Path(folder, "uv.toml")
        place.write_text(CONFIGURATION.format(_default_index()))
        os.environ["UV_CONFIG_FILE"] = str(place)
        for requirements in WANTED:
            lock(Environment(RUNNING, requirements))
