"""
What an OAuth provider's answer must look like before anybody uses it, and no more of it than is used.

MSAL takes an answer for what it should be, and fails in many ways, or not at all, where a field is of another type.
Sources: RFC 6749 §5.1, §5.2 (token endpoint), RFC 8628 §3.2 (device authorisation), OpenID Connect Core §2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import fresh_token
from offlineimap_m365.provider import id_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Seconds that are no mistake: from 1, or 0 for the pause between two polls, to ten years (a device code: a day).
_LONGEST_LIFE, _LONGEST_CODE, _LONGEST_PAUSE = 315_360_000, 86_400, 300
#: Characters of what a provider says that are kept: its words, the claims that it asks for, any other field.
_MOST_WORDS, _MOST_CLAIMS, _MOST_TEXT = 4_000, 16_384, 200
#: What an error is called: RFC 6749 §5.2 allows these characters, and names are short.
_ERROR = re.compile(r"[ !#-\[\]-~]{1,100}")
_ADDRESS = re.compile(r"https?://[!-~]{1,2000}")
_USER_CODE = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")
#: Fields of a request whose values are secrets; a provider may repeat them in its words.
_SECRET = ("refresh_token", "code", "code_verifier", "device_code", "client_secret", "client_assertion", "password")
_SHORTEST_SECRET = 8


def read(body: Mapping[str, Any], asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return of an answer the fields that are used: those of an error, of tokens, or of a device code.

    From an error the secrets of the request *asked* are taken away. Raises ValueError with the name of a field that
    is missing or not what it should be.
    """
    if "error" in body:
        return _error(body, [str(asked[name]) for name in _SECRET if asked and asked.get(name)])
    checks = _CODE if "user_code" in body or "device_code" in body else _TOKENS
    wrong = [name for name in checks if (name in body or name in _NEEDED) and not checks[name](body.get(name))]
    if wrong:
        raise ValueError(wrong[0])
    return {name: int(body[name]) if name in _NUMBERS else body[name] for name in checks if name in body}


def _error(body: Mapping[str, Any], secrets: list[str]) -> dict[str, Any]:
    """Return an error answer: its name must be one; of the rest is kept what could be true."""
    if not (isinstance(body["error"], str) and _ERROR.fullmatch(body["error"])):
        raise ValueError("error")
    longest = {"error_description": _MOST_WORDS, "claims": _MOST_CLAIMS}
    found: dict[str, Any] = {}
    for name, value in body.items():
        if isinstance(value, str) and (name in longest or len(value) <= _MOST_TEXT):
            text = value[: longest.get(name)]
            for secret in secrets:
                text = text.replace(secret, "\u2026") if len(secret) >= _SHORTEST_SECRET else text
            found[name] = text
        elif name == "error_codes" and isinstance(value, list):
            found[name] = [code for code in value[:20] if isinstance(code, int) and 0 <= code < 10**9]
    return found


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _seconds(least: int, most: int) -> Callable[[Any], bool]:
    """Return a check for a number of seconds; some providers send it as text."""

    def is_right(value: Any) -> bool:
        if isinstance(value, str) and len(value) <= len(str(most)) and value.isascii() and value.isdigit():
            value = int(value)
        return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most

    return is_right


def _is_id_token(value: Any) -> bool:
    """Can the ID token be read: three parts, the middle one claims with a subject?"""
    claims = (id_token.claims_of(value) if isinstance(value, str) else None) or {}
    return isinstance(claims.get("sub"), str) and claims["sub"] != ""


def _is_client_info(value: Any) -> bool:
    """Is it Entra's ids of person and tenant, which MSAL puts into a header of each request?"""
    ids = id_token.decoded(value) if isinstance(value, str) else None
    return ids is not None and all(fresh_token.is_secret(ids[part]) for part in ("uid", "utid") if part in ids)


_NEEDED = ("access_token", "device_code", "user_code", "verification_uri")
_NUMBERS = ("expires_in", "interval")
_TOKENS: dict[str, Callable[[Any], bool]] = {
    "access_token": fresh_token.is_secret,
    "refresh_token": fresh_token.is_secret,
    "token_type": _matches(re.compile("bearer", re.IGNORECASE)),  # no other can be used for mail (RFC 6749 §7.1)
    "scope": lambda value: isinstance(value, str) and value.isascii(),
    "expires_in": _seconds(1, _LONGEST_LIFE),
    "id_token": _is_id_token,
    "client_info": _is_client_info,
}
_CODE: dict[str, Callable[[Any], bool]] = {
    "device_code": fresh_token.is_secret,
    "user_code": _matches(_USER_CODE),
    "verification_uri": _matches(_ADDRESS),
    "expires_in": _seconds(1, _LONGEST_CODE),
    "interval": _seconds(0, _LONGEST_PAUSE),
}
