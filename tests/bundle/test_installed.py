"""Which locks install the same files on this machine, and have one environment."""

from __future__ import annotations

import sys

import pytest

from modelship.bundle.lock import Lock
from modelship.runtime._installed import installed_digest

HASHES = f"--hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}"
TURNED = f"--hash=sha256:{'b' * 64} \\\n    --hash=sha256:{'a' * 64}"
ONE = f"six==1.17.0 \\\n    {HASHES}\n"


def digest(text, python="3.11"):
    """Return the digest of what a lock with this text installs."""
    return installed_digest(Lock(python, text))


@pytest.mark.parametrize(
    "text",
    [
        f"six==1.17.0 \\\n    {TURNED}\n",
        f"six==1.17.0 ; python_full_version < '3.12' and os_name == 'posix' \\\n    {HASHES}\n",
        f"{ONE}colorama==0.4.6 ; sys_platform == 'win32' \\\n    {HASHES}\n",
        f"# a comment\n{ONE}",
    ],
)
def test_what_a_lock_says_of_others_does_not_count(text):
    """Nor does the order of digests."""
    assert sys.platform == "win32" or digest(text) == digest(ONE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ONE.replace("1.17.0", "1.16.0"),
        ONE.replace("a" * 64, "c" * 64),
        f"six==1.17.0 ; python_full_version < '3.11.3' \\\n    {HASHES}\n",
        f"six==1.17.0 ; platform_release != '1' \\\n    {HASHES}\n",
        f"six==1.17.0 ; sys_platform == 'win32' \\\n    {HASHES}\n",
        f"{ONE}colorama==0.4.6 ; sys_platform != 'win32' \\\n    {HASHES}\n",
    ],
)
def test_other_files_are_another_environment(text):
    """So are those that may be others in another patch release of Python."""
    assert digest(text) != digest(ONE)


def test_another_python_is_another_environment():
    """Its files lie elsewhere, and wheels differ."""
    assert digest(ONE) != digest(ONE, "3.12")
