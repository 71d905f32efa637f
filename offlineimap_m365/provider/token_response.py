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

#: Lives in seconds that are no mistake: ten years for a token, a day for a device code; the longest pause of a poll.
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
    shape = _DEVICE if "user_code" in body or "device_code" in body else _TOKENS
    missing = [name for name, (is_needed, _) in shape.items() if is_needed and name not in body]
    if missing:
        raise ValueError(missing[0])
    return {name: check(name, body[name]) for name, (_, check) in shape.items() if name in body}


def _error(body: Mapping[str, Any], secrets: list[str]) -> dict[str, Any]:
    """Return an error answer: its name must be one; of the rest is kept what could be true."""
    if not (isinstance(body["error"], str) and _ERROR.fullmatch(body["error"])):
        raise ValueError("error")
    longest = {"error_description": _MOST_WORDS, "claims": _MOST_CLAIMS}
    found: dict[str, Any] = {}
    for name, value in body.items():
        if isinstance(value, str):
            text = value[: longest.get(name, _MOST_TEXT)]
            if text == value or name in longest:
                found[name] = _without(secrets, text)
        elif name == "error_codes" and isinstance(value, list):
            found[name] = [code for code in value[:20] if isinstance(code, int) and 0 <= code < 10**9]
    return found


def _without(secrets: list[str], text: str) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "\u2026")
    return text


def _text(matches: Callable[[str], object]) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        if not (isinstance(value, str) and matches(value)):
            raise ValueError(name)
        return value

    return check


def _seconds(least: int, most: int) -> Callable[[str, object], int]:
    """Return a check for a number of seconds; some providers send it as text."""

    def check(name: str, value: object) -> int:
        if isinstance(value, str) and len(value) <= len(str(most)) and value.isascii() and value.isdigit():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise ValueError(name)
        return int(value)

    return check


def _id_token(name: str, value: object) -> str:
    """Check that an ID token can be read: three parts, the middle one claims with a subject."""
    claims = (id_token.claims_of(value) if isinstance(value, str) else None) or {}
    if not (isinstance(claims.get("sub"), str) and claims["sub"]):
        raise ValueError(name)
    return str(value)


def _client_info(name: str, value: object) -> str:
    """Check Entra's ids of person and tenant, which MSAL puts into a header of each request."""
    ids = id_token.decoded(value) if isinstance(value, str) else None
    if ids is None or not all(
        fresh_token.is_secret(ids[part]) and len(ids[part]) <= _MOST_TEXT for part in ("uid", "utid") if part in ids
    ):
        raise ValueError(name)
    return str(value)


def _is_bearer(text: str) -> bool:
    """Is it the type of the tokens that IMAP and SMTP take? Its case does not count (RFC 6749 §5.1)."""
    return text.lower() == "bearer"


_secret = _text(fresh_token.is_secret)
_life = _seconds(1, _LONGEST_LIFE)
#: Per field whether an answer needs it, and what returns its value or raises ValueError.
_TOKENS: dict[str, tuple[bool, Callable[[str, object], Any]]] = {
    "access_token": (True, _secret),
    "refresh_token": (False, _secret),
    "token_type": (False, _text(_is_bearer)),  # any other could not be used for mail (RFC 6749 §7.1)
    "scope": (False, _text(str.isascii)),
    "expires_in": (False, _life),
    "ext_expires_in": (False, _life),
    "refresh_in": (False, _life),
    "id_token": (False, _id_token),
    "client_info": (False, _client_info),
}
_DEVICE: dict[str, tuple[bool, Callable[[str, object], Any]]] = {
    "device_code": (True, _secret),
    "user_code": (True, _text(_USER_CODE.fullmatch)),
    "verification_uri": (True, _text(_ADDRESS.fullmatch)),
    "expires_in": (False, _seconds(1, _LONGEST_CODE)),
    "interval": (False, _seconds(0, _LONGEST_PAUSE)),
}
