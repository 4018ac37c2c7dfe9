"""What the authors of plug-ins import is one module, and what stands in the documents works."""

from __future__ import annotations

from modelship import plugin


def test_all_that_plugin_holds_is_promised():
    """modelship.plugin holds the names of its __all__ and no other, and each says what it is."""
    names = {name for name in vars(plugin) if name.isidentifier() and not name.startswith("_")}
    assert names == set(plugin.__all__)
    assert plugin.__all__ == sorted(plugin.__all__)
    assert [name for name in names if not getattr(plugin, name).__doc__] == []
