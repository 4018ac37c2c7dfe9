from cases.models import pickled_call


def write(folder):
    content = pickled_call("builtins", "eval", "print('this model ran code')")
    (folder / "weights.pkl").write_bytes(content)
