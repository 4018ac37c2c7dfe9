# A dictionary with the one key b"padding" and 170 MB of zeros, which take no room on the disk.
SIZE_BYTES = 170_000_000
START = b"\x80\x04}C\x07paddingB" + SIZE_BYTES.to_bytes(4, "little")


def write(folder):
    with (folder / "weights.pkl").open("wb") as file:
        file.write(START)
        file.seek(SIZE_BYTES, 1)
        file.write(b"s.")
