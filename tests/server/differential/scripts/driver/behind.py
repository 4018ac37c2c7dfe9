"""The script behind a driver module."""

READY = []


def init():
    """Remember it."""
    READY.append(True)


def run(value):
    """Answer what came."""
    return {"behind": value, "ready": READY}
