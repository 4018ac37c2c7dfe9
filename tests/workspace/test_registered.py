"""Models come from a workspace and go into one; the same content goes in once."""

import pytest

import modelship as ms
from modelship.errors import DigestMismatchError, InvalidOptionError, ModelNotFoundError
from modelship.testing import OfflineWorkspace


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    with OfflineWorkspace(tmp_path_factory.mktemp("workspace")) as offline:
        yield offline


@pytest.fixture
def where(offline):
    return offline.config_path


@pytest.fixture
def make_model(tmp_path):
    """Return a function from content to a model that is a file named weights.bin."""

    def make(content, name):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "weights.bin").write_bytes(content)
        return ms.Model.read(folder / "weights.bin", name=name)

    return make


def test_what_went_up_comes_down(make_model, where, tmp_path):
    """A fetched model has the registered name, version and content, and knows its origin."""
    model = make_model(b"up and down", "round-trip")
    registered = ms.register_model(
        model, workspace=where, tags={"a": "b"}, properties={"c": "d"}, description="One."
    )
    fetched = ms.ModelSource.open("azureml:round-trip", workspace=where).fetch(tmp_path / "down")
    assert (registered.model_id, registered.description) == ("round-trip:1", "One.")
    assert (dict(registered.tags), registered.properties["c"]) == ({"a": "b"}, "d")
    assert (fetched.name, fetched.version, fetched.digest) == ("round-trip", "1", model.digest)
    assert fetched.origin == registered.uri


def test_the_same_content_is_registered_once(make_model, where):
    """The second time the first version comes back, with new tags added; other content is next."""
    first = ms.register_model(make_model(b"one", "once"), workspace=where, tags={"a": "1"})
    again = ms.register_model(make_model(b"one", "once"), workspace=where, tags={"b": "2"})
    other = ms.register_model(make_model(b"two", "once"), workspace=where)
    assert [first.model_id, again.model_id, other.model_id] == ["once:1", "once:1", "once:2"]
    assert ms.Workspace.open(where).model("once", 1).tags == {"a": "1", "b": "2"}


def test_a_fetched_model_is_known_again_without_our_property(offline, where, tmp_path):
    """One that was registered by other means is not registered again when it comes back."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "part").write_bytes(b"by other means")
    ms.Workspace.open(where)._sdk.register(
        folder, name="foreign", tags={}, properties={}, description="", framework=None,
        framework_version=None,
    )  # fmt: skip
    fetched = ms.ModelSource.open("azureml:foreign:1", workspace=where).fetch(tmp_path / "down")
    assert [file.path for file in fetched.files] == ["elsewhere/part"]
    assert ms.register_model(fetched, workspace=where).model_id == "foreign:1"


@pytest.mark.parametrize("version", ["1", "9", "abc", "1/../../x", ""])
def test_an_origin_that_is_not_true_is_not_believed(make_model, where, version):
    """A model that says it is another one there, as a bundle's folder may, is registered itself."""
    other = ms.register_model(make_model(b"the other", "other"), workspace=where)
    mine = make_model(f"mine {version}".encode(), "mine")
    origin = f"{other.uri.rpartition('/')[0]}/{version}"
    claimed = ms.Model.read(mine.path, name="other", origin=origin)
    registered = ms.register_model(claimed, workspace=where)
    assert registered.model_id != other.model_id
    assert registered.properties["modelship.sha256"] == mine.digest


def test_a_version_can_be_chosen(make_model, where, tmp_path):
    """The latest is the default; the URI or the argument names another."""
    for content in (b"first", b"second"):
        ms.register_model(make_model(content, "versions"), workspace=where)
    for location, options, expected in (
        ("azureml:versions", {}, "2"),
        ("azureml:versions:latest", {}, "2"),
        ("azureml:versions:1", {}, "1"),
        ("azureml:versions", {"version": "1"}, "1"),
    ):
        source = ms.ModelSource.open(location, workspace=where, **options)
        assert source.fetch(tmp_path / "chosen").version == expected
    with pytest.raises(InvalidOptionError, match="version is '2'"):
        ms.ModelSource.open("azureml:versions:1", version="2", workspace=where).fetch(tmp_path)


def test_a_model_that_is_not_there_names_what_is(make_model, where, tmp_path):
    """A missing version names the versions; a missing name names the models."""
    ms.register_model(make_model(b"x", "present"), workspace=where)
    for location, nearby in (("azureml:present:9", "present:1"), ("azureml:absent", "present")):
        with pytest.raises(ModelNotFoundError) as caught:
            ms.ModelSource.open(location, workspace=where).fetch(tmp_path / "down")
        assert str(caught.value).startswith(f"There is no model at '{location}'.\n")
        assert nearby in caught.value.nearby


def test_what_comes_down_is_checked_against_what_went_up(make_model, offline, where, tmp_path):
    """If the stored bytes changed, the digest that was registered with them tells."""
    ms.register_model(make_model(b"what was tested", "changed"), workspace=where)
    [blob] = [
        path
        for path in (offline.folder / "blobs").rglob("*")
        if path.is_file() and path.read_bytes() == b"what was tested"
    ]
    blob.write_bytes(b"something else!")
    with pytest.raises(DigestMismatchError):
        ms.ModelSource.open("azureml:changed", workspace=where).fetch(tmp_path / "down")
    assert not (tmp_path / "down" / "weights.bin").exists()


def test_the_framework_is_told_from_the_file(where, tmp_path):
    """A scikit-learn model is registered as such, with the version that wrote it."""
    import sklearn
    from sklearn.linear_model import LinearRegression

    model = ms.ModelSource.open(LinearRegression().fit([[0], [1]], [0, 1])).fetch(tmp_path)
    registered = ms.register_model(model, workspace=where)
    found = (registered.framework, registered.framework_version)
    assert found == ("ScikitLearn", sklearn.__version__)


@pytest.mark.parametrize("uri", ["azureml:", "azureml:a:b", "azureml:a:1:2", "azureml:a@prod"])
def test_a_uri_that_names_no_model_is_refused(uri):
    """The message says how one is written; no request is sent."""
    with pytest.raises(InvalidOptionError, match="azureml:NAME, azureml:NAME:VERSION"):
        ms.ModelSource.open(uri)


def test_a_workspace_is_nothing_but_a_workspace():
    """Any other object is refused, with what is expected."""
    with pytest.raises(InvalidOptionError, match=r"workspace is 'dict'; expected an azureml\.core"):
        ms.Workspace.open({"subscription_id": "s"})


def test_the_sdk_object_is_taken_as_it_is(offline):
    """An open azureml.core.Workspace is used, and can be had back."""
    ws = offline.workspace()
    assert ms.Workspace.open(ws).sdk_workspace is ws
