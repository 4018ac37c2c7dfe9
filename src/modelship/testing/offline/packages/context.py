"""What a Docker image of a package is built from: a Dockerfile, and the files of the service."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelship.bundle.layout import model_dir
from modelship.bundle.store import stage
from modelship.runtime.images.archive import Archive
from modelship.runtime.images.dockerfiles import APP_ROOT, PORT, USER, VENV
from modelship.runtime.servers import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.testing.offline.images import Image

__all__ = ["APP", "dockerfile", "files"]

APP: Final = "azureml-app"
"""The folder of a build context that holds the files of the service; the SDK adds to it."""

_ROOT_USER: Final = (
    "# The SDK's LocalWebservice copies files into the container with their owner and mode: only\n"
    "# root can read all of them.\n"
    "USER 0:0"
)


def dockerfile(image: Image, *, base: str, label: str, runs_as_root: bool) -> str:
    """Return the Dockerfile of a package; it stands on the image of its environment.

    Parameters
    ----------
    image : Image
        What is packaged.
    base : str
        The image of the environment.
    label : str
        A label for all that is built of it, such as ``"key=value"``.
    runs_as_root : bool
        Whether the service runs as root, and not as user 1000.
    """
    command = [
        *(f"{VENV}/bin/python", "-m", Server.named("azmlinfsrv").module),
        *("--entry_script", image.bundle.entry_script, "--port", str(PORT)),
    ]
    variables = {
        "AZUREML_MODEL_DIR": f"{APP_ROOT}/{model_dir(image.bundle.models)}",
        **image.variables,
    }
    lines = [
        f"FROM {base}",
        f"LABEL {label}",
        "USER 0:0",
        *(f"ENV {name}={_quoted(value)}" for name, value in variables.items()),
        f"COPY {APP} {APP_ROOT}",
        f"CMD {json.dumps(command)}",
        _ROOT_USER if runs_as_root else f"USER {USER}:{USER}",
    ]
    return "".join(f"{line}\n" for line in lines)


@contextmanager
def files(image: Image, *, scratch: Path) -> Iterator[Archive]:
    """Yield the files of a service as an archive of ``azureml-app/``.

    Parameters
    ----------
    image : Image
        What is packaged.
    scratch : Path
        The folder to lay them out in; what is written there is removed at the end.
    """
    with tempfile.TemporaryDirectory(prefix="package-", dir=scratch) as name:
        folder = Path(name)
        stage(image.bundle, folder)
        found = {
            f"{APP}/{path.relative_to(folder).as_posix()}": path
            for path in folder.rglob("*")
            if path.is_file()
        }
        yield Archive(found, [APP])


def _quoted(value: str) -> str:
    """Quote a value so that a Dockerfile neither splits it nor expands a variable in it."""
    return json.dumps(value, ensure_ascii=False).replace("$", "\\$")
