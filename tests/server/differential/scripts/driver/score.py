"""A driver module: its own init(), and the run() of the script behind it."""

import behind as driver_module


def init():
    """Prepare the script behind."""
    driver_module.init()


def run(raw_data):
    """Answer wrongly: this one is never called."""
    return "the driver's"
