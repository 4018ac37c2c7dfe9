"""Start a program with the secrets of a file in its environment. This runs in a container.

``docker inspect`` shows the creation options of a container to all users of the engine. So secrets
are passed in a file that only the service's user can read: ``python -c SOURCE FILE COMMAND...``
replaces itself with COMMAND, with the variables in FILE, each ``NAME=value`` and a NUL.

It imports only the standard library, and runs on all Python versions that a bundle may have.
"""

import os
import sys


def main(file: str, *command: str) -> None:
    """Read the file, and replace this process with the command."""
    with open(file, "rb") as stream:
        given = stream.read().split(b"\0")
    environment = dict(os.environb)
    for each in given[:-1]:
        name, _, value = each.partition(b"=")
        environment[name] = value
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(*sys.argv[1:])
