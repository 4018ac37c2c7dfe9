"""The files of the input are found, and each has an output of its own."""

import os

import pytest

import modelship as ms
from modelship.batch.input_files import input_files
from modelship.batch.url_secrets import require_no_secret
from modelship.errors import BatchInputError

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def folder(tmp_path):
    """Return a folder with rows in several places."""
    for name in (
        "a.csv",
        "sub/b.csv.gz",
        "sub/c.parquet",
        ".hidden.csv",
        "_meta/d.csv",
        "region=EU/day=1%2F2/e.jsonl",
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path / "in"


def found(*inputs, output="/nowhere/out", **options):
    """Return the files of inputs by name."""
    return {each.name: each for each in input_files(inputs, output=output, **options)}


def test_a_folder_has_its_visible_files(folder):
    """Files are found in all folders; the format is that of the name."""
    files = found(folder)
    assert {name: each.format for name, each in files.items()} == {
        "a.csv": "csv",
        "region=EU/day=1%2F2/e.jsonl": "jsonl",
        "sub/b.csv.gz": "csv",
        "sub/c.parquet": "parquet",
    }
    assert files["region=EU/day=1%2F2/e.jsonl"].partition == (("region", "EU"), ("day", "1/2"))
    assert files["sub/b.csv.gz"].stem == "sub/b"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.csv", {"a.csv"}),
        ("sub/*", {"b.csv.gz", "c.parquet"}),
        ("**/*.parquet", {"sub/c.parquet"}),
        ("region=*", {"region=EU/day=1%2F2/e.jsonl"}),
    ],
)
def test_patterns(folder, pattern, names):
    """A pattern names files, and folders with files, relative to where it begins."""
    assert set(found(folder / pattern)) == names


