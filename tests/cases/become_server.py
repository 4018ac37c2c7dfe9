"""Become Azure ML's inference server on a socket that listens already. Runs in its environment.

``python become_server.py DESCRIPTOR MEMORY_BYTES COMMAND...`` limits its memory, unless
MEMORY_BYTES is 0, and hands the socket over in the way of systemd (sd_listen_fds(3)): no port has
to be free for a moment longer than it is looked for.
"""

import os
import resource
import sys

FIRST_PASSED_DESCRIPTOR = 3


def main(descriptor: str, memory_bytes: str, *command: str) -> None:
    """Become `command`."""
    os.dup2(int(descriptor), FIRST_PASSED_DESCRIPTOR)
    os.set_inheritable(FIRST_PASSED_DESCRIPTOR, True)
    if int(memory_bytes):
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory_bytes), int(memory_bytes)))
    environment = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(*sys.argv[1:])
