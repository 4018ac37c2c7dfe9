"""How long reading a passport takes, and how much memory; and how long the schema then takes.

::

    python benchmarks/passport.py            every measure
    python benchmarks/passport.py --smoke    once each, small, to see that they still run

Time is the least of many readings, in this process: the machines that run this are shared. Memory
is the peak of what Python allocates in a child process while it reads the file.
"""

import argparse
import gzip
import io
import os
import pickle
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

from modelship.sources._told import tell_pickle
from modelship.sources.passport import read_passport

SIZE_BYTES = 100_000
LIMIT_MS = 5.0
LIMIT_RATIO = 2.0
LIMIT_BYTES = 64 * 2**20


def joblib_bytes(model, **options):
    """Return what joblib writes."""
    import joblib

    buffer = io.BytesIO()
    joblib.dump(model, buffer, **options)
    return buffer.getvalue()


def models():
    """Return files of about 100 kB by name: few large parts, many small ones, packed ones."""
    # Here and not above: the child that measures memory is not to have them.
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    X, y = rng.random((400, 8)), rng.integers(0, 3, 400)
    wide = rng.random((60, 4000)), rng.integers(0, 3, 60)
    words = [" ".join(f"word{number}" for number in range(5000))]
    linear = LogisticRegression(max_iter=20).fit(*wide)
    return {
        "linear.joblib": joblib_bytes(linear),
        "forest.joblib": joblib_bytes(RandomForestClassifier(45, max_depth=4).fit(X, y)),
        "forest.pkl": pickle.dumps(RandomForestClassifier(45, max_depth=4).fit(X, y)),
        "boosted.joblib": joblib_bytes(HistGradientBoostingClassifier(max_iter=12).fit(X, y)),
        "vocabulary.pkl": pickle.dumps(CountVectorizer().fit(words)),
        "linear.joblib.gz": gzip.compress(joblib_bytes(linear)),
        "forest.protocol2.pkl": pickle.dumps(RandomForestClassifier(45, max_depth=4).fit(X, y), 2),
    }


def least_ms(read, path, *, times):
    """Return the milliseconds of CPU that the fastest of many readings took."""

    def once():
        started = time.process_time()
        read(path)
        return time.process_time() - started

    return 1000 * min(once() for _ in range(times))


def huge_array(path, *, size_bytes):
    """Write a joblib file with one array of `size_bytes`, sparse, as joblib would write it."""
    import joblib
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    count = size_bytes // 8
    with path.open("wb") as file:
        joblib.dump({"weights": np.zeros(1), "model": LogisticRegression()}, file)
    content = path.read_bytes()
    # The shape of one number becomes that of all, and a hole replaces the rest.
    head, _, tail = content.partition(b"\x8c\x05shape\x94K\x01\x85")
    at = tail.index(np.zeros(1).tobytes())
    longer = head + b"\x8c\x05shape\x94\x8a\x05" + count.to_bytes(5, "little") + b"\x85"
    longer += tail[:at]
    path.write_bytes(longer)
    os.truncate(path, len(longer) + 8 * count)
    with path.open("ab") as file:
        file.write(tail[at + 8 :])


def huge_network(path, *, size_bytes):
    """Write an ONNX file whose graph is one tensor of `size_bytes`."""

    def length(count):
        return bytes([*(count >> 7 * place & 0x7F | 0x80 for place in range(4)), count >> 28])

    tensor = b"\x4a" + length(size_bytes)
    graph = b"\x2a" + length(size_bytes + len(tensor)) + tensor
    head = b"\x08\x08\x3a" + length(size_bytes + len(graph)) + graph
    path.write_bytes(head)
    os.truncate(path, len(head) + size_bytes)
    with path.open("ab") as file:
        file.write(b"\x42\x02\x10\x11")


def packed_zeros(path, *, size_bytes):
    """Write a pickle of zeros, packed to a thousandth of its size."""
    with gzip.open(path, "wb", 1) as file:
        file.write(b"\x80\x04\x8e" + size_bytes.to_bytes(8, "little"))
        for _ in range(size_bytes >> 20):
            file.write(bytes(2**20))
        file.write(bytes(size_bytes % 2**20) + b".")


def in_child(path):
    """Return the seconds and the bytes at the peak of reading `path`, and its size unpacked."""
    done = subprocess.run(
        [sys.executable, __file__, "--read", str(path)], capture_output=True, text=True, check=True
    )
    seconds, peak_bytes, unpacked_bytes, complete = done.stdout.split()
    if complete != "True":
        sys.exit(f"{path.name} was not read to its end")
    return float(seconds), int(peak_bytes), int(unpacked_bytes)


def read_in_child(path):
    """Print how long one reading took, and then the peak of memory in another."""
    started = time.perf_counter()
    read_passport(path)
    seconds = time.perf_counter() - started
    tracemalloc.start()
    passport = read_passport(path)
    if path.suffix != ".onnx":
        tell_pickle(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    unpacked_bytes = passport.unpacked_bytes or passport.size_bytes
    print(seconds, peak_bytes, unpacked_bytes, passport.complete)


def measure_time(folder, *, times):
    """Print a line for each model; return those that took too long for their size."""
    slow = []
    for name, content in models().items():
        path = folder / name
        path.write_bytes(content)
        took_ms = least_ms(read_passport, path, times=times)
        schema_ms = least_ms(tell_pickle, path, times=times)
        scaled_ms = took_ms * SIZE_BYTES / max(len(content), SIZE_BYTES / 4)
        print(
            f"{name:<22} {len(content):>8} bytes {took_ms:7.2f} ms, {scaled_ms:5.2f} per 100 kB; "
            f"the schema {schema_ms:7.2f} ms, {schema_ms / took_ms:.2f} times that"
        )
        if scaled_ms > LIMIT_MS or schema_ms > max(LIMIT_MS, LIMIT_RATIO * took_ms):
            slow.append(name)
    return slow


def measure_memory(folder, *, size_bytes):
    """Print a line for each huge file; return those that took too much."""
    big = []
    for name, write in (
        ("huge.joblib", huge_array),
        ("huge.onnx", huge_network),
        ("huge.pkl.gz", packed_zeros),
    ):
        path = folder / name
        write(path, size_bytes=size_bytes if path.suffix != ".gz" else size_bytes // 4)
        seconds, peak, unpacked = in_child(path)
        print(f"{name:<22} {unpacked >> 20:>8} MiB {seconds:9.3f} s, peak {peak / 2**20:.2f} MiB")
        if peak > LIMIT_BYTES:
            big.append(name)
        path.unlink()
    return big


def main():
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read_in_child(options.read)
        return
    with tempfile.TemporaryDirectory() as name:
        slow = measure_time(Path(name), times=2 if options.smoke else 50)
        size_bytes = 64 * 2**20 if options.smoke else 2**31
        big = measure_memory(Path(name), size_bytes=size_bytes)
    if big or (slow and not options.smoke):
        sys.exit(
            f"too slow: {', '.join(slow) or 'none'}; too much memory: {', '.join(big) or 'none'}"
        )


if __name__ == "__main__":
    main()
