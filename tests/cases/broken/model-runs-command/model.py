from cases.models import pickled_call


def write(folder):
    content = pickled_call("posix", "system", "echo this model ran a command")
    (folder / "weights.pkl").write_bytes(content)
