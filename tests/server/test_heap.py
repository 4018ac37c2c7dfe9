"""Freed memory stays with the process, so that the next request need not ask the kernel for it."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys

import pytest

_SCRIPT = """
import resource, sys
from modelship.server.worker_memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def use():
    bodies = [bytearray(400_000) for _ in range(10)]
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about glibc's malloc")
def test_memory_that_was_freed_is_used_again():
    """Bodies of some megabytes cost no new pages once there was room for them."""

    def pages(how):
        command = [sys.executable, "-c", _SCRIPT, how]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    needed = 20 * 10 * 400_000 // resource.getpagesize()
    assert pages("return") > needed / 2
    assert pages("keep") < needed / 20
