"""
Reads what was pasted: the address of the last page with Microsoft's answer, the text of an error page, or neither.

No message repeats any of the pasted text: it may hold the code, or somebody else may have written it.
"""

from __future__ import annotations

import hmac
import re
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from offlineimap_m365.base.errors import M365Error, SignInNeeded
from offlineimap_m365.knowledge.error_text import find_codes, find_named, find_reference
from offlineimap_m365.knowledge.explain import Situation, error_for, explain, to_error

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Quotes and brackets that mail programs, chats and shells put around an address.
_WRAPPING = "\"'`<>()[]{}\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb,;"
#: White space, and the invisible characters that break long words on web pages.
_BREAKS = re.compile(r"[\s\u00ad\u200b-\u200d\u2060\ufeff]+")
_ADDRESS = re.compile(r"https?://|localhost[:/?#]|127\.0\.0\.1[:/?#]|\[?::1\]", re.IGNORECASE)
_BARE_QUERY = re.compile(r"[?#]?(?:code|error|state|session_state|client_info)=")
#: Codes are over 700 characters; nothing that a person types is 40 without a space.
_BARE_CODE = re.compile(r"[\w.~+/=%*!$-]{40,}")
#: What an error is called (RFC 6749 §4.1.2.1); anything else is not repeated.
_ERROR_NAME = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True)
class WrongPaste:
    """What was pasted is no answer: *fact* says what it is instead, without a full stop."""

    fact: str


_NOT_LAST = WrongPaste("This is not the address of the last page")


def read_answer(text: str, state: str, situation: Situation) -> dict[str, str] | WrongPaste:
    """
    Return the parameters of the last page's address in *text*, ``code`` among them, or what the text is instead.

    *state* is that of this sign-in; an empty one, as of a sign-in with a device code, fits no address. White space
    and line breaks anywhere, quotes or brackets around it, ``&amp;`` and a fragment instead of a query do not matter.
    Raises SignInNeeded for a refusal: an address with ``error`` in it, or the text of an error page.
    """
    joined = _BREAKS.sub("", text).strip(_WRAPPING)
    if not joined:
        return WrongPaste("Nothing was pasted")
    if _ADDRESS.match(joined) or (_BARE_QUERY.match(joined) and "state=" in joined):
        return _read_address(joined, state, situation)
    explanation = explain(text, situation)
    if explanation is not None:
        fact = f"Microsoft's page refused to sign in {situation.account or 'this account'}"
        error = to_error(explanation, fact, situation, SignInNeeded)
        error.named = find_named(text)
        raise error
    longest = max(map(len, text.split()))
    is_code = _BARE_CODE.fullmatch(joined) and longest * 3 > len(joined)
    if is_code or joined.startswith("code="):
        return WrongPaste("This is only the code; the whole address is needed")
    return _NOT_LAST


def refusal(parameters: Mapping[str, str], situation: Situation) -> M365Error:
    """
    Return why Microsoft sent the browser back with an ``error`` (RFC 6749 §4.1.2.1), in its own class.

    Its description came in an address that anybody can write, so it is explained and never shown.
    """
    name, description = parameters.get("error", ""), parameters.get("error_description", "")
    reference = find_reference(description)
    answer = {
        "error": name if _ERROR_NAME.fullmatch(name) else "error",
        "error_codes": find_codes(description),
        "suberror": parameters.get("error_subcode", ""),
        "claims": parameters.get("claims", ""),
        "correlation_id": reference.correlation_id,
        "timestamp": reference.time,
    }
    error = error_for(answer, situation)
    error.named = find_named(description)
    return error


def _read_address(joined: str, state: str, situation: Situation) -> dict[str, str] | WrongPaste:
    """Return the parameters of an address, or of its query string alone, after all checks."""
    query = re.sub("^[^?#]*[?#]", "", joined.replace("&amp;", "&")).replace("#", "&")
    if "redirect_uri=" in query:
        return WrongPaste("This is the first address, not the last")
    try:
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, max_num_fields=64)
    except ValueError:
        return _NOT_LAST
    parameters = dict(pairs)
    if len(parameters) != len(pairs) or not ("code" in parameters or "error" in parameters):
        return _NOT_LAST
    if "state" not in parameters:
        return WrongPaste("The address is not complete")
    if not state or not hmac.compare_digest(parameters["state"].encode(), state.encode()):
        return WrongPaste("This is an address from an earlier sign-in")
    if "error" in parameters:  # a sign-in by hand always ends with 77 (contract §3)
        fact = f"Microsoft refused to sign in {situation.account or 'this account'}"
        raise refusal(parameters, situation).replaced(SignInNeeded, fact=fact)
    return parameters
