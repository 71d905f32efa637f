"""
What was pasted, read: the final address with Microsoft's answer in it, or why it is none.

Nothing of the pasted text is ever repeated in a message: it may hold the code, or come from a stranger.
"""

from __future__ import annotations

import hmac
import re
import urllib.parse
from typing import TYPE_CHECKING

from offlineimap_m365.base.errors import M365Error, SignInNeeded
from offlineimap_m365.knowledge.error_text import find_codes, find_named, find_reference
from offlineimap_m365.knowledge.explain import Situation, error_for, explain

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Quotes and brackets that mail programs, chats and shells put round an address.
_WRAPPING = "\"'`<>()[]{}\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb,;"
#: White space, and the invisible characters that break long words on web pages.
_BREAKS = re.compile(r"[\s\u00ad\u200b-\u200d\u2060\ufeff]+")
_ADDRESS = re.compile(r"https?://|localhost[:/?#]|127\.0\.0\.1[:/?#]|\[?::1\]", re.IGNORECASE)
_BARE_QUERY = re.compile(r"[?#]?(?:code|error|state|session_state|client_info)=")
#: Codes are over 700 characters; nothing that a person types is 40 without a space.
_BARE_CODE = re.compile(r"[\w.~+/=%*!$-]{40,}")
#: What an error is called (RFC 6749 §4.1.2.1); anything else is not repeated.
_ERROR_NAME = re.compile(r"[a-z_]{1,40}")
#: Hosts where people sign in (facts of clouds.json, and the hosts of personal accounts).
_MICROSOFT = re.compile(
    r"^(?:login\.microsoftonline\.(?:com|us)|login\.partner\.microsoftonline\.cn|login\.chinacloudapi\.cn"
    r"|login\.(?:live|microsoft|windows)\.(?:com|net)|account\.live\.com)$"
)


def read_answer(text: str, state: str, situation: Situation) -> dict[str, str]:
    """
    Return the parameters of the final address in *text*, ``code`` among them.

    *state* is that of this sign-in; an empty one, as of a sign-in with a device code, fits no address.
    White space and line breaks anywhere, quotes or brackets round it, ``&amp;`` and a fragment instead of a
    query do not matter.

    Raises:
        SignInNeeded: it is something else, or the text of an error page; the message says what.

    """
    joined = _BREAKS.sub("", text).strip(_WRAPPING)
    if not joined:
        raise _not_it("Nothing was pasted", situation)
    if _ADDRESS.match(joined):
        return _read_query(_query_of(joined, situation), state, situation)
    if _BARE_QUERY.match(joined) and "state=" in joined:
        return _read_query(joined.lstrip("?#"), state, situation)
    raise _page(text, situation) or _other(text, joined, situation)


def refusal(parameters: Mapping[str, str], situation: Situation) -> M365Error:
    """
    Return why Microsoft sent the browser back with an ``error`` (RFC 6749 §4.1.2.1), in its own class.

    Its description came through an address, so it is explained and never shown.
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


def _query_of(joined: str, situation: Situation) -> str:
    """Return the parameters in the address *joined*, as one query string."""
    try:
        parts = urllib.parse.urlsplit(joined if "://" in joined[:8] else f"http://{joined}")
        host = parts.hostname or ""
    except ValueError:  # brackets that hold no IPv6 address
        raise _not_last(situation) from None
    if _MICROSOFT.match(host) or parts.path.endswith("/authorize"):
        if "redirect_uri=" in parts.query:
            raise _not_it("This is the first address, not the last", situation)
        raise _not_it("This is an address of Microsoft's pages, not the last one", situation)
    return "&".join(part for part in (parts.query, parts.fragment) if part)


def _read_query(query: str, state: str, situation: Situation) -> dict[str, str]:
    """Return the parameters in a *query* string after all checks."""
    try:
        pairs = urllib.parse.parse_qsl(query.replace("&amp;", "&"), keep_blank_values=True, max_num_fields=64)
    except ValueError:
        raise _not_last(situation) from None
    found = dict(pairs)
    if len(found) != len(pairs) or not ("code" in found or "error" in found):
        raise _not_last(situation)
    if "state" not in found:
        raise _not_it("The address is not complete", situation)
    if not state or not hmac.compare_digest(found["state"].encode(), state.encode()):
        raise _not_it("This is an address from an earlier sign-in", situation)
    if "error" in found:
        raise _for_person(refusal(found, situation), situation)
    return found


def _page(text: str, situation: Situation) -> SignInNeeded | None:
    """Return what the text of an error page means, None if it is no such page."""
    known = explain(text, situation)
    codes = find_codes(text)
    if known is None and not codes:
        return None
    reference = find_reference(text)
    error = SignInNeeded(
        f"Microsoft's page refused to sign in {situation.account or 'this account'}",
        account=situation.account,
        code=known.code if known else f"AADSTS{codes[0]}",
        meaning=known.meaning if known else "This release does not know the code",
        remedy=known.remedy if known else f"See https://login.microsoftonline.com/error?code={codes[0]}",
        correlation_id=reference.correlation_id,
        time=reference.time,
    )
    error.named = find_named(text)
    if known:
        error.place, error.prompt = known.place, known.prompt
    return error


def _for_person(error: M365Error, situation: Situation) -> M365Error:
    """Return *error* as the end of a sign-in by hand, whose exit code is always 77 (contract §3)."""
    return error.replaced(SignInNeeded, fact=f"Microsoft refused to sign in {situation.account or 'this account'}")


def _other(text: str, joined: str, situation: Situation) -> SignInNeeded:
    """Return the error about *text* that is neither an address nor a page."""
    longest = max(map(len, text.split()))
    is_token = _BARE_CODE.fullmatch(joined) and longest * 3 > len(joined)
    if is_token or joined.startswith("code="):
        return _not_it("This is only the code; the whole address is needed", situation)
    return _not_last(situation)


def _not_last(situation: Situation) -> SignInNeeded:
    """Return the error about something that is not what the last page's address bar shows."""
    return _not_it("This is not the address of the last page", situation)


def _not_it(fact: str, situation: Situation) -> SignInNeeded:
    """Return the error with *fact*, and what to do instead."""
    return SignInNeeded(
        fact,
        account=situation.account,
        meaning=f"The last page's address begins with {situation.redirect_uri}; that it cannot be loaded is right",
        remedy=situation.fill("Start over and copy the whole of it: {command} login {account}"),
    )
