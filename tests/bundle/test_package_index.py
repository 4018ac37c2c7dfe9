"""What uv is told of pip's configuration, and what nobody is told."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_wheels import PASSWORD, USER, make_wheel

from modelship.bundle._package_index import index_arguments, index_variables, redact
from modelship.bundle.environment import Environment
from modelship.bundle.lock import Lock, lock
from modelship.errors import EnvironmentSpecError, ResolutionError
from modelship.runtime.install import create_environment, install_packages

RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"

NO_FILES = {"PIP_CONFIG_FILE": os.devnull, "HOME": "/no/such/home", "XDG_CONFIG_DIRS": "/no"}


def told(**variables):
    """Return what uv is told when pip has just these variables."""
    return index_variables({**NO_FILES, **variables}, default_index=lambda: "https://main/simple")


@pytest.mark.parametrize(
    ("pip", "uv"),
    [
        ({}, {}),
        ({"PIP_INDEX_URL": "https://a/simple"}, {"UV_DEFAULT_INDEX": "https://a/simple"}),
        ({"PIP_TRUSTED_HOST": "a\n b"}, {"UV_INSECURE_HOST": "a b"}),
        ({"PIP_CERT": "/a.pem"}, {"SSL_CERT_FILE": "/a.pem"}),
        ({"PIP_CERT": "/a.pem", "SSL_CERT_FILE": "/b.pem"}, {}),
        ({"PIP_CLIENT_CERT": "/a.pem"}, {"SSL_CLIENT_CERT": "/a.pem"}),
        ({"PIP_DEFAULT_TIMEOUT": "9.5"}, {"UV_HTTP_TIMEOUT": "9"}),
        ({"PIP_PROXY": "a:1"}, {"HTTP_PROXY": "http://a:1", "HTTPS_PROXY": "http://a:1"}),
        ({"PIP_PROXY": "a:1", "https_proxy": "http://b"}, {"HTTP_PROXY": "http://a:1"}),
        ({"PIP_KEYRING_PROVIDER": "subprocess"}, {"UV_KEYRING_PROVIDER": "subprocess"}),
        ({"PIP_FIND_LINKS": "/ /no/such https://a/b"}, {"UV_FIND_LINKS": "/,https://a/b"}),
        ({"PIP_INDEX_URL": "https://a", "UV_INDEX_URL": "https://b"}, {}),
        ({"PIP_INDEX_URL": "https://a", "UV_DEFAULT_INDEX": "https://b"}, {}),
        ({"PIP_INDEX_URL": " "}, {}),
    ],
)
def test_settings_of_pip_become_variables_of_uv(pip, uv):
    """What is set for uv itself wins, and a missing file is skipped."""
    assert told(**pip) == uv


def test_an_extra_index_comes_after_the_default_one():
    """For a version that both hold the digests of all files count, not of one mirrored wheel."""
    extra = "https://extra/simple file:///no/such/folder"
    assert told(PIP_EXTRA_INDEX_URL=extra) == {
        "UV_DEFAULT_INDEX": "https://main/simple",
        "UV_INDEX": "https://main/simple https://extra/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_a_uv_configuration_that_names_an_index_wins(tmp_path):
    """Who set up uv does not want pip's index."""
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv" / "uv.toml").write_text('[[index]]\nurl = "https://b/simple"\n')
    place = {"XDG_CONFIG_HOME": str(tmp_path), "PIP_NO_INDEX": "1"}
    assert told(PIP_INDEX_URL="https://a/simple", **place) == {}
    assert index_arguments({**NO_FILES, **place}) == ()


def test_files_of_pip_are_read_in_its_order(tmp_path):
    """The user's file beats the old one, [install] beats [global], variables beat both."""
    home = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "none")}
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip" / "pip.conf").write_text("[install]\nindex-url = https://old\n")
    new = tmp_path / ".config" / "pip" / "pip.conf"
    new.parent.mkdir(parents=True)
    new.write_text("[global]\nindex_url = https://common\nno-index = yes\ntimeout = 7\n")

    def read(**more):
        found = index_variables({**home, **more}, default_index=lambda: "")
        return found.get("UV_DEFAULT_INDEX"), found.get("UV_HTTP_TIMEOUT")

    assert read() == ("https://old", "7")
    new.write_text("[install]\nindex_url = https://new\n")
    assert read(PIP_TIMEOUT="8") == ("https://new", "8")
    given_ = tmp_path / "given.conf"
    given_.write_text("[global]\nindex-url = https://given\nno-index = true\n")
    assert read(PIP_CONFIG_FILE=str(given_))[0] == "https://given"
    assert index_arguments({**home, "PIP_CONFIG_FILE": str(given_)}) == ("--no-index",)


