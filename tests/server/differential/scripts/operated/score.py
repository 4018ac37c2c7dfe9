"""Does what a test of operations asks for."""

import ctypes
import json
import os
import signal
import time

table = None


def init():
    global table
    table = bytearray(int(os.environ.get("TABLE_BYTES", "1")))  # what the workers are to share


def run(raw_data):
    asked = json.loads(raw_data)
    if "sleep_s" in asked:
        time.sleep(asked["sleep_s"])
    if asked.get("block"):  # in C, holding the interpreter's lock, for ever and without cpu
        mutex = ctypes.create_string_buffer(64)
        for _ in range(2):
            ctypes.PyDLL(None).pthread_mutex_lock(mutex)
    if asked.get("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    if asked.get("leak_mb"):
        leaks.append(b"x" * (asked["leak_mb"] * 2**20))
    if asked.get("exit"):
        raise SystemExit(1)
    if asked.get("crash"):
        ctypes.string_at(0)
    return {"pid": os.getpid(), "parent": os.getppid(), "table": len(table)}


leaks = []
