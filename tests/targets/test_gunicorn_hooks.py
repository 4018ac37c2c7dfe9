"""Hooks of a gunicorn.conf.py next to the script do the same here as in a container."""

import subprocess
import sys
from importlib.util import find_spec

SETTINGS = find_spec("modelship.targets.process.gunicorn_settings").origin
HOOKS = """
LOG = open("hooks.txt", "w")
CLOSED = open("closed.txt", "w")

def on_exit(server):
    LOG.write("the server has ended")
    CLOSED.close()
"""
SERVER = """
import runpy, sys, threading, time
found = runpy.run_path(sys.argv[1], run_name="__config__")
threading.Thread(target=lambda: [time.sleep(60), found], daemon=True).start()
found["on_exit"](None)
"""


def test_what_a_hook_leaves_in_a_file_is_written_at_the_exit(tmp_path):
    """Threads of the server keep the hooks, so that Python does not close their files."""
    (tmp_path / "gunicorn.conf.py").write_text(HOOKS)
    command = [sys.executable, "-c", SERVER, SETTINGS]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert [(tmp_path / "hooks.txt").read_text(), done.stderr] == ["the server has ended", ""]
