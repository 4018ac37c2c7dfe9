"""The log of a service as a process: bounded, read from its end, and nothing of it lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from modelship.server import rotation
from modelship.targets.process import folders

_WRITER = """
import importlib.util, os, sys, time
spec = importlib.util.spec_from_file_location("rotation", sys.argv[1])
rotation = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rotation)
rotation._LOOK_EVERY_S = rotation._SHORTEST_S = 0
log = rotation.LogFile(rotates=sys.argv[2] == "0")
for number in range(int(sys.argv[3])):
    os.write(1, f"{sys.argv[2]} {number} {'x' * 1000}\\n".encode())
    log.look()
"""


@pytest.fixture
def write(tmp_path):
    """Return a function that lets processes write lines of a kilobyte to one log."""

    def write(processes, lines):
        log = tmp_path / "server.log"
        environ = {"MODELSHIP_LOG_FILE": str(log), "MODELSHIP_LOG_MB": "1"}
        with log.open("ab") as stream:
            started = [
                subprocess.Popen(
                    [sys.executable, "-c", _WRITER, rotation.__file__, str(number), str(lines)],
                    stdout=stream,
                    env=environ,
                )
                for number in range(processes)
            ]
        assert [each.wait(60) for each in started] == [0] * processes
        return tmp_path

    return write


def test_a_log_is_two_files_of_a_bounded_size(write):
    """However much is written, no more is kept than twice the bound; the end is whole."""
    folder = write(1, 5000)
    assert sum(each.stat().st_size for each in folder.iterdir()) < 2.1 * 2**20
    kept = [int(line.split()[1]) for line in folders.whole_log(folder).splitlines()]
    assert kept == [*range(kept[0], 5000)]
    assert len(kept) > 1000


def test_no_line_is_lost_by_those_that_do_not_rotate(write):
    """Each of several processes finds the new file; all that they wrote is in one of the two."""
    lines = folders.whole_log(write(3, 600)).splitlines()
    assert len(lines) == len(set(lines)) == 1800


def test_the_end_is_read_across_both_files(tmp_path):
    """The last lines are the same as those of the whole log, from none to more than there are."""
    (tmp_path / "server.log.1").write_text("".join(f"old {n}\n" for n in range(30_000)))
    (tmp_path / "server.log").write_text("".join(f"new {n}\n" for n in range(20_000)) + "half")
    everything = folders.whole_log(tmp_path).splitlines()
    for count in (1, 2, 20_000, 20_001, 20_002, 49_999, 50_001, 60_000):
        assert folders.log_end(tmp_path, lines=count).splitlines() == everything[-count:]
    assert folders.log_end(tmp_path, lines=0) == ""
    assert folders.log_end(tmp_path / "nowhere", lines=3) == ""


@pytest.fixture
def rotating(tmp_path, monkeypatch):
    """Return a folder with a log that is rotated after the first of its files has been opened."""
    (tmp_path / "server.log.1").write_text("one\n")
    (tmp_path / "server.log").write_text("two\n")
    opened, rotate = Path.open, tmp_path / "rotate"

    def rotating(path, *arguments, **options):
        stream = opened(path, *arguments, **options)
        if rotate.exists():
            rotate.unlink()
            (tmp_path / "server.log").replace(tmp_path / "server.log.1")
            opened(tmp_path / "server.log", "w").close()
        return stream

    rotate.touch()
    monkeypatch.setattr(Path, "open", rotating)
    return tmp_path


def test_a_rotation_while_a_log_is_read_leaves_nothing_out(rotating):
    """What the rotation drops may be missing at the beginning, and nothing after it."""
    assert folders.whole_log(rotating) in {"two\n", "one\ntwo\n"}


def test_a_rotation_while_the_end_is_read_repeats_nothing(rotating):
    """The file that was the current one when it was read is not read again as the previous one."""
    assert folders.log_end(rotating, lines=5) in {"two", "one\ntwo"}


def test_the_end_of_a_large_log_is_all_that_is_read(tmp_path):
    """What stands before the last block is not looked at: here it could not even be read."""
    with (tmp_path / "server.log").open("wb") as log:
        log.truncate(1 << 40)  # a terabyte of nothing
        log.seek(0, 2)
        log.write(b"\none\ntwo\n")
    assert folders.log_end(tmp_path, lines=2) == "one\ntwo"
