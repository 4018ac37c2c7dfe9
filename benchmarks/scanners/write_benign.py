"""Write the benign models into a folder, and tell their names and paths.

Runs in an environment of its own, with libraries that the tests do without.
"""

import json
import sys
from pathlib import Path

from corpus.benign import write_all

FOLDER = Path(sys.argv[1])
written = {}
for name, path in write_all(FOLDER):
    written[f"{name} ({path.name})"] = str(path)
(FOLDER / "written.json").write_text(json.dumps(written))
