"""``python -m modelship.cli`` is the same as ``modelship``."""

from modelship.cli import main

__all__: list[str] = []

main()
