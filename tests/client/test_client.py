"""A client knows a service by its address alone."""

import pytest

from modelship import Client
from modelship.errors import InvalidOptionError, ScoringRequestError, ServiceUnreachableError


def test_a_client_answers_as_the_model_does(service, people, model):
    """Rows go by name, so that their order among each other does not matter."""
    swapped = people[people.columns[::-1]]
    assert Client(service).predict(swapped) == model.predict(people).tolist()


def test_a_client_gives_the_probability_of_each_class(service, people, model):
    """Each row has a mapping from class to probability."""
    expected = [dict(zip(model.classes_, row, strict=True)) for row in model.predict_proba(people)]
    found = Client(service.removesuffix("/score")).predict_proba(people)
    assert found == [pytest.approx(row) for row in expected]


def test_a_client_knows_what_the_service_takes(service, table_bundle):
    """The schema is the bundle's, from the service itself."""
    assert Client(service).schema == table_bundle.schema


def test_a_refused_row_is_named(service, people):
    """What the service says of the column and the row is in the error."""
    with pytest.raises(ScoringRequestError, match="column 'zone': 3 is given; a text is") as caught:
        Client(service).predict([{**people.iloc[0].to_dict(), "zone": 3}])
    assert caught.value.status == 400


def test_an_address_that_is_none_is_refused():
    """The message says what a service's address looks like."""
    with pytest.raises(InvalidOptionError, match="such as http://host:port/score"):
        Client("digits-svc")


def test_a_service_that_is_gone_is_unreachable():
    """Nobody listens on this port."""
    with pytest.raises(ServiceUnreachableError):
        Client("http://127.0.0.1:9", timeout_s=2).predict([[1]])


def test_a_key_is_in_no_repr():
    """A key is a secret."""
    assert "hunter2" not in repr(Client("http://127.0.0.1:9", key="hunter2"))


def test_several_outputs_have_probabilities_of_their_own(monkeypatch):
    """Each row has a dict for each output."""
    answer = {
        "predictions": [["a", 1]],
        "classes": [["a", "b"], [0, 1]],
        "probabilities": [[[0.9, 0.1]], [[0.25, 0.75]]],
    }
    client = Client("http://127.0.0.1:9")
    monkeypatch.setattr(client, "_answer", lambda rows: answer)
    assert client.predict_proba([[1]]) == [[{"a": 0.9, "b": 0.1}, {0: 0.25, 1: 0.75}]]


def test_what_is_no_address_is_named():
    """A value of another type is refused as a bad address is."""
    with pytest.raises(InvalidOptionError, match="uri is 5; expected the URI of a service"):
        Client(5)
