"""MLTable files as inputs of batch jobs."""

import pytest
import yaml

from modelship.batch.input_files import input_files
from modelship.errors import BatchInputError


@pytest.fixture
def table(tmp_path):
    """Return a function that writes an MLTable; it returns its folder."""
    place = tmp_path / "table"
    (place / "data/region=EU").mkdir(parents=True)
    (place / "data/region=EU/a.txt").write_text("a;b\n1;2\n")
    (place / "data/_skipped").write_text("")
    (place / "notes.md").write_text("not data")

    def write(**document):
        (place / "MLTable").write_text(yaml.safe_dump({"type": "mltable", **document}))
        return place

    return write


def read(place, tmp_path, **given):
    """Return the files of an input."""
    return input_files([place], output=tmp_path / "out", **given)


def test_the_paths_of_a_table_are_read_in_its_format(table, tmp_path):
    """Whatever the names of the files; the keys of folders are kept."""
    steps = [{"read_delimited": {"delimiter": ";", "encoding": "ascii"}}]
    place = table(paths=[{"folder": "./data"}], transformations=steps)
    [found] = read(place, tmp_path)
    assert (found.name, found.format) == ("region=EU/a.txt", "csv;")
    assert found.partition == (("region", "EU"),)
    assert read(place / "MLTable", tmp_path) == (found,)


def test_files_and_patterns_are_paths_too(table, tmp_path):
    """A transformation may have no options."""
    paths = [{"pattern": "./*.md"}, {"file": "data/region=EU/a.txt"}]
    found = read(table(paths=paths, transformations=["read_json_lines"]), tmp_path)
    assert [(each.name, each.format) for each in found] == [
        ("notes.md", "jsonl"), ("a.txt", "jsonl")
    ]  # fmt: skip


def test_a_folder_of_files_is_not_a_table(table, tmp_path):
    """Where files are scored, an MLTable is one of them."""
    place = table(paths=[], transformations=[])
    names = [each.name for each in read(place, tmp_path, input_format="files")]
    assert names == ["MLTable", "data/region=EU/a.txt", "notes.md"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"transformations": []}, "0 transformations"),
        ({"transformations": [{"read_delta_lake": {}}]}, "'read_delta_lake' is not read"),
        ({"transformations": ["read_parquet", {"take": 5}]}, "'take' is not read"),
        ({"transformations": [{"read_delimited": {"header": "no_header"}}]}, "'no_header'"),
        ({"transformations": [{"read_delimited": {"delimiter": "~"}}]}, "delimiter .* is '~'"),
        ({"transformations": [{"read_parquet": {"partition_size": 1}}]}, "'partition_size'"),
        ({"transformations": ["read_parquet"], "traits": {}}, "key 'traits'"),
        ({"transformations": ["read_parquet"], "paths": [{"url": "a"}]}, "path 'url'"),
        ({"transformations": 7}, "not iterable"),
    ],
)
def test_what_has_another_meaning_is_refused(table, tmp_path, document, message):
    """By its name: nothing of a table is ignored."""
    place = table(**{"paths": [{"folder": "data"}], **document})
    with pytest.raises(BatchInputError, match=message):
        read(place, tmp_path)


def test_a_table_that_is_not_yaml_is_refused(table, tmp_path):
    """With the place of the error."""
    place = table()
    (place / "MLTable").write_text("a: [")
    with pytest.raises(BatchInputError, match="it is not YAML"):
        read(place, tmp_path)
