"""An undecorated run() that also takes the headers."""


def init():
    """Do nothing."""


def run(request_headers, raw_data):
    """Answer both."""
    if raw_data == "raise":
        raise ValueError(raw_data)
    return {"data": raw_data, "headers": sorted(request_headers.items())}
