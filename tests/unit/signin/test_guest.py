"""Where a guest is at home, by the claims of the ID token."""

from __future__ import annotations

from typing import Any

import pytest

from offlineimap_m365.signin.guest import home_of_guest

PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
HERE, ELSEWHERE = "aaaabbbb-0000-cccc-1111-dddd2222eeee", "ffffaaaa-0000-cccc-1111-dddd2222eeee"


@pytest.mark.parametrize(
    ("claims", "at_home"),
    [
        ({"idp": f"https://sts.windows.net/{ELSEWHERE}/"}, ELSEWHERE),
        ({"idp": f"https://login.microsoftonline.com/{ELSEWHERE}/v2.0"}, ELSEWHERE),
        ({"idp": f"https://sts.windows.net/{PERSONAL}/"}, "consumers"),
        ({"idp": "live.com"}, "consumers"),
        ({"idp": "mail"}, ""),
        ({"upn": "alice_home.example.org#EXT#@inviter.example.com"}, "home.example.org"),
        ({"preferred_username": "a_b_home.example.org#EXT#@inviter.example.com"}, "home.example.org"),
        ({"acct": 1}, ""),
    ],
)
def test_a_guest_is_at_home_elsewhere(claims: dict[str, Any], at_home: str) -> None:
    """Told by the identity provider, by a name with #EXT# in it, or by the kind of account alone."""
    assert home_of_guest({"tid": HERE, **claims}, PERSONAL) == at_home


@pytest.mark.parametrize(
    "claims",
    [
        {"tid": HERE},
        {"tid": HERE, "idp": f"https://sts.windows.net/{HERE}/"},
        {"tid": HERE, "idp": "https://adfs.example.org/adfs/services/trust"},
        {"tid": HERE, "idp": 5, "acct": 0, "upn": None},
        {"tid": PERSONAL, "idp": "live.com"},
        {"idp": "live.com"},
        {"tid": HERE, "upn": "ext@example.org"},
    ],
)
def test_all_others_are_no_guests(claims: dict[str, Any]) -> None:
    """Members, whoever proves who they are; personal accounts; other providers."""
    assert home_of_guest(claims, PERSONAL) is None
