"""Locks, made by the real resolver."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys

import psutil
import pytest
from tiny_wheels import make_wheel

from modelship.bundle.environment import Environment
from modelship.bundle.lock import Lock, lock, lock_problem
from modelship.errors import ResolutionError

RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"

TEXT = """\
Six==1.17.0 ; python_full_version < '3.12' \\
    --hash=sha256:00
numpy==1.26.4 ; python_full_version < '3.12' \\
    --hash=sha256:01 \\
    --hash=sha256:02
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:03
waitress==3.0.2 ; sys_platform == 'win32' \\
    --hash=sha256:04
psutil==5.9.8 ; platform_machine == 'x86_64' or sys_platform != 'linux' \\
    --hash=sha256:05
psutil==7.2.2 ; platform_machine != 'x86_64' and sys_platform == 'linux' \\
    --hash=sha256:06
"""


def test_versions_are_those_that_linux_installs():
    """Where markers lock several versions, the one that holds for Linux and Python counts."""
    assert dict(Lock("3.11", TEXT).versions) == {
        "six": "1.17.0",
        "numpy": "1.26.4",
        "psutil": "5.9.8",
    }
    assert dict(Lock("3.12", TEXT).versions) == {"numpy": "2.5.5", "psutil": "5.9.8"}


def test_the_digest_covers_python_and_the_text():
    """The same text for another Python is another lock."""
    assert Lock("3.11", "a==1\n").digest == hashlib.sha256(b"3.11\na==1\n").hexdigest()
    assert Lock("3.11", TEXT).digest != Lock("3.12", TEXT).digest


def test_an_environment_is_locked_with_digests(small_lock):
    """Every package has a digest, and nothing tells where it came from or when."""
    assert small_lock.python == RUNNING
    assert {"six", "azureml-inference-server-http", "flask"} < {*small_lock.versions}
    assert small_lock.text.count("==") <= small_lock.text.count("--hash=sha256:")
    assert "://" not in small_lock.text
    assert "#" not in small_lock.text


@pytest.mark.parametrize(
    ("python", "requirements", "problem", "advice"),
    [
        ("3.11", ["modelship-no-such-package"], "no package named", "spelling"),
        ("3.11", ["numpy==99.1"], "no release numpy==99.1", "Require an existing release"),
        ("3.11", ["numpy==1.26.4", "numpy<1.20"], "numpy<1.20 and numpy==1.26.4 cannot both", ""),
        pytest.param(
            *(
                "3.11",
                ["flask==3.0.0", "werkzeug<2"],
                "flask==3.0.0 and werkzeug<2 cannot both",
                "",
            ),
            marks=pytest.mark.long,
        ),
        ("3.11", ["flask==3.0.0"], "1.5 and flask==3.0.0 cannot both .* needs flask>=3.1.0", ""),
        pytest.param(
            "3.11",
            ["azureml-defaults", "numpy==2.3.4"],
            "azureml-defaults>=1.60 and numpy==2.3.4 .* needs numpy!=1.19.4,<2.3.3.",
            "",
            marks=pytest.mark.long,
        ),
        ("3.11", ["scikit-learn==0.22.1"], "scikit-learn 0.22.1 has no wheel", "newer release"),
        ("3.9", ["numpy==2.3.0"], "numpy==2.3.0 needs Python >=3.11", "another Python"),
        ("3.88", ["numpy"], "no release of numpy .* Python 3.88", "another Python"),
    ],
)
def test_what_cannot_be_resolved_is_told_in_one_sentence(python, requirements, problem, advice):
    """The sentence names the package or the requirements; uv's words go along."""
    with pytest.raises(ResolutionError, match=problem) as caught:
        lock(Environment(python, tuple(requirements), origin="env.yml"))
    assert caught.value.message.startswith("env.yml: ")
    assert advice in caught.value.hint
    assert "\x1b" not in caught.value.resolver_output


