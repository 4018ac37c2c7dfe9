"""The requests that are sent: your own, from a file, and generated from a sample."""

import importlib
import json

import pytest

from modelship.errors import InvalidOptionError
from modelship.parity import ScoringRequest, generate_requests, read_requests
from modelship.state_paths import cache_folder

SAMPLE = json.dumps({"data": [[1, 2.5, 3]] * 3, "key": "text"})


def test_generated_requests_are_the_same_in_each_program(tmp_path, monkeypatch):
    """The seed tells which they are, and no module that is imported; and no file is left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "numbers_of_mine.py").write_text(f"NUMBERS = {list(range(70_000, 71_000))}")
    one, other = (generate_requests(SAMPLE, count=100, seed=seed) for seed in (3, 4))
    importlib.import_module("numbers_of_mine")
    assert generate_requests(SAMPLE, count=100, seed=3) == one != other
    assert len(one) - len(generate_requests(SAMPLE, count=0)) == 100
    assert not (tmp_path / ".hypothesis").exists()
    assert [*(cache_folder() / "hypothesis" / "unicode_data").iterdir()]  # the next run has them


@pytest.mark.parametrize("sample", [SAMPLE, "[[1, 2]]", '"text"', "null", "{}", '{"a": {"b": []}}'])
def test_any_sample_has_awkward_requests(sample):
    """They are bounded, have labels of their own, and begin with the sample itself."""
    requests = generate_requests(sample, count=0)
    assert requests[0].body == sample.encode()
    assert len({each.label for each in requests}) == len(requests) > 25
    assert max(len(each.body) for each in requests) < 4_000_000


def test_so_many_random_requests_are_too_many():
    """The number has an upper bound."""
    with pytest.raises(InvalidOptionError, match="from 0 to 10000"):
        generate_requests(SAMPLE, count=1_000_000)


def test_a_file_holds_payloads_and_whole_requests(tmp_path):
    """Each line is one of the two, and blank ones are skipped."""
    file = tmp_path / "requests.jsonl"
    file.write_text('{"data": [1]}\n\n{"request": {"method": "get", "path": "/score?x=1"}}\r\n')
    first, second = read_requests(file)
    assert (first.label, first.method, first.body) == ("line 1", "POST", b'{"data": [1]}')
    assert (second.label, second.method, second.path) == ("line 3", "GET", "/score?x=1")


def test_a_line_ends_where_json_lets_it(tmp_path):
    """A text may hold a line separator of Unicode, and the file a byte order mark."""
    file = tmp_path / "requests.jsonl"
    file.write_text('\ufeff"one\u2028line"\n', encoding="utf-8")
    assert [each.body.decode() for each in read_requests(file)] == ['"one\u2028line"']


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"request": 1}',
        '{"request": {"verb": "GET"}}',
        '{"request": {"path": "score"}}',
        '{"request": {"headers": {"x": "a\\r\\nb: c"}}}',
        '{"request": {"body": "\\ud800"}}',
    ],
)
def test_a_line_that_is_neither_is_refused_with_its_number(tmp_path, line):
    """The message says where it stands, and what a line may be."""
    (tmp_path / "requests.jsonl").write_text(f"1\n{line}\n")
    with pytest.raises(InvalidOptionError, match=r"requests\.jsonl:2"):
        read_requests(tmp_path / "requests.jsonl")


def test_a_file_without_a_request_is_refused(tmp_path):
    """To compare nothing would be to say that all is equal."""
    (tmp_path / "requests.jsonl").write_text("\n\n")
    with pytest.raises(InvalidOptionError, match="one JSON payload a line"):
        read_requests(tmp_path / "requests.jsonl")


@pytest.mark.parametrize(
    "part",
    [
        {"path": "//host/score"},
        {"path": "/score?q=é"},
        {"path": "/score#part"},
        {"method": "post"},
        {"headers": {"Content-Length": "1"}},
        {"headers": {"x-name": "ends in a space "}},
        {"headers": {"a name": "1"}},
    ],
)
def test_what_could_not_go_everywhere_as_it_is_is_refused(part):
    """HTTP would send it changed, or not at all."""
    with pytest.raises(InvalidOptionError):
        ScoringRequest("odd", **part)


def test_columns_are_moved_and_left_out():
    """Of a table, one request has the columns in another order, and one lacks a column."""
    sample = '{"data": [{"zone": "n", "age": 3}]}'
    made = {
        each.label: json.loads(each.body)
        for each in generate_requests(sample, count=0)
        if "column" in each.label
    }
    assert list(made["columns in another order"]["data"][0]) == ["age", "zone"]
    assert made["a column less"] == {"data": [{"age": 3}]}
