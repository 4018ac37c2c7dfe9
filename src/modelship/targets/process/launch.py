"""Start the server so that it outlives its caller. Runs in the serving environment.

``python launch.py DESCRIPTOR LEASH PID_FILE LOG_FILE MEMORY COMMAND...`` forks a child in a session
of its own that becomes COMMAND, and then exits. The child writes its process id to PID_FILE, and
passes on the listening socket DESCRIPTOR by systemd's socket activation (sd_listen_fds(3)), which
gunicorn uses instead of its configured bind address. The socket's name, ``modelship``, marks it as
exclusive. The socket LEASH is for the gate of the name's address; -1 means none. COMMAND may
allocate MEMORY bytes; 0 means no limit.

It imports nothing of modelship and nothing outside the standard library.
"""

import fcntl
import os
import resource
import sys

FIRST_PASSED_DESCRIPTOR = 3
LEASH_DESCRIPTOR = 4
FIRST_FREE_DESCRIPTOR = 10


def main(*arguments: str) -> None:
    """Fork, leave the child running as its command, and return once it does."""
    command = arguments[5:]
    environment = detach(*arguments[:5])
    if environment is not None:
        os.execve(command[0], command, environment)


def detach(
    descriptor: str, leash: str, pid_file: str, log_file: str, memory: str
) -> "dict[str, str] | None":
    """Fork; return the environment of the server in the child, and None in the parent.

    The parent returns when the child has become the server: that closes a pipe. In the child, files
    without a meaning for the server have numbers from 10 up, or are closed by execve(2).
    """
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        os.read(reading, 1)  # ends when the child has become its command, and the pipe is closed
        return None
    os.setsid()
    # The child writes it: the parent's would be missing if the parent is killed first.
    draft = pid_file + ".new"
    with open(draft, "w") as file:
        file.write(str(os.getpid()))
    os.replace(draft, pid_file)
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    environment = dict(
        os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="modelship"
    )
    passed = [int(descriptor)]
    if int(leash) >= 0:
        passed.append(int(leash))
        environment["MODELSHIP_GATE"] = f"fd:{LEASH_DESCRIPTOR}"
    # First move both out of each other's way.
    free = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_DESCRIPTOR) for each in passed]
    for each in passed:
        os.close(each)
    for number, each in enumerate(free, FIRST_PASSED_DESCRIPTOR):
        os.dup2(each, number)
    if int(memory):
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
    return environment


if __name__ == "__main__":
    main(*sys.argv[1:])
