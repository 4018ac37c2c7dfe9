"""Requirements files."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from modelship.bundle.environment import Environment
from modelship.bundle.requirements import read_requirements
from modelship.errors import EnvironmentSpecError

PASSWORD = "s3cret-passphrase"


def test_comments_continuations_and_digests_are_read_as_pip_reads_them(tmp_path):
    """The lock brings its own digests."""
    path = tmp_path / "requirements.txt"
    path.write_text(
        "# what it needs\n\nnumpy>=1.24 # fast\nscikit-learn\\\n  ==1.3.0 \\\n"
        "    --hash=sha256:00 --hash=sha256:01\n--require-hashes\n"
        "tiny @ https://example.com/tiny-1.0-py3-none-any.whl#sha256=00\n"
    )
    assert read_requirements(path) == (
        "numpy>=1.24",
        "scikit-learn==1.3.0",
        "tiny @ https://example.com/tiny-1.0-py3-none-any.whl#sha256=00",
    )


@pytest.mark.parametrize("option", ["-r {}", "-r{}", "--requirement {}", "--requirement={}"])
def test_a_file_includes_another_beside_it(tmp_path, option):
    """Paths start at the file that names them, and a circle ends."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "base.txt").write_text("pandas\n-r ../requirements.txt\n")
    path = tmp_path / "requirements.txt"
    path.write_text(f"numpy\n{option.format('more/base.txt')}\n")
    environment = Environment.read(path)
    assert {"numpy", "pandas"} < {*environment.requirements}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (f"--index-url https://user:{PASSWORD}@host/simple", "package index with --index-url"),
        (f"--extra-index-url=https://{PASSWORD}@host/", "index with --extra-index-url"),
        (f"-i https://user:{PASSWORD}@host/simple", "index with -i"),
        (f"--find-links https://host/?sig={PASSWORD}", "index with --find-links"),
        ("--trusted-host host", "index with --trusted-host"),
        ("-c constraints.txt", "-c is not supported"),
        ("-e .", "-e is not supported"),
        ("--pre", "--pre is not supported"),
        ("./local.whl", "a file or a URL instead"),
        (f"https://user:{PASSWORD}@host/a-1.0-py3-none-any.whl", "a file or a URL instead"),
        (f"git+https://user:{PASSWORD}@host/repo", "source repository"),
        (f"a @ git+https://{PASSWORD}@host/repo", "source repository"),
        (f"a @ https://user:{PASSWORD}@host/a-1.0-py3-none-any.whl", "a password or a token"),
        (f"a @ https://host/a-1.0-py3-none-any.whl?sig={PASSWORD}", "a password or a token"),
        ("a @ file:///tmp/a-1.0-py3-none-any.whl", "local path"),
        ("a ~ 1", "not a requirement"),
        ("-r missing.txt", "it includes .missing.txt., which is not there"),
    ],
)
def test_what_no_package_index_has_is_refused_on_its_line(tmp_path, line, problem):
    """The error names the line and never shows what stands in it for a password."""
    path = tmp_path / "requirements.txt"
    path.write_text(f"numpy\n{line}\n")
    with pytest.raises(EnvironmentSpecError, match=problem) as caught:
        read_requirements(path)
    assert PASSWORD not in str(caught.value)
    assert caught.value.hint
    assert f"{path}:2" in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="an-e:@/\\# \n\r\t=<;[]'\"123.+é", max_size=60))
def test_no_text_breaks_the_reader(tmp_path, text):
    """Whatever a file holds, it is read or refused."""
    path = tmp_path / "requirements.txt"
    path.write_text(text)
    try:
        requirements = Environment.read(path).requirements
    except EnvironmentSpecError:
        return
    assert all(Requirement(requirement) for requirement in requirements)