def test_two_packages_that_need_different_releases_of_a_third_are_named(wheels, pip_config):
    """What clashes may be two levels down, and be something that nobody asked for."""
    make_wheel(wheels, name="tinythird", version="1.0")
    make_wheel(wheels, name="tinythird", version="2.0")
    make_wheel(wheels, name="tinysecond", needs=["tinythird<2"])
    make_wheel(wheels, name="tinyfirst", needs=["tinysecond"])
    make_wheel(wheels, name="tinyother", needs=["tinythird>=2"])
    pip_config(f"[global]\nfind-links = {wheels}\n")
    with pytest.raises(ResolutionError) as caught:
        lock(Environment(RUNNING, ("tinyfirst==1.0", "tinyother", "six"), origin="env.yml"))
    assert caught.value.message == (
        "env.yml: tinyfirst==1.0 and tinyother cannot both hold: "
        "tinysecond needs tinythird<2, and tinyother needs tinythird>=2."
    )


def test_a_release_known_to_require_nothing_is_not_built(tmp_path, wheels, pip_config):
    """A lock takes no build of a package that has no wheel: its code would run on this machine."""
    packed = tmp_path / "fusepy-3.0.1"
    packed.mkdir()
    (packed / "setup.py").write_text("raise SystemExit('it was built')")
    (packed / "PKG-INFO").write_text("Metadata-Version: 1.2\nName: fusepy\nVersion: 3.0.1\n")
    shutil.make_archive(str(wheels / packed.name), "gztar", tmp_path, packed.name)
    pip_config(f"[global]\nfind-links = {wheels}\n")
    assert lock(Environment(RUNNING, ("fusepy",))).versions["fusepy"] == "3.0.1"


def test_a_lock_can_be_like_another(wheels, pip_config):
    """Versions of another lock are kept wherever the requirements allow them."""
    for name in ("tinykept", "tinymoved"):
        make_wheel(wheels, name=name, version="1.0")
        make_wheel(wheels, name=name, version="2.0")
    pip_config(f"[global]\nfind-links = {wheels}\n")
    first = lock(Environment(RUNNING, ("tinykept==1.0", "tinymoved==1.0")))
    then = lock(Environment(RUNNING, ("tinykept", "tinymoved>1")), like=first).versions
    assert (then["tinykept"], then["tinymoved"]) == ("1.0", "2.0")
    assert {**then, "tinykept": "1.0", "tinymoved": "1.0"} == first.versions


def test_a_lock_can_be_for_some_platforms_alone(wheels, pip_config):
    """What holds elsewhere does not matter, and is not in it."""
    make_wheel(wheels, needs=["six<1; sys_platform == 'win32'", "colorama; os_name == 'nt'"])
    pip_config(f"[install]\nfind-links = {wheels}\n")
    environment = Environment(RUNNING, ("tinywheel", "six==1.17.0"))
    with pytest.raises(ResolutionError, match=r"six==1\.17\.0 and tinywheel cannot both hold"):
        lock(environment)
    linux = lock(environment, only_on="sys_platform == 'linux'")
    assert linux.versions["six"] == "1.17.0"
    assert "colorama" not in linux.text


def test_what_a_browser_lacks_is_no_harm():
    """Pandas speaks of emscripten, for which other packages have no wheel of that release."""
    versions = lock(Environment("3.11", ("pandas>=3", "scikit-learn==1.7.2"))).versions
    assert versions["scikit-learn"] == "1.7.2"


