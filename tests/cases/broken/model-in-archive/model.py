import io
import pickle
import tarfile

from cases.models import WEIGHTS


def write(folder):
    content = pickle.dumps(WEIGHTS, protocol=4)
    entry = tarfile.TarInfo("weights.pkl")
    entry.size = len(content)
    with tarfile.open(folder / "model.tar", "w") as archive:
        archive.addfile(entry, io.BytesIO(content))
