"""Start a program with the secrets of a file in its environment. Runs in a container.

What a container is created with, ``docker inspect`` shows to whoever may ask the engine. So secrets
come in a file that only the service's user reads: ``python -c SOURCE FILE COMMAND...`` becomes
COMMAND, with what is in FILE, ``NAME=value`` and a NUL after each.

It imports nothing outside the standard library, and runs on each Python that a bundle may have.
"""

import os
import sys


def main(file: str, *command: str) -> None:
    """Read the file, and become the command."""
    with open(file, "rb") as stream:
        given = stream.read().split(b"\0")
    environment = dict(os.environb)
    for each in given[:-1]:
        name, _, value = each.partition(b"=")
        environment[name] = value
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(*sys.argv[1:])
