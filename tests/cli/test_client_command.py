"""``modelship client`` generates a client of a service that describes its columns."""


def test_a_service_that_describes_no_columns_is_refused(modelship, service, tmp_path):
    """The message says which services describe themselves, and nothing is written."""
    done = modelship(
        "client", service, "-t", "memory", "--language", "python", "-o", tmp_path / "x"
    )
    assert done.exit_code == 2
    assert "a service that describes itself" in done.output
    assert not (tmp_path / "x").exists()


def test_a_service_that_does_not_answer_is_named(modelship, tmp_path):
    """Nobody listens at this address."""
    place = "http://127.0.0.1:9/score"
    done = modelship("client", place, "--language", "python", "-o", tmp_path / "x")
    assert done.exit_code == 8
    assert "127.0.0.1:9" in done.output
