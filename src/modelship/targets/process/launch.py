"""Start the server so that it outlives whoever asked for it. Runs in the serving environment.

``python launch.py DESCRIPTOR PID_FILE LOG_FILE COMMAND...`` leaves a child in a session of its
own that becomes COMMAND, writes that child's process id to PID_FILE, and ends. The child hands over
the listening socket DESCRIPTOR in the way of systemd (sd_listen_fds(3)), which gunicorn takes in
place of the address that it was told to bind.

It imports nothing of modelship and nothing outside the standard library.
"""

import os
import sys

FIRST_PASSED_DESCRIPTOR = 3


def main(descriptor: str, pid_file: str, log_file: str, *command: str) -> None:
    """Fork, leave the child running as `command`, and record its process id."""
    pid = os.fork()
    if pid:
        draft = pid_file + ".new"
        with open(draft, "w") as file:
            file.write(str(pid))
        os.replace(draft, pid_file)
        return
    os.setsid()
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(int(descriptor), FIRST_PASSED_DESCRIPTOR)
    os.set_inheritable(FIRST_PASSED_DESCRIPTOR, True)
    environment = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(*sys.argv[1:])
