"""Schemas are values that are written as JSON and completed by a sample."""

import pytest

from modelship.tables import Column, Outputs, Schema, SchemaError

TABLE = Schema(
    "table",
    (
        Column("zone", "text", "object", ("n", "s"), missing=False),
        Column("größe", "number", low=-1.5, high=2.0, example=0.25),
    ),
    outputs=Outputs("classification", labels=(("007", "010"),), probabilities=True),
)


@pytest.mark.parametrize("schema", [TABLE, Schema(), Schema("array", width=784)])
def test_a_schema_is_read_as_it_was_written(schema):
    """JSON gives back an equal schema."""
    assert Schema.from_json(schema.to_json()) == schema


def test_what_is_not_known_is_not_written():
    """The document of an unknown schema holds its format alone."""
    assert Schema().to_json() == '{\n  "modelship_schema": 1\n}\n'


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"modelship_schema": 2}', '{"modelship_schema": 1, "x": 1}']
)
def test_another_document_is_refused(text):
    """Whatever is not a schema raises SchemaError."""
    with pytest.raises(SchemaError):
        Schema.from_json(text)


def test_a_sample_completes_what_the_model_does_not_tell():
    """Columns are matched by name, in the model's order, and the model has the say."""
    model = Schema("table", (Column("a"), Column("b", "text", categories=("x",))))
    sample = Schema("table", (Column("b", "integer"), Column("a", "number", example=1.5)))
    assert model.completed_by(sample) == Schema(
        "table", (Column("a", "number", example=1.5), Column("b", "text", categories=("x",)))
    )


@pytest.mark.parametrize("kind", ["boolean", "text", "category", "mixed"])
def test_a_sample_tells_what_is_read_as_a_number(kind):
    """A model that takes numbers takes what can be read as such, and only the sample knows that."""
    model = Schema("table", (Column("a", "number"), Column("b", "number"), Column("c", "text")))
    sample = Schema("table", (Column("a", kind), Column("b", "integer"), Column("c", kind)))
    kinds = [each.kind for each in model.completed_by(sample).columns]
    assert kinds == [kind, "number", "text"]


def test_a_sample_of_other_columns_is_refused_by_name():
    """The message names the columns that are missing and those that are unknown."""
    with pytest.raises(SchemaError, match="lacks the columns 'zone' and has the unknown .*'Zone'"):
        TABLE.completed_by(Schema("table", (Column("Zone"), Column("größe"))))


def test_names_with_spaces_are_those_of_the_sample():
    """LightGBM writes an underscore for each space, and its file knows no other name."""
    model = Schema("table", (Column("per_year", "number"), Column("zone")))
    sample = Schema("table", (Column("per year", example=1.5), Column("zone")))
    names = model.completed_by(sample)
    assert names.columns == (Column("per year", "number", example=1.5), Column("zone"))


def test_columns_have_names_of_their_own():
    """Two columns of one name cannot be distinguished in a request."""
    with pytest.raises(SchemaError, match="two columns are named 'a'"):
        Schema("table", (Column("a"), Column("a")))


def test_numbers_without_names_may_come_in_a_table():
    """A model that was fitted on an array takes the names of a sample, if they are as many."""
    model = Schema("array", width=2)
    sample = Schema("table", (Column("a", "number"), Column("b", "number")))
    assert model.completed_by(sample).names == ("a", "b")
    assert model.completed_by(sample).form == "table"
    assert model.completed_by(Schema("array", width=2)).form == "array"
    with pytest.raises(SchemaError, match="takes 2 columns, and the sample has 1"):
        model.completed_by(Schema("table", (Column("a"),)))
