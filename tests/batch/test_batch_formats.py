"""A job writes the rows of its input with their answers, as folders that readers take whole."""

import gzip
import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from fake_scoring import FakeEngine

import modelship as ms
from modelship.batch.answer_files import output_tables
from modelship.batch.batch_status import read_job
from modelship.batch.file_places import _held
from modelship.batch.written_answers import typed_answers

ROWS = 'id,a,note\n007,1,\n008,2.0,"x, y"\n009,-3,z\n010,4e0,""\n'


@pytest.fixture
def run(idle_bundle, tmp_path):
    """Return a function that runs a job over files, and returns its summary."""

    def made(*inputs, engine=None, **options):
        inputs = [tmp_path / each for each in inputs]
        return ms.BatchJob(
            idle_bundle,
            inputs,
            tmp_path / "out",
            options=ms.BatchOptions(piece_bytes=12, feature_columns=("a",), **options),
            engine=engine or FakeEngine(),
            check="off",
        ).run(show_output=False)

    return made


def test_rows_of_csv_keep_their_text(run, tmp_path):
    """What is not scored is written as it was, and the answer after it; a bad row is noted."""
    (tmp_path / "rows.csv").write_text(ROWS)
    summary = run("rows.csv")
    assert (summary.rows_in, summary.rows_out, summary.failed) == (4, 3, 1)
    lines = [each.read_text() for each in sorted((tmp_path / "out").glob("*.csv"))]
    header, *rest = "".join(lines).splitlines()
    assert header == "id,a,note,prediction"
    assert [each for each in rest if each != header] == [
        "007,1,,2.0",
        '008,2.0,"x, y",3.0',
        '010,4e0,"",5.0',
    ]
    [failure] = (tmp_path / "out/_failed").glob("*")
    failed = json.loads(failure.read_text())
    assert (failed["row"], failed["text"]) == (2, "009,-3,z")


def test_a_row_that_cannot_be_read_fails_alone(run, tmp_path):
    """Also where all others are scored."""
    (tmp_path / "rows.csv").write_bytes(b"a,b\n1,x\n2\n3,\xff\n4,y\n5,\xff,z\n6,z\n")
    summary = run("rows.csv")
    assert (summary.rows_out, summary.failed) == (4, 2)
    lines = [each.read_text() for each in sorted((tmp_path / "out/_failed").glob("*"))]
    assert [json.loads(each)["row"] for each in "".join(lines).splitlines()] == [1, 4]
    assert b"3,\xff,4" in b"".join(each.read_bytes() for each in (tmp_path / "out").glob("*.csv"))


def test_a_damaged_array_is_refused(run, tmp_path):
    """Whatever numpy raises about its header."""
    np.save(tmp_path / "rows.npy", np.zeros((2, 2)))
    content = (tmp_path / "rows.npy").read_bytes()
    (tmp_path / "rows.npy").write_bytes(content.replace(b"(2, 2), }", b"(2, 2,   "))
    with pytest.raises(ms.ModelshipError, match="header is damaged"):
        run("rows.npy")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('a,b\n1,x\n2,"y\n3,z\n', "in its row 1 and does not close"),
        ('a,"b\n1,x\n', "in its first row and does not close"),
    ],
)
def test_a_quote_that_does_not_close_is_refused(run, tmp_path, text, problem):
    """All rows after it would be a part of one value, without a word."""
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(ms.ModelshipError, match=problem):
        run("rows.csv")
    assert not (tmp_path / "out/_SUCCESS").exists()


def test_csv_as_parquet_has_one_type_in_all_files(run, tmp_path):
    """The types hold all values of the input, whatever a piece has of them."""
    (tmp_path / "rows.csv").write_text("a,id,b,c\n1,1,1,\n2,2,2.5,\n3,007,3,true\n")
    run("rows.csv", output_format="parquet")
    table = pads.dataset(tmp_path / "out").to_table()
    assert {each.name: str(each.type) for each in table.schema} == {
        "a": "int64",
        "id": "string",
        "b": "double",
        "c": "bool",
        "prediction": "int64",
    }
    assert table.column("id").to_pylist() == ["1", "2", "007"]


def test_partitions_are_kept(run, tmp_path):
    """The keys of folders are columns for run(), and folders of the output."""
    for key, values in (("1", [5, 6]), ("2", [7])):
        folder = tmp_path / f"in/a={key}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"x": values}), folder / "part.parquet")
    run("in")
    table = pads.dataset(tmp_path / "out", partitioning="hive").to_table().sort_by("x")
    assert table.to_pydict() == {"x": [5, 6, 7], "prediction": [2, 2, 3], "a": [1, 1, 2]}


def test_json_lines_and_compressed_files(run, tmp_path):
    """Objects keep their text; a compressed file is one piece, and its output is not compressed."""
    (tmp_path / "rows.jsonl").write_text('{"a": 1, "big": 123456789012345678901}\n{"a":2}')
    with gzip.open(tmp_path / "more.csv.gz", "wt") as file:
        file.write(ROWS.replace("-3", "3"))
    run("rows.jsonl", "more.csv.gz")
    objects = "".join(each.read_text() for each in sorted((tmp_path / "out").glob("*.jsonl")))
    assert objects.splitlines() == [
        '{"a": 1, "big": 123456789012345678901, "prediction": 2.0}',
        '{"a":2, "prediction": 3.0}',
    ]
    assert pd.read_csv(tmp_path / "out/more-00000.csv").prediction.tolist() == [2, 3, 4, 5]


