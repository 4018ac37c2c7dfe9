import base64

# Made here, so that no file of this repository looks as if it held a secret.
KEY = base64.b64encode(bytes(64)).decode()


def write(folder):
    text = f'ACCOUNT = "DefaultEndpointsProtocol=https;AccountName=models;AccountKey={KEY}"\n'
    (folder / "storage.py").write_text("\n" + text)