def test_links_are_followed_once(folder, tmp_path):
    """A link to a folder has its files; one to a folder above it ends."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "z.csv").write_text("x")
    (folder / "link").symlink_to(other)
    (folder / "sub/loop").symlink_to(folder)
    assert {"link/z.csv", "a.csv"} <= set(found(folder))
    assert len(found(folder)) == 5


def test_files_of_one_name_have_different_outputs(folder, tmp_path):
    """Their outputs are below the names of their folders, or keep their suffixes."""
    (folder / "a.parquet").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.csv").write_text("x")
    files = input_files([folder, tmp_path / "other"], output=tmp_path / "out")
    stems = [each.stem for each in files if each.name.startswith("a.")]
    assert len(stems) == len(set(stems)) == 3


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda folder: [folder / "b.csv"], r"does not exist \(did you mean 'a.csv'"),
        (lambda folder: [folder / "a.csv", folder], "named twice"),
        (lambda folder: [folder / "a.csv", folder / "sub/../a.csv"], "named twice"),
        (lambda folder: [folder / "s*/../../in/a.csv"], "outside of the output folder"),
        (lambda folder: [folder / "*.txt"], "it has no file"),
        (lambda folder: ["no-such-scheme://x"], "its file system is not available"),
    ],
)
def test_problems(folder, make, problem):
    """What is wrong is said before anything runs."""
    with pytest.raises(ms.ModelshipError, match=problem):
        found(*make(folder))


def test_an_unknown_format_is_an_error(folder):
    """No file of a folder is left out in silence; naming the format reads all files in it."""
    (folder / "notes.txt").write_text("x")
    with pytest.raises(ms.ModelshipError, match="its format is unknown"):
        found(folder)
    assert found(folder / "notes.txt", input_format="csv")["notes.txt"].format == "csv"
    with pytest.raises(ms.ModelshipError, match="did you mean 'parquet'"):
        found(folder, input_format="parkett")


@pytest.mark.parametrize("output", [".", "out", ".."])
def test_input_and_output_are_apart(folder, output):
    """An output among the input would be read as input of the next run."""
    with pytest.raises(ms.ModelshipError, match="hold each other"):
        found(folder, output=folder / output)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(folder):
    """A folder that may not be read is named."""
    (folder / "sub").chmod(0)
    with pytest.raises(ms.ModelshipError, match="permission denied"):
        found(folder)


def test_a_name_that_is_not_utf_8_is_refused(folder):
    """A script gets the names of files as text."""
    (folder / os.fsdecode(b"f\x80.txt")).touch()
    with pytest.raises(BatchInputError, match=r"f\?\.txt .*not UTF-8"):
        found(folder, input_format="files")


def test_remote_files():
    """Paths of fsspec are files, folders and patterns, too."""
    system = fsspec.filesystem("memory")
    for name in ("a.csv", "sub/b.csv", "_hidden/c.csv"):
        system.pipe(f"/rows/{name}", b"x\n1\n")
    assert set(found("memory://rows")) == {"a.csv", "sub/b.csv"}
    assert set(found("memory://rows/*.csv")) == {"a.csv"}
    one = found("memory://rows/a.csv")["a.csv"]
    assert (one.path, one.size_bytes, bool(one.stamp)) == ("memory:///rows/a.csv", 4, True)


class Unreachable(fsspec.AbstractFileSystem):
    """Its driver raises errors of its own, which are no OSError."""

    protocol = "unreachable"

    def info(self, path, **_):
        """Fail as a driver does without a connection."""
        raise type("EndpointConnectionError", (Exception,), {})("could not connect")

    ls = info


def test_the_errors_of_a_driver_are_of_the_input():
    """No message takes them for a bug."""
    fsspec.register_implementation("unreachable", Unreachable, clobber=True)
    with pytest.raises(ms.ModelshipError, match="scored: endpointconnectionerror: could not"):
        found("unreachable://host/rows.csv")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://me:hush-hush@host/rows.csv",
        "https://me:hush@hush-hush@host/rows.csv",
        "https://host/rows.csv?sv=1&sig=hush-hush",
        "https://host/rows.csv?X-Amz-Signature=hush-hush&X-Amz-Security-Token=hush-hush",
        "simplecache::sftp://me:hush-hush@host/rows.csv",
    ],
)
def test_a_url_with_credentials_is_refused(idle_bundle, tmp_path, url):
    """As an input and as the output; no message has them, and nothing is written."""
    (tmp_path / "rows.csv").write_text("a\n1\n")
    for given, output in ((url, tmp_path / "out"), (tmp_path / "rows.csv", url)):
        with pytest.raises(ms.ModelshipError, match="without credentials") as caught:
            ms.BatchJob(idle_bundle, given, output, check="off").run()
        assert "host/rows.csv" in str(caught.value)
        assert "hush" not in f"{caught.value} {caught.value!r}"
    assert not list(tmp_path.rglob("plan.json"))


@pytest.mark.parametrize(
    "url", ["abfs://box@account/x", "memory://rows/part-?.csv", "memory://a/key=1/*.csv"]
)
def test_urls_that_look_alike_are_no_credentials(url):
    """A container before the @, a wildcard, and the key of a partition."""
    require_no_secret("inputs", url)


def test_a_key_that_leads_out_of_its_folder_is_refused():
    """Its output would be written anywhere."""
    fsspec.filesystem("memory").pipe("/evil/../../up.csv", b"x\n1\n")
    with pytest.raises(ms.ModelshipError, match="outside of the output folder"):
        found("memory://evil")


def test_outputs_are_visible_and_inside_the_folder(tmp_path, monkeypatch):
    """Readers skip names with a mark, and two files of one name may be named relatively."""
    for name in ("_rows.csv", "a/_failed/x.jsonl", "b/_failed/x.jsonl", "r.csv", "a/r.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    monkeypatch.chdir(tmp_path / "a")
    named = ("../_rows.csv", "_failed/x.jsonl", "../b/_failed/x.jsonl", "r.csv", "../r.csv")
    stems = {each.stem for each in input_files(named, output="/nowhere/out")}
    assert stems == {
        "rows",
        "a/failed/x.jsonl",
        "b/failed/x.jsonl",
        "a/r.csv",
        f"{tmp_path.name}/r.csv",
    }
