"""What an answer of a provider must look like, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from offlineimap_m365.provider import token_response

TOKENS = {"access_token": "a" * 40, "token_type": "Bearer", "expires_in": 3600}
CODE = {"device_code": "d" * 40, "user_code": "ABCD-1234", "verification_uri": "https://x.org/d", "expires_in": 900}
ERROR = {"error": "invalid_grant", "error_description": "AADSTS50173: expired"}
#: An answer, a field of it, what that may be, and what it may not be.
FIELDS: list[tuple[dict[str, Any], str, list[object], list[object]]] = [
    (TOKENS, "access_token", ["a", "a" * 16384], [None, "", 1, "a\n", "\u00e9"]),
    (TOKENS, "refresh_token", ["r"], ["", 1, "r\u00e9"]),
    (TOKENS, "token_type", ["bearer", "BEARER"], ["mac", 1, None]),
    (TOKENS, "scope", ["", "openid offline_access"], [1, "caf\u00e9"]),
    (TOKENS, "expires_in", [1, "3600", 3599.5, "315360000"], [0, -1, "", "1e3", True, None, 315_360_001, "9" * 30]),
    (TOKENS, "id_token", ["e30.eyJzdWIiOiJ4In0.x"], ["e30.e30.x", "e30.eyJzdWIiOiIifQ.x", "e30.eyJzdWIiOiJ4In0", 1]),
    (TOKENS, "client_info", ["eyJ1aWQiOiJ4In0", "e30"], ["x", 1, "eyJ1aWQiOiIifQ", "W10"]),
    (CODE, "device_code", ["d"], [None, ""]),
    (CODE, "user_code", ["A", "A B", "A" * 64], [None, "", " A", "A ", "A\n", "A" * 65]),
    (CODE, "verification_uri", ["http://x/", "https://x.org/d?x=1"], [None, "ftp://x/", "https://x y/", "data:1"]),
    (CODE, "expires_in", [1, 86_400], [0, 86_401]),
    (CODE, "interval", [0, "5", 300], [-1, 301]),
]


def test_each_field(subtests: pytest.Subtests) -> None:
    """What it may be is used as it is, a number as a whole one; anything else is refused by the field's name."""
    for answer, field, right, wrong in FIELDS:
        for value in right:
            with subtests.test(field=field, right=value):
                used = token_response.read(answer | {field: value, "unknown": 1})
                is_number = field in {"expires_in", "interval"}
                assert used[field] == (int(float(str(value))) if is_number else value)
                assert "unknown" not in used
        for value in wrong:
            with subtests.test(field=field, wrong=value), pytest.raises(ValueError, match=f"^{field}$"):
                token_response.read(answer | {field: value})


def test_a_field_that_is_missing() -> None:
    """The type of a token need not be said; one of the two codes alone is an answer that lacks the other."""
    untyped = {"access_token": "a", "expires_in": 3600}

    assert token_response.read(untyped) == untyped
    for name in ("device_code", "user_code"):
        rest = {field: value for field, value in CODE.items() if field != name}
        with pytest.raises(ValueError, match=rf"^{name}$"):
            token_response.read(rest | {"expires_in": 0})  # the first that is wrong is named


def test_of_an_error_only_what_can_be_true_is_used() -> None:
    """Texts of a sane length, numbers of codes; the secrets of the request are taken out of every text."""
    codes: list[Any] = [50173, 999_999_999, 1_000_000_000, -1, "1", *range(30)]
    texts = {"claims": "c" * 20_000, "suberror": "s" * 201, "trace_id": "t" * 200}
    words = "bad: secret-of-8 secret7" + "x" * 5_000

    used = token_response.read(
        ERROR | texts | {"error_codes": codes, "n": [1], "error_description": words},
        {"refresh_token": "secret-of-8", "code": "secret7", "scope": "bad: xxxx"},
    )

    assert used["error_codes"] == [50173, 999_999_999, *range(15)]
    assert (len(used["claims"]), used["trace_id"]) == (16_384, "t" * 200)
    assert not {"suberror", "n"} & set(used)
    assert used["error_description"].startswith("bad: \u2026 secret7xxx")
    assert len(used["error_description"]) <= 4_000


@pytest.mark.parametrize("error", ["", "x" * 101, "a\nb", 'a"b', 1, None, ["invalid_grant"]])
def test_the_name_of_an_error_is_one(error: object) -> None:
    """RFC 6749 allows few characters in it; anything else is no answer."""
    with pytest.raises(ValueError, match=r"^error$"):
        token_response.read(ERROR | {"error": error})
