def write(folder):
    (folder / "score.py").write_bytes(b"PK\x03\x04" + bytes(range(256)) * 64)
