"""What a JWT says, and which permissions an answer grants."""

from __future__ import annotations

import pytest

from offlineimap_m365.provider.id_token import claims_of, decoded, granted

ASKED = ("https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send")


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (" ".join(ASKED), ASKED),
        ("https://outlook.office365.com/imap.accessasuser.all openid", ASKED[:1]),
        (f"profile {ASKED[1]} offline_access", ASKED[1:]),
        ("https://outlook.office.com/.default", None),
        ("", None),
        (None, None),
        (["x"], None),
    ],
)
def test_what_was_granted_is_told_by_the_answer(told: object, kept: tuple[str, ...] | None) -> None:
    """By the ends of the names, whatever host they have; words that name none of them tell nothing."""
    assert granted(ASKED, told) == kept


@pytest.mark.parametrize(
    ("token", "claims"),
    [
        ("x.eyJzdWIiOiAiYWxpY2UifQ.y", {"sub": "alice"}),
        ("x.eyJzdWIiOiAiYWxpY2UifQ==.y", {"sub": "alice"}),
        ("x.eyJhIjogIj8_PyJ9.y", {"a": "???"}),
        ("eyJzdWIiOiAiYWxpY2UifQ", None),
        ("x.W10.y", None),
        ("x.e.y", None),
        ("x..y", None),
        ("opaque", None),
    ],
)
def test_the_claims_of_a_jwt(token: str, claims: dict[str, str] | None) -> None:
    """Three parts, of which the second is a JSON object in base64 for addresses; everything else has no claims."""
    assert claims_of(token) == claims


def test_what_is_nested_too_deeply_is_no_object() -> None:
    """JSON that Python cannot read is nothing, and no error."""
    assert decoded("W" * 400_000) is None
