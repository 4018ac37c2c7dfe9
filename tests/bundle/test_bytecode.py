"""A new environment has the bytecode of one that has run."""

import os
import py_compile
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from modelship.runtime.bytecode import link_bytecode

SETTINGS = Path(sys.prefix, "pyvenv.cfg")
PACKAGES = "lib/python3.11/site-packages"


@pytest.fixture
def environments(tmp_path):
    """Return two environments that share a module, and each have one of the same name."""
    old, new = (tmp_path / name / PACKAGES / "package" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "own.py").write_text(f"PLACE = {str(folder)!r}")
    (old / "shared.py").write_text("def fail(): raise ValueError")
    os.link(old / "shared.py", new / "shared.py")
    for name in ("shared", "own"):
        py_compile.compile(str(old / f"{name}.py"))
    return tmp_path / "old", tmp_path / "new"


def bytecode(environment):
    """Return the compiled file of each module."""
    return {path.name.partition(".")[0]: path for path in environment.rglob("*.pyc")}


def test_only_what_both_have_as_one_file_is_linked(environments):
    """A file of the same name with other content gives nothing."""
    old, new = environments
    link_bytecode(new, [old])
    assert {*bytecode(new)} == {"shared"}
    assert bytecode(new)["shared"].samefile(bytecode(old)["shared"])


def test_what_is_linked_is_used_and_names_the_new_place(environments):
    """Python takes it as it is, and a traceback leads to the file of this environment."""
    old, new = environments
    link_bytecode(new, [old])
    code = "import package.shared; package.shared.fail()"
    path = {"PYTHONPATH": str(new / PACKAGES)}
    done = subprocess.run([sys.executable, "-S", "-c", code], env=path, capture_output=True)
    assert str(new / PACKAGES / "package" / "shared.py") in done.stderr.decode()
    assert bytecode(new)["shared"].samefile(bytecode(old)["shared"])


def test_an_environment_that_is_gone_is_no_error(tmp_path):
    """Nothing is linked from it."""
    link_bytecode(tmp_path / "new", [tmp_path / "gone"])
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(
    not SETTINGS.exists() or "\nuv = " not in SETTINGS.read_text(), reason="uv has not made this"
)
def test_the_environment_of_this_process_gives_too(tmp_path):
    """The first environment of a machine has the bytecode of what runs here."""
    packages = Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    source = Path(yaml.__file__)
    (tmp_path / packages / "yaml").mkdir(parents=True)
    try:
        os.link(source, tmp_path / packages / "yaml" / source.name)
    except OSError as error:
        pytest.skip(f"the folder of tests is on another disk: {error}")
    link_bytecode(tmp_path, [])
    assert bytecode(tmp_path)["__init__"].samefile(yaml.__cached__)