def test_an_index_that_is_not_there_is_told(monkeypatch):
    """Nothing listens on the port, and uv's own words name the package."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    with pytest.raises(ResolutionError, match="package index cannot be reached") as caught:
        lock(Environment(RUNNING, ("six",)))
    assert "127.0.0.1" not in str(caught.value)


def test_a_resolver_that_takes_too_long_is_ended():
    """The error says how long was allowed."""
    with pytest.raises(ResolutionError, match=r"longer than 0\.01 seconds"):
        lock(Environment(RUNNING, ("six",)), timeout_s=0.01)


def test_a_release_for_other_platforms_only_is_not_locked(wheels, pip_config):
    """Of a package whose newest release has wheels for macOS alone, Linux gets the one before."""
    make_wheel(wheels, version="1.0")
    make_wheel(wheels, version="2.0", tag="py3-none-macosx_11_0_arm64")
    pip_config(f"[global]\nfind-links = {wheels}\n")
    assert lock(Environment(RUNNING, ("tinywheel",))).versions["tinywheel"] == "1.0"


def test_what_holds_for_another_python_does_not_matter(wheels, pip_config):
    """A lock is for one minor version of Python: no wheel, or a conflict, elsewhere is no harm."""
    tag = f"cp{RUNNING.replace('.', '')}-none-any"
    make_wheel(wheels, tag=tag, needs=["six<1; python_version >= '3.50'"])
    pip_config(f"[install]\nfind-links = {wheels}\n")
    versions = lock(Environment(RUNNING, ("tinywheel", "six==1.17.0"))).versions
    assert (versions["tinywheel"], versions["six"]) == ("1.0", "1.17.0")


def test_the_folder_that_a_process_runs_in_has_no_say(tmp_path, monkeypatch, small_lock):
    """A lock is the same with a project's uv configuration there, and at another time."""
    (tmp_path / "uv.toml").write_text('index-url = "http://127.0.0.1:9/simple"\n')
    (tmp_path / "pyproject.toml").write_text("[tool.uv]\nconstraint-dependencies = ['six<1']\n")
    monkeypatch.chdir(tmp_path)
    assert lock(Environment(RUNNING, ("six==1.17.0",))) == small_lock


def test_an_interrupt_ends_the_resolver_too():
    """Ctrl-C leaves no process behind that keeps downloading."""
    code = "from modelship.bundle.environment import Environment as E\n"
    code += f"from modelship.bundle.lock import lock\nlock(E({RUNNING!r}, ('six',)))"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        environ = {**os.environ, "UV_DEFAULT_INDEX": index, "UV_NO_CACHE": "1"}
        environ["PYTHONPATH"] = os.pathsep.join(sys.path)
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as process:
            connection, _ = silent.accept()
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) != 0
        assert children
        # The connection is still open, so nothing else makes it give up.
        with connection:
            assert psutil.wait_procs(children, timeout=10)[1] == []


HASH = "--hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    "line",
    [
        f"six==1.17.0 {HASH} {HASH}",
        f"six==1.17.0 ; python_full_version < '3.12' \\\n    {HASH}",
        f"tiny @ https://example.com/tiny-1.0-py3-none-any.whl {HASH}",
        "# a comment",
        "packaging>=24",
    ],
)
def test_what_a_resolver_writes_is_a_lock(line):
    """Packages of an index, and those at an https address, with markers and digests."""
    assert lock_problem(f"{line}\n") == ""


@pytest.mark.parametrize(
    "line",
    [
        "--index-url http://127.0.0.1:9/",
        "-r other.txt",
        "-e .",
        "./folder",
        f"tiny @ file:///tiny.whl {HASH}",
        f"tiny @ git+https://example.com/tiny {HASH}",
        f"six==1.17.0 {HASH} --config-settings=x=y",
        "six==1.17.0 ; import os",
        "six==1.17.0 ; os_name ~= 'x'",
        f"tiny @ https://example.com/${{HOME}}/tiny-1.0-py3-none-any.whl {HASH}",
        f"six==1.17.0{' ' * 500_000}x",
        f"six==1.17.0 {'--hash=sha256:0 ' * 50_000} x",
        f"six==1.{'0' * 10_000}",
    ],
)
def test_what_else_an_installer_would_take_is_no_lock(line):
    """Options, folders, repositories and other files lead elsewhere."""
    assert "does not name a package" in lock_problem(f"six==1.17.0 {HASH}\n{line}\n")


@pytest.mark.parametrize("after", ["\n", "\r", "\r\n", "\x0c", "\x85", "\u2028"])
def test_no_comment_hides_an_option(after):
    """To uv and pip a comment ends with its line, whatever stands at its end."""
    assert lock_problem(f"# harmless \\{after}--index-url http://127.0.0.1:9/\n") != ""


def test_the_versions_are_those_of_requirements_on_one_line_with_their_digests():
    """A digest is no part of a marker."""
    lock = Lock("3.11", f"six==1.17.0 ; os_name == 'posix' {HASH}\n")
    assert dict(lock.versions) == {"six": "1.17.0"}
