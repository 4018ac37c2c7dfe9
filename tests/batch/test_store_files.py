"""Names of objects are taken as they are, and what is no place of an output is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelship import errors
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


def test_a_link_that_leads_nowhere_is_no_output(tmp_path):
    """The error says what it is; it was a traceback."""
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(errors.BatchOutputError, match="a link that leads nowhere"):
        OutputFolder(tmp_path / "link").require_ours()
