"""Prepare a release as a local program: its environment, its files and its command."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelship.bundle.layout import model_dir
from modelship.staging import write_atomic
from modelship.targets.backend import Prepared

if TYPE_CHECKING:
    import socket

    from modelship.bundle.profile import Profile
    from modelship.progress import Steps
    from modelship.targets.release import Release

__all__ = ["APP", "GUNICORN_SETTINGS", "Program"]

GUNICORN_SETTINGS: Final = Path(__file__).with_name("process") / "gunicorn_settings.py"

APP: Final = "app"
"""The folder of a bundle's files, in the folder of an instance."""

_SAMPLE: Final = "sample.json"
_INHERIT: Final = Path(__file__).with_name("inherit.py")


@dataclass(frozen=True)
class Program(Prepared):
    """A release whose environment is built on this machine, to run it as a program.

    Returned by :meth:`prepare`. Its files are in a folder of the instance::

        app/           what a container has in AML_APP_ROOT; the program starts there
        sample.json    the bundle's sample request, if it has one

    Parameters
    ----------
    release : Release
        The release to start.
    python : Path
        The environment's Python.
    server_folder : Path or None
        The folder to add to Python's path for the server; None if the environment contains it.
    """

    python: Path
    server_folder: Path | None

    @classmethod
    def prepare(cls, release: Release, steps: Steps) -> Program:
        """Build the environment, unless it exists already.

        Raises
        ------
        EnvironmentSpecError
            If it cannot be built.
        """
        from modelship.runtime.environments import environment_python, install_server, release_of

        bundle, deadline = release.bundle, steps.deadline
        with steps.step("Prepare the environment"):
            python = environment_python(
                bundle.lock, timeout_s=deadline.remaining_s, asked_by=bundle.environment
            )
            server_folder = install_server(
                release.serving.program, bundle.lock, python, timeout_s=deadline.remaining_s
            )
        if note := bundle.environment.note_on(release_of(python), of="this machine"):
            steps.say(note)
        return cls(release, python, server_folder)

    def lay_out(self, folder: Path) -> None:
        """Write the release's files into `folder`.

        Raises
        ------
        DigestMismatchError
            If a model file has changed since the bundle was created.
        OSError
            If they cannot be written.
        """
        from modelship.bundle.store import stage

        bundle = self.release.bundle
        stage(bundle, folder / APP)
        if bundle.sample_json is not None:
            write_atomic(folder / _SAMPLE, bundle.sample_json)

    def arguments(self, *, port: int) -> list[str]:
        """Return the command of the server as on Azure, listening on all interfaces."""
        return [
            *(str(self.python), "-m", self.release.serving.program.module),
            *("--entry_script", self.release.bundle.entry_script, "--port", str(port)),
        ]

    def command(self, listener: socket.socket) -> list[str]:
        """Return the command of a server that listens on `listener` only.

        The caller passes the socket to the process, for example with
        ``pass_fds=[listener.fileno()]``.
        """
        inherit = [str(self.python), "-I", "-S", str(_INHERIT), str(listener.fileno())]
        return inherit + self.arguments(port=listener.getsockname()[1])

    def environment(self, folder: Path, place: Profile) -> dict[str, str]:
        """Return the complete environment of the program; it contains the secrets of the release.

        Parameters
        ----------
        folder : Path
            The folder of its files.
        place : Profile
            The limits of the place.
        """
        from modelship.runtime.environments import service_variables

        bundle, serving = self.release.bundle, self.release.serving
        app, server = folder / APP, serving.program
        return {
            **service_variables(
                self.python, app_root=app, model_dir=app / model_dir(bundle.models)
            ),
            "GUNICORN_CMD_ARGS": f"--config {shlex.quote(str(GUNICORN_SETTINGS))}",
            **({"PYTHONPATH": str(self.server_folder)} if self.server_folder else {}),
            **server.variables(bundle, sample_file=str(folder / _SAMPLE)),
            **({"MODELSHIP_CAPTURE": str(serving.capture)} if serving.capture else {}),
            **serving.environment(serving.profile(place)),
            **serving.secret_environment,
        }
