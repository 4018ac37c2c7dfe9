"""A script with a table and a run_table is served bodies that are not JSON, by what it reads."""

from __future__ import annotations

import io
from types import ModuleType

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelship.server.arrays import CannotWrite, FallBack
from modelship.server.binary import BadBody, plain_array
from modelship.server.table_plan import table_plan
from modelship.tables import Refused, Schema, Table, schema_of_data

FRAME = pd.DataFrame({"age": [30.5, 40.5], "income": [1.5, 2.5]})


def _script(schema):
    def run_table(data):
        if len(data) > 5:
            raise Refused("too many")
        return data

    module = ModuleType("script")
    module.table, module.run_table = Table(schema), run_table
    return module


def _arrow(frame):
    sink, table = io.BytesIO(), pa.Table.from_pandas(frame)
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    return sink.getvalue()


def _npy(array):
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


def test_bodies_that_are_not_json_become_tables():
    """A file of Arrow and an array of NumPy are read as the model was fitted on them."""
    plan = table_plan(_script(schema_of_data(FRAME)))
    for read in (plan.read_arrow(_arrow(FRAME)), plan.read_npy(_npy(FRAME.to_numpy()))):
        pd.testing.assert_frame_equal(plan.call(**read), FRAME)
    with pytest.raises(FallBack):
        plan.read_json(b'{"data": [[1, 2]]}')


def test_rows_of_numbers_are_read_from_the_bytes_where_the_script_says_so():
    """A script of a model that tells nothing has a run_array, which is its run_table."""
    pytest.importorskip("simdjson")
    module = _script(Schema())
    module.run_array = module.run_table
    plan = table_plan(module)
    found = plan.call(**plan.read_json(b'{"data": [[1, 2.5], [3, 4]]}'))
    np.testing.assert_array_equal(found, [[1, 2.5], [3, 4]])
    with pytest.raises(FallBack):
        plan.read_json(b'{"data": [[1, "a"]]}')


@pytest.mark.parametrize(
    ("body", "says"),
    [(_arrow(FRAME.rename(columns={"age": "Age"})), "'age'"), (b"no arrow", "IPC format")],
)
def test_a_body_that_does_not_fit_is_the_callers_fault(body, says):
    """It gets the status and the words of the refusal."""
    plan = table_plan(_script(schema_of_data(FRAME)))
    with pytest.raises(BadBody, match=says) as caught:
        plan.read_arrow(body)
    assert caught.value.status == 400


def test_a_refusal_of_run_table_is_an_answer_too(monkeypatch):
    """run() has an except clause for it, and this way does not go through run()."""
    from modelship.server import aml

    monkeypatch.setattr(Refused, "response", lambda self: aml.plain_response(str(self), 400))
    plan = table_plan(_script(schema_of_data(FRAME)))
    answer = plan.call(**plan.read_npy(_npy(np.zeros((6, 2)))))
    assert (answer.status, answer.body) == (400, b'"too many"')


def test_a_script_without_a_table_has_no_such_plan():
    """Both names are needed, and a function of one parameter."""
    module = _script(schema_of_data(FRAME))
    module.run_table = lambda data, more: data
    assert table_plan(module) is None
    del module.table
    assert table_plan(module) is None


def test_texts_beside_numbers_are_not_written_as_texts():
    """Such an answer goes as JSON, which keeps both."""
    with pytest.raises(CannotWrite):
        plain_array([[1, "a"]])
    assert plain_array([["b", "a"]]).tolist() == [["b", "a"]]