def test_a_broken_configuration_of_pip_is_told_without_its_content(pip_config):
    """The parser's own message would quote the line, and with it the password."""
    path = pip_config(f"index-url = https://{USER}:{PASSWORD}@host/simple\n")
    with pytest.raises(EnvironmentSpecError) as caught:
        index_variables(os.environ, default_index=lambda: "")
    assert str(path) in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://u:p@files.example/a.whl?sig=x&se=y.", "at https://files.example/a.whl"),
        ("at https://u:p)w,@files.example/a", "at https://files.example/a"),
        ("at https://u:p/w@files.example/a", "at https://***"),
        ("`https://index.example/team/simple/numpy/`", "`<package index>/numpy/`"),
        ("https://u:secret-token@index.example/team/simple", "<package index>"),
        ("dns error for INDEX.example:443", "dns error for <package index>"),
        ("no secret-token here", "no *** here"),
        ("my.index.example.com and numpy==1.0", "my.index.example.com and numpy==1.0"),
    ],
)
def test_texts_lose_what_must_not_be_shown(text, shown):
    """Passwords and tokens go; a configured index has no name."""
    index = "https://user:secret-token@index.example/team/simple"
    assert redact(text, environ={**NO_FILES, "PIP_INDEX_URL": index}) == shown


secrets = st.text(alphabet="abcXYZ0189!$&'()*+,;=_.~-", min_size=6, max_size=20)


@given(secrets, secrets, st.sampled_from(["PIP_INDEX_URL", "UV_INDEX", "PIP_FIND_LINKS"]))
def test_no_password_survives_whatever_it_is_made_of(user, password, name):
    """A password may hold any character that a URL allows."""
    url = f"https://u{user}:p{password}@private.example/simple/"
    text = f"error: {url}numpy/: cannot log in to private.example, also tried <{url}>"
    shown = redact(text, environ={**NO_FILES, name: f"{url} https://other.example"})
    assert f"p{password}" not in shown
    assert f"u{user}" not in shown
    assert "private.example" not in shown


def everything_below(folder: Path) -> bytes:
    """Return the content of all files below a folder, and their names."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return b"\n".join(str(path).encode() + path.read_bytes() for path in files)


def test_a_private_index_serves_and_is_named_nowhere(private_index, pip_config, tmp_path):
    """From lock to environment and image, no file tells the index, the user or the password."""
    host, _ = private_index
    pip_config(f"[global]\nextra-index-url = http://{USER}:{PASSWORD}@{host}/simple\n")
    found = lock(Environment(RUNNING, ("tinywheel",)))
    assert found.versions["tinywheel"] == "1.0"
    lines = found.text.splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith("tinywheel=="))
    tiny = Lock(RUNNING, "".join(lines[start : start + 2]))
    create_environment(tiny, tmp_path / "out" / "env")
    install_packages(tiny, tmp_path / "out" / "packages", machine="x86_64")
    written = everything_below(tmp_path / "out") + found.text.encode()
    assert b"VERSION = '1.0'" in written
    for secret in (host, USER, PASSWORD):
        assert secret.encode() not in written


def test_a_private_index_that_refuses_is_named_nowhere(private_index, pip_config):
    """The error says that the password is wrong, and shows none of it."""
    host, _ = private_index
    pip_config(f"[global]\nindex-url = http://{USER}:wrong-{PASSWORD}@{host}/simple\n")
    with pytest.raises(ResolutionError, match="refuses the user or the password") as caught:
        lock(Environment(RUNNING, ("tinywheel",)))
    for secret in (host, USER, PASSWORD):
        assert secret not in str(caught.value)


def test_an_old_mirror_does_not_hide_what_is_new(pip_config, tmp_path):
    """Pip looks everywhere; uv alone would stop at the first index that has the package."""
    folder = tmp_path / "mirror" / "six"
    folder.mkdir(parents=True)
    wheel = make_wheel(folder, name="six", version="0.1")
    (folder / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    pip_config(f"[global]\nextra-index-url = file://{tmp_path}/mirror file:///no/such/folder\n")
    versions = lock(Environment(RUNNING, ("six",))).versions
    assert versions["six"] > "1.16"
