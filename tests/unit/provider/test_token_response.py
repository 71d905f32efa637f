"""What an answer of a provider must look like, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from offlineimap_m365.provider import token_response

TOKENS = {"access_token": "a" * 40, "token_type": "Bearer", "expires_in": 3600}
CODE = {
    "device_code": "d" * 40,
    "user_code": "ABCD-1234",
    "verification_uri": "https://example.org/d",
    "expires_in": 900,
}
ERROR = {"error": "invalid_grant", "error_description": "AADSTS50173: expired"}


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        ("access_token", ["a", "a" * 16384], [None, "", 1, "a\n", "\u00e9"]),
        ("refresh_token", ["r"], ["", 1, "r\u00e9"]),
        ("token_type", ["bearer", "BEARER"], ["mac", 1, None]),
        ("scope", ["", "openid offline_access"], [1, "caf\u00e9"]),
        ("expires_in", [1, "3600", 3599.5, 315_360_000], [0, -1, "", "1e3", True, None, 315_360_001, "9" * 30]),
        ("id_token", ["e30.eyJzdWIiOiJ4In0.x"], ["e30.e30.x", "e30.eyJzdWIiOiIifQ.x", "e30.eyJzdWIiOiJ4In0", 1]),
        ("client_info", ["eyJ1aWQiOiJ4In0", "e30"], ["x", 1, "eyJ1aWQiOiIifQ", "W10"]),
    ],
)
def test_each_field_of_tokens(field: str, right: list[object], wrong: list[object]) -> None:
    """What it may be is used as it is; anything else is refused by the field's name."""
    for value in right:
        used = token_response.read(TOKENS | {field: value, "unknown": 1})
        assert float(used[field]) == int(float(value)) if field == "expires_in" else used[field] == value  # type: ignore[arg-type]
        assert "unknown" not in used
    for value in wrong:
        with pytest.raises(ValueError, match=f"^{field}$"):
            token_response.read(TOKENS | {field: value})


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        ("device_code", ["d"], [None, ""]),
        ("user_code", ["A", "A B", "A" * 64], [None, "", " A", "A ", "A\n", "A" * 65]),
        (
            "verification_uri",
            ["http://x/", "https://example.org/d?x=1"],
            [None, "ftp://x/", "https://x y/", "javascript:1"],
        ),
        ("expires_in", [1, 86_400], [0, 86_401]),
        ("interval", [0, "5", 300], [-1, 301]),
    ],
)
def test_each_field_of_a_device_code(field: str, right: list[object], wrong: list[object]) -> None:
    """The same for a device code; one of the two codes alone is an answer that lacks the other."""
    for value in right:
        token_response.read(CODE | {field: value})
    for value in wrong:
        with pytest.raises(ValueError, match=f"^{field}$"):
            token_response.read(CODE | {field: value})
    for code in ("device_code", "user_code"):
        with pytest.raises(ValueError, match=r"^(device|user)_code$"):
            token_response.read({name: value for name, value in CODE.items() if name != code})


def test_of_an_error_only_what_can_be_true_is_used() -> None:
    """Texts of a sane length, numbers of codes; the secrets of the request are taken out of every text."""
    codes: list[Any] = [50173, 999_999_999, 1_000_000_000, -1, "1", *range(30)]
    texts = {"claims": "c" * 20_000, "suberror": "s" * 201, "trace_id": "t" * 200}
    words = "bad: secret-of-8 secret7" + "x" * 5_000

    used = token_response.read(
        ERROR | texts | {"error_codes": codes, "n": 1, "error_description": words},
        {"refresh_token": "secret-of-8", "code": "secret7", "scope": "bad: xxxx"},
    )

    assert used["error_codes"] == [50173, 999_999_999, *range(15)]
    assert (len(used["claims"]), used["trace_id"]) == (16_384, "t" * 200)
    assert "suberror" not in used
    assert "n" not in used
    assert used["error_description"].startswith("bad: \u2026 secret7xxx")
    assert len(used["error_description"]) <= 4_000


@pytest.mark.parametrize("error", ["", "x" * 101, "a\nb", 'a"b', 1, None, ["invalid_grant"]])
def test_the_name_of_an_error_is_one(error: object) -> None:
    """RFC 6749 allows few characters in it; anything else is no answer."""
    with pytest.raises(ValueError, match=r"^error$"):
        token_response.read(ERROR | {"error": error})
