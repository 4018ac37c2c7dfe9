def write(folder):
    (folder / "weights.pkl").write_bytes(b"")
