from cases.models import write_weights


def write(folder):
    trained = folder / "trained"
    trained.mkdir()
    write_weights(trained)
