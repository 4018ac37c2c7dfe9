"""Wheels of a few lines, made on the spot, and the password to the index that has them."""

import hashlib
import zipfile

USER, PASSWORD = "harbor-master", "s3cret-passphrase"


def make_wheel(folder, name="tinywheel", version="1.0", *, tag="py3-none-any", needs=()):
    """Write a wheel of one module and one script into `folder`, and return its path."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n\n\ndef main():\n    print(VERSION)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            # A fixed time, so that the same wheel always has the same digest.
            archive.writestr(zipfile.ZipInfo(path), text)
    return wheel


def locked(wheel, name="tinywheel", version="1.0"):
    """Return the text of a lock that holds one wheel."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n"
