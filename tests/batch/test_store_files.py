"""Names of objects are taken as they are, and what is no place of an output is refused."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from modelship import errors
from modelship.batch.input_files import input_files
from modelship.batch.output_files import output_place
from modelship.batch.output_folder import OutputFolder
from modelship.batch.store_files import StoreFiles


@pytest.mark.parametrize("odd", ["*", "?", "[1]", "a*b[c]?"])
def test_a_name_with_wildcards_is_that_of_one_object(odd):
    """Drivers expand them where they take several names: objects of others were removed."""
    files = StoreFiles.at(f"memory://wildcards/o{odd}")
    others = StoreFiles.at("memory://wildcards")
    contents = {f"o{odd}/{each}": each.encode() for each in ("one", f"two{odd}", "ox/one", "two1")}
    for name, content in ({"o1/one": b"", "oxx/one": b"", "oa/b/one": b""} | contents).items():
        others.put(name, content)
    assert files.get_all(["one", f"two{odd}"]) == [b"one", f"two{odd}".encode()]
    files.remove(["one", f"two{odd}", "none"])
    assert set(files.sizes()) == {"ox/one", "two1"}
    assert {"o1/one", "oxx/one", "oa/b/one"} <= set(others.sizes())


@pytest.mark.parametrize("given", [Path("s3://bucket/out"), "s3:/bucket/out"])
def test_a_url_with_one_slash_is_no_folder(given):
    """A job wrote to a folder with the name s3: here, and succeeded."""
    with pytest.raises(errors.InvalidOptionError, match="two slashes"):
        output_place(given)
    assert output_place(Path("s3/out")) == Path("s3/out")


@pytest.mark.parametrize(
    ("given", "named"), [("s3://b//x", "s3://b/x"), ("GS://b/x///y/", "gs://b/x/y")]
)
def test_a_url_with_an_empty_folder_is_refused(given, named):
    """Drivers leave it out where they list; the error has a URL that works."""
    with pytest.raises(errors.InvalidOptionError, match=f"without empty folders: {named}"):
        output_place(given)
    assert output_place(f"S3{named[2:]}/") == f"s3{named[2:]}"


@pytest.mark.parametrize("given", ["s3a://b/in", "S3://b/in/*.csv", "s3://b/in/out/x.csv"])
def test_an_input_and_an_output_are_apart_whatever_the_scheme(given):
    """Drivers have two schemes for the same place."""
    with pytest.raises(errors.BatchInputError, match="hold each other"):
        input_files([given], output="s3://b/in/out")
    with pytest.raises(errors.BatchInputError, match="hold each other"):
        input_files(["abfs://b/in"], output="abfss://b@account.dfs.core.windows.net/in/out")


def test_a_remote_file_with_brackets_in_its_name_is_one_file():
    """It was taken for a pattern, which matches other files, or none."""
    fsspec.filesystem("memory").pipe({"/in/a[1].csv": b"a\n", "/in/a1.csv": b"a\n"})
    (found,) = input_files(["memory://in/a[1].csv"], output="memory://in/out")
    assert found.name == "a[1].csv"


def test_a_link_that_leads_nowhere_is_no_output(tmp_path):
    """The error says what it is; it was a traceback."""
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(errors.BatchOutputError, match="a link that leads nowhere"):
        OutputFolder(tmp_path / "link").require_ours()
