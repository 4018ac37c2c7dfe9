"""The key vault of an offline workspace."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.azure


def test_secrets_are_kept_and_removed(offline, ws):
    """One, and several; names count in any case, and what is not there is None or an error."""
    vault = ws.get_default_keyvault()
    vault.set_secret("Password", "s3cret")
    vault.set_secrets({"other": "x", "third": "y"})
    assert vault.get_secret("password") == "s3cret"
    assert vault.get_secrets(["other", "none"]) == {"other": "x", "none": None}
    vault.delete_secrets(["other", "third"])
    assert [each["name"] for each in vault.list_secrets()] == ["Password"]
    with pytest.raises(Exception, match="A secret with the name other was not found") as caught:
        vault.get_secret("other")
    assert "s3cret" not in str(caught.value)
    with pytest.raises(Exception, match="1 to 127 letters, digits and dashes, not 'a_b'"):
        vault.set_secret("a_b", "s3cret")


def test_a_secret_lies_where_only_its_owner_can_read_it(offline, ws):
    """In one file, of mode 600, and nowhere else in the folder."""
    ws.get_default_keyvault().set_secret("password", "correct horse")
    files = [path for path in offline.folder.rglob("*") if path.is_file()]
    found = [path for path in files if b"correct horse" in path.read_bytes()]
    assert [path.stat().st_mode & 0o777 for path in found] == [0o600]