def test_numpy_and_chosen_columns(run, tmp_path):
    """An archive of arrays has its answers as arrays; only the chosen columns are kept."""
    np.savez(tmp_path / "rows.npz", a=np.arange(3), image=np.zeros((3, 2, 2)))
    run("rows.npz", columns=("image",))
    found = [np.load(each) for each in sorted((tmp_path / "out").glob("*.npz"))]
    assert np.concatenate([each["prediction"] for each in found]).tolist() == [1, 2, 3]
    assert {*found[0]} == {"image", "prediction"}


def test_a_column_of_the_name_of_an_answer_is_kept(run, tmp_path):
    """The answer has another name then."""
    (tmp_path / "rows.csv").write_text("a,prediction\n1,9\n")
    run("rows.csv")
    assert (
        tmp_path / "out/rows-00000.csv"
    ).read_text() == "a,prediction,prediction_scored\n1,9,2\n"


def test_a_missing_column_is_an_error_before_anything_is_scored(run, tmp_path):
    """It names the nearest column, and nothing is written."""
    (tmp_path / "rows.csv").write_text("A,b\n1,2\n")
    with pytest.raises(ms.ModelshipError, match=r"lacks the column 'a' \(did you mean 'A'"):
        run("rows.csv")
    assert not (tmp_path / "out/_modelship/plan.json").exists()


def test_a_file_that_changes_is_refused(run, tmp_path):
    """Its pieces would be those of other rows."""
    (tmp_path / "rows.csv").write_text(ROWS)

    class Changing(FakeEngine):
        def run(self, work, pieces, *, stopped):
            for result in super().run(work, pieces, stopped=stopped):
                yield result
                (tmp_path / "rows.csv").write_text(ROWS + "011,5,\n")

    with pytest.raises(ms.ModelshipError, match="has changed since the job was planned"):
        run("rows.csv", engine=Changing())


def test_known_types_of_answers_do_not_depend_on_the_piece():
    """Whole and missing values are floats, too, where the model has floats."""
    answers = pa.table({"prediction": [1, None], "probability_a": [0, 1], "note": [1, 2]})
    assert [str(each) for each in typed_answers(answers, "float64").schema.types] == [
        "double",
        "double",
        "int64",
    ]
    texts = pa.table({"prediction": ["a", "b"]})
    assert typed_answers(texts, "int64") == texts


def test_remote_folders(idle_bundle, tmp_path):
    """A folder of this machine may be a URL; what is no object store is refused."""
    job = ms.BatchJob(idle_bundle, tmp_path, f"file://{tmp_path}/out")
    assert job.output == tmp_path / "out"
    for each in ("sftp://host/out", "s3://", "simplecache::s3://bucket/out"):
        with pytest.raises(ms.ModelshipError, match="or a path in an object store"):
            ms.BatchJob(idle_bundle, tmp_path, each)


def test_rows_of_another_file_system(idle_bundle, tmp_path):
    """They are read through fsspec."""
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/scored/rows.csv", ROWS.encode())
    options = ms.BatchOptions(piece_bytes=12, feature_columns=("a",))
    job = ms.BatchJob(
        idle_bundle,
        "memory://scored",
        tmp_path / "out",
        options=options,
        engine=FakeEngine(),
        check="off",
    )
    assert job.run(show_output=False).rows_out == 3


def test_what_was_written_with_another_delimiter_is_read_with_it(run, tmp_path):
    """For the report and the evaluation, although its name ends with .csv."""
    (tmp_path / "rows.csv").write_text("a;b\n1;x,y\n2;z\n")
    run("rows.csv", input_format="csv;")
    out = tmp_path / "out"
    tables = [each for _, each in output_tables(out, *read_job(out))]
    assert pa.concat_tables(tables).to_pydict() == {
        "a": [1, 2],
        "b": ["x,y", "z"],
        "prediction": [2, 3],
    }


def test_a_file_that_is_decompressed_to_any_size_is_refused():
    """Before it takes all memory."""
    bomb = io.BytesIO(gzip.compress(b"1\n" * 10_000_000))
    with (
        gzip.open(bomb) as stream,
        pytest.raises(ValueError, match="decompress it, so that it is cut"),
    ):
        _held(stream, most_bytes=1 << 20)


def test_a_file_that_changes_before_it_is_scored_is_refused(run, tmp_path):
    """Also where the files themselves are scored."""

    class Changing(FakeEngine):
        def run(self, work, pieces, *, stopped):
            (tmp_path / "a.png").write_bytes(b"another")
            yield from super().run(work, pieces, stopped=stopped)

    (tmp_path / "a.png").write_bytes(b"one")
    with pytest.raises(ms.ModelshipError, match=r"a\.png.* has changed since"):
        run("a.png", engine=Changing(), items="files")


@pytest.mark.parametrize("source", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_whole_numbers_beyond_int64_pass_through(run, tmp_path, source, kind):
    """Of uint64, from each format to each; from text to Parquet as texts."""
    hashes = [1, 2**63 + 1, 2**64 - 1]
    rows = pd.DataFrame({"a": [1, 2, 3], "hash": np.array(hashes, np.uint64)})
    if source == "csv":
        rows.to_csv(tmp_path / "rows.csv", index=False)
    elif source == "jsonl":
        lines = [json.dumps(each) for each in rows.to_dict("records")]
        (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    else:
        rows.to_parquet(tmp_path / "rows.parquet")
    assert run(f"rows.{source}", output_format=kind).rows_out == 3
    files = sorted((tmp_path / "out").glob("rows-*"))
    if kind == "parquet":
        found = pads.dataset(files).to_table()["hash"].to_pylist()
    elif kind == "jsonl":
        found = [json.loads(line)["hash"] for x in files for line in x.read_text().splitlines()]
    else:
        found = [line.split(",")[1] for x in files for line in x.read_text().splitlines()[1:]]
    assert [*map(int, found)] == hashes
