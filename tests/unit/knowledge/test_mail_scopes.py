"""Microsoft's permissions for mail by protocol."""

from __future__ import annotations

import pytest

from offlineimap_m365.knowledge import mail_scopes

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once


def test_a_scope_is_for_one_protocol() -> None:
    """The end of the name decides, in any spelling; other permissions are not for mail."""
    protocols = {
        "https://outlook.office.com/IMAP.AccessAsUser.All": "imap",
        "smtp.send": "smtp",
        "SMTP.SendAsApp": "smtp",
        "POP.AccessAsApp": "pop",
        "https://outlook.office365.com/.default": None,
        "https://x/SMTP.Sender": None,
    }

    assert {scope: mail_scopes.protocol(scope) for scope in protocols} == protocols
