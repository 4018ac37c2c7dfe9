"""``python -m modelship.cli`` is the same as ``modelship``."""

from modelship.cli.app import main

__all__: list[str] = []

main()
