"""Start a server on an inherited listening socket. Runs in the serving environment.

``python inherit.py DESCRIPTOR COMMAND...`` passes on the listening socket by systemd's socket
activation (sd_listen_fds(3)). Otherwise Azure ML's server would listen on all interfaces of the
machine.

It imports nothing of modelship and nothing outside the standard library.
"""

import os
import sys

FIRST_PASSED_DESCRIPTOR = 3


def main(descriptor: str, *command: str) -> None:
    """Replace this process by `command`."""
    if int(descriptor) != FIRST_PASSED_DESCRIPTOR:
        os.dup2(int(descriptor), FIRST_PASSED_DESCRIPTOR)
        os.close(int(descriptor))
    os.set_inheritable(FIRST_PASSED_DESCRIPTOR, True)
    passed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "modelship"}
    os.execve(command[0], command, {**os.environ, **passed})  # noqa: S606 - becomes the server


if __name__ == "__main__":
    main(*sys.argv[1:])
