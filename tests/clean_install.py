"""Install the one wheel of a folder into a new virtual environment and use it there.

``python tests/clean_install.py DIST`` is the last part of ``tox``: the wheel has to carry what
it needs, with no extra installed and none of this checkout on the path.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import uv

USE_IT = """
import importlib.resources, sys
import modelship
assert not {"numpy", "requests", "yaml"} & set(sys.modules), "import modelship is to import nothing"
for name in modelship.__all__:
    getattr(modelship, name)
files = importlib.resources.files("modelship")
assert (files / "py.typed").is_file()
for each in ("evaluation/report.html.j2", "evaluation/page.css", "batch/batch_report.html.j2"):
    assert files.joinpath(each).is_file(), each
print("modelship", modelship.__version__, "from", modelship.__file__)
"""


def main(dist: str) -> None:
    [wheel] = Path(dist).glob("*.whl")
    with tempfile.TemporaryDirectory() as folder:
        run = lambda *command: subprocess.run(command, check=True, cwd=folder)  # noqa: E731
        run(
            uv.find_uv_bin(), "venv", "--quiet", "--no-project", "--python", sys.executable, "clean"
        )
        binaries = Path(folder, "clean", "bin")
        install = (uv.find_uv_bin(), "pip", "install", "--quiet", "--python")
        run(*install, binaries / "python", wheel)
        run(binaries / "python", "-c", USE_IT)
        run(binaries / "modelship", "--version")
        run(binaries / "modelship", "targets")


if __name__ == "__main__":
    main(*sys.argv[1:])
