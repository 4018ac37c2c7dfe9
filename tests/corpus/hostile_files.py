"""Files and folders that nobody would look into, and files that cost more than they weigh."""
# ruff: noqa: E501 - tables, where one attempt stands on one line

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
import zipfile
import zlib
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from corpus.assembly import call, name, pairs, run, text, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Runs:
    """Unpickling it runs a command."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def _pickle(marker: str, protocol: int = 4) -> bytes:
    return pickle.dumps(Runs(marker), protocol)


def _npy(marker: str) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Runs(marker)], object), allow_pickle=True)
    return buffer.getvalue()


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    return buffer.getvalue()


def _tar(marker: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("model.pkl")
        info.size = len(_pickle(marker))
        archive.addfile(info, io.BytesIO(_pickle(marker)))
    return buffer.getvalue()


def _legacy_torch(marker: str) -> bytes:
    head = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
    return head + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + _pickle(marker, 2) + b"\x80\x02]."


def _plain_npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


def _twice(marker: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.npy", _npy(marker))
        archive.fp.seek(0, 2)
        archive.NameToInfo.clear()
        archive.writestr("a.npy", _plain_npy())
    return buffer.getvalue()


@cache
def _zeros() -> bytes:
    """Sixteen megabytes in forty bytes; several of them may follow each other."""
    return bz2.compress(bytes(16 * 2**20))


FILES: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "protocol 0 as .sav": ("model.sav", partial(_pickle, protocol=0)),
    "protocol 1 as .model": ("m.model", partial(_pickle, protocol=1)),
    "protocol 0 with no suffix": ("model", partial(_pickle, protocol=0)),
    "protocol 0 as .dat": ("model.dat", partial(_pickle, protocol=0)),
    "protocol 0 as .txt": ("notes.txt", partial(_pickle, protocol=0)),
    "protocol 0 as .json": ("meta.json", partial(_pickle, protocol=0)),
    "protocol 0 as .py": ("score.py", partial(_pickle, protocol=0)),
    "protocol 4 as .png": ("plot.png", _pickle),
    "protocol 4 as .ubj": ("model.ubj", _pickle),
    "a computed name as .bin": ("weights.bin", lambda m: whole(
        call("builtins:str", text("os")) + text("system") + b"\x93" + text(f"touch {m}") + b"\x85R")),
    "leading bytes": ("weights.bin", lambda m: b"\0\1\2\3" + _pickle(m)),
    "leading bytes and nothing more": ("model.dat", lambda m: b"\xff\xfeMODEL" + _pickle(m, 2)),
    "a pickle that breaks off": ("weights.bin", lambda m: whole(run(m))[:-1] + b"\xff\xff"),
    "a pickle in lines that breaks off": ("notes.txt", lambda m: _pickle(m, 0)[:-1] + b"\nand so on"),
    "an npy file": ("weights.npy", _npy),
    "an npy file under another name": ("weights.bin", _npy),
    "a second array in an npy file": ("w.npy", lambda m: _plain_npy() + _npy(m)),
    "a pickle behind an array": ("w.npy", lambda m: _plain_npy() + _pickle(m)),
    "an npz file": ("weights.npz", lambda m: zipped({"a.npy": _plain_npy(), "b.npy": _npy(m)})),
    "a packed npz file": ("weights.npz", lambda m: zipped({"b.npy": _npy(m)}, zipfile.ZIP_DEFLATED)),
    "an npy header that is no type": ("w.npy", lambda m: _npy(m).replace(b"'|O'", b"'V8'")),
    "an npy header of objects in fields": ("w.npy", lambda m: _npy(m).replace(
        b"'descr': '|O', 'fortran_order': False", b"'descr': [('a', '|O')],'fortran_order':0")),
    "an npz file named as a pickle": ("model.zip", lambda m: zipped({"model.pkl": _pickle(m)})),
    "a zip in a zip": ("m.zip", lambda m: zipped({"a.zip": zipped({"model.pkl": _pickle(m)})})),
    "a zip of LZMA": ("m.npz", lambda m: zipped({"a.npy": _npy(m)}, zipfile.ZIP_LZMA)),
    "a zip with an entry twice": ("m.npz", _twice),
    "a zip behind other bytes": ("m.bin", lambda m: b"\0" * 64 + zipped({"a.npy": _npy(m)})),
    "torch's zip": ("net.pt", lambda m: zipped(
        {"net/data.pkl": _pickle(m, 2), "net/version": b"3\n", "net/data/0": bytes(8)})),
    "a pickle among torch's tensors": ("net.pt", lambda m: zipped(
        {"net/data.pkl": b"\x80\x02N.", "net/version": b"3\n", "net/data/0": _pickle(m)})),
    "another pickle in torch's zip": ("net.pt", lambda m: zipped(
        {"net/data.pkl": b"\x80\x02N.", "net/version": b"3\n", "net/extra.pkl": _pickle(m)})),
    "a program of TorchScript": ("net.pt", lambda _: zipped(
        {"net/data.pkl": b"\x80\x02N.", "net/version": b"3\n", "net/code/__torch__.py": b"x = 1\n"})),
    "instructions that look packed": ("model.dat", lambda m: b"BZ\0\0\0" + bytes(90) + _pickle(m, 0)),
    "tuples one by one": ("model.pkl", lambda _: b"\x80\x02}" + b"K\x01)s" * 100_000 + b"0"),
    "torch's older file": ("net.pth", _legacy_torch),
    "zstd": ("model.pkl.zst", lambda _: b"\x28\xb5\x2f\xfd" + bytes(30)),
    "lz4": ("model.pkl.lz4", lambda _: b"\x04\x22\x4d\x18" + bytes(30)),
    "lz4 of joblib": ("model.joblib", lambda _: b"\x04\x22\x4d\x18" + bytes(30)),
    "joblib before 0.10, packed": ("model.pkl", lambda m: b"ZF0x%-17x" % len(_pickle(m))
                                   + zlib.compress(_pickle(m))),
    "packed with no promise": ("model.gz", lambda m: gzip.compress(_pickle(m))),
    "packed twice": ("model.gz", lambda m: gzip.compress(gzip.compress(_pickle(m)))),
    "packed twice under a pickle's name": ("model.pkl.gz", lambda m: gzip.compress(
        bz2.compress(_pickle(m)))),
    "packed lines": ("notes.txt.gz", lambda m: gzip.compress(_pickle(m, 0))),
    "packed in two parts": ("m.xz", lambda m: lzma.compress(b"\x80\x02") + lzma.compress(
        _pickle(m, 2)[2:])),
    "a packed npy file": ("w.npy.gz", lambda m: gzip.compress(_npy(m))),
    "a tar": ("model.tar", _tar),
    "a packed tar": ("model.tar.gz", lambda m: gzip.compress(_tar(m))),
    "compiled code": ("model.so", lambda _: b"\x7fELF\x02\x01\x01" + bytes(200)),
    "compiled Python": ("parts.pyc", lambda _: b"\xa7\r\r\n" + bytes(12) + b"\xe3" + bytes(40)),
    "an HDF5 file of Keras with code": ("net.h5", lambda _: b"\x89HDF\r\n\x1a\n" + bytes(100)
                                        + b'keras_version{"class_name": "Lambda"}'),
    "an HDF5 file of PyTables": ("frame.h5", lambda _: b"\x89HDF\r\n\x1a\n" + bytes(100)
                                 + b"PYTABLES_FORMAT_VERSION keras_version"),
    "Keras with code": ("net.keras", lambda _: zipped({"metadata.json": b"{}", "config.json":
        json.dumps({"layers": [{"class_name": "Lambda", "module": "keras.layers"}]}).encode()})),
    "Keras with a module of its own": ("net.keras", lambda _: zipped({
        "metadata.json": b"{}", "config.json": json.dumps(
            {"module": "os", "class_name": "function", "config": "system"}).encode()})),
    "a bomb of zeros": ("model.pkl", lambda _: bz2.compress(
        b"\x80\x04\x8e" + (2**31).to_bytes(8, "little")) + _zeros() * 16),
    "a bomb with no promise": ("model.dat", lambda _: _zeros() * 16),
    "a bomb of instructions": ("model.pkl", lambda _: gzip.compress(
        b"\x80\x02" + b"N0" * 3_000_000 + b".")),
    "many marks": ("model.pkl", lambda _: b"\x80\x02" + b"(" * 2_100_000 + b"."),
    "the limit of instructions, and more": ("model.sav", lambda m: b"N0" * 1_500_000 + _pickle(m, 0)),
    "a bomb in a zip": ("m.npz", lambda _: zipped({"a.npy": bytes(80 * 2**20)}, zipfile.ZIP_BZIP2)),
    "files of numpy elsewhere": ("model.pkl", lambda _: whole(
        name("joblib.numpy_pickle:NDArrayWrapper") + b")\x81" + pairs(
            filename=text("../../x.npy"), subclass=name("numpy:ndarray"), allow_mmap=b"\x88") + b"b")),
    "files of numpy that are not there": ("model.pkl", lambda _: whole(
        name("joblib.numpy_pickle:NDArrayWrapper") + b")\x81" + pairs(
            filename=text("x.npy"), subclass=name("numpy:ndarray"), allow_mmap=b"\x88") + b"b")),
    "files of numpy by a computed name": ("model.pkl", lambda _: whole(
        name("joblib.numpy_pickle_compat:NDArrayWrapper") + b")\x81" + pairs(
            filename=call("builtins:str", text("x.npy")), subclass=name("numpy:ndarray")) + b"b")),
}  # fmt: skip


def _folder_of_arrays(folder: Path, marker: str) -> Path:
    """A pickle of joblib before 0.10 whose array, in a file of its own, holds objects."""
    wrapper = name("joblib.numpy_pickle:NDArrayWrapper") + b")\x81" + pairs(
        filename=text("a.npy"), subclass=name("numpy:ndarray"), allow_mmap=b"\x88")  # fmt: skip
    (folder / "model.pkl").write_bytes(whole(wrapper + b"b"))
    (folder / "a.npy").write_bytes(_npy(marker))
    return folder


def _folder_with_another_file(folder: Path, marker: str) -> Path:
    """A pickle of joblib before 0.10 whose array is no array but a pickle."""
    _folder_of_arrays(folder, marker)
    (folder / "a.npy").write_bytes(_pickle(marker, 0))
    return folder


def _deep(folder: Path, marker: str) -> Path:
    """A pickle deep in folders, beside an honest one."""
    inner = folder / "a" / "b" / ".hidden"
    inner.mkdir(parents=True)
    (inner / "cache").write_bytes(_pickle(marker, 0))
    (folder / "model.pkl").write_bytes(pickle.dumps({}))
    return folder


def _bombs(folder: Path, _: str) -> Path:
    """Four files that unpack to much, with a budget in common."""
    for number in range(4):
        head = b"\x80\x04\x8e" + (48 * 2**20).to_bytes(8, "little")
        content = bz2.compress(head) + _zeros() * 3 + bz2.compress(b".")
        (folder / f"{number}.pkl").write_bytes(content)
    return folder


def cases() -> Iterator[tuple[str, str, Callable[[Path, str], Path]]]:
    """Yield the name, the attempt and the writer of each case."""

    def write(folder: Path, marker: str, *, file: str, content: Callable[[str], bytes]) -> Path:
        path = folder / file
        path.write_bytes(content(marker))
        return path

    for title, (file, content) in FILES.items():
        yield (
            title,
            f"to be loaded without being looked into: {title}",
            partial(write, file=file, content=content),
        )
    for title, writer in {
        "a folder of arrays": _folder_of_arrays,
        "a folder with a pickle as an array": _folder_with_another_file,
        "a pickle deep in a folder": _deep,
        "a folder of bombs": _bombs,
    }.items():
        yield title, writer.__doc__ or title, writer
