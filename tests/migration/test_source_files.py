"""The source of a service is unpacked as files, and only below its folder."""

from __future__ import annotations

import io
import tarfile

import pytest
from aci_documents import record_of

from modelship.errors import StorageError
from modelship.migration import AciService
from modelship.migration.source_files import fetch_source, unpack_archive


def archive_of(path, names):
    """Write an archive with files of these names."""
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"text"))


class Artifacts:
    """A workspace that has one archive."""

    def __init__(self, names):
        self.names = names

    def download_artifact(self, artifact, path):
        """Write the archive, whichever is asked for."""
        archive_of(path, self.names)


def test_the_folder_has_what_the_source_folder_had(tmp_path):
    """SDK v1 packs a folder under its own name, and names the script with it."""
    service = AciService.from_document(record_of())
    workspace = Artifacts(["source_1/score.py", "source_1/helper/__init__.py"])
    script = fetch_source(service, workspace, tmp_path / "source")
    assert script == "score.py"
    assert (tmp_path / "source/helper/__init__.py").read_text() == "text"


def test_a_script_that_is_missing_is_told(tmp_path):
    """Nothing could be deployed without it."""
    service = AciService.from_document(record_of())
    with pytest.raises(StorageError, match=r"no file source_1/score.py"):
        fetch_source(service, Artifacts(["source_1/other.py"]), tmp_path / "source")


@pytest.mark.parametrize("name", ["../x.py", "a/../../x.py", "/x.py", "a\\..\\x.py"])
def test_a_path_that_leads_elsewhere_is_refused(name, tmp_path):
    """An archive of a workspace is not trusted."""
    archive_of(tmp_path / "a.tar.gz", [name])
    (tmp_path / "source").mkdir()
    with pytest.raises(StorageError, match="leads out of it"):
        unpack_archive(tmp_path / "a.tar.gz", tmp_path / "source")
    assert not [*tmp_path.rglob("*.py")]


def test_what_is_no_archive_is_told(tmp_path):
    """The error names the source, and what to do instead."""
    (tmp_path / "a.tar.gz").write_bytes(b"no archive")
    with pytest.raises(StorageError, match="Create a bundle from the files"):
        unpack_archive(tmp_path / "a.tar.gz", tmp_path)
