"""What somebody learns after a sign-in that worked."""

from __future__ import annotations

import pytest

from offlineimap_m365.folders.learned import PERSONAL_TENANT
from offlineimap_m365.signin.login_session import lines_after
from tests.signed_in_accounts import ALICE, describe_invented
from tests.unit.knowledge.test_next_step import IMAP, LOGIN, SMTP


@pytest.mark.parametrize(("scopes", "program"), [((IMAP, SMTP), None), ((SMTP,), "OfflineIMAP"), ((IMAP,), "msmtp")])
def test_a_permission_that_was_not_granted_is_told(scopes: tuple[str, ...], program: str | None) -> None:
    """Which program will not work, and how to get it; a work account with all permissions hears nothing."""
    said = "\n".join(lines_after(describe_invented(scopes=scopes), (IMAP, SMTP)))

    if program:
        assert program in said
        assert f"offlineimap-m365 consent {ALICE}" in said
    assert said.endswith(LOGIN if program else "")
    assert bool(said) == bool(program)


def test_a_personal_account_learns_where_imap_is() -> None:
    """IMAP is off by default: where it is switched on, in words and as an address; no word of tenants or approval."""
    said = "\n".join(lines_after(describe_invented(tenant=PERSONAL_TENANT, scopes=(IMAP,)), (IMAP, SMTP)))

    assert "https://outlook.live.com/mail/0/options/mail/popImap" in said
    assert "Forwarding and IMAP" in said
    assert "tenant" not in said.lower()
    assert "consent" not in said


def test_a_guest_is_told_to_go_home() -> None:
    """Guests have no mailbox in the inviting organisation; the command that signs in at home."""
    for at_home, option in (("home.example.org", "home.example.org"), ("", "TENANT")):
        said = lines_after(describe_invented(home_tenant=at_home), (IMAP, SMTP))

        assert "guest" in said[0]
        assert said[1].endswith(f"{LOGIN} --tenant {option}")
