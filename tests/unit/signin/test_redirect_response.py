"""What a person pastes while a sign-in waits: the final address, or one of many other things."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from offlineimap_m365.base.errors import Misconfigured, SignInNeeded
from offlineimap_m365.knowledge.explain import Situation
from offlineimap_m365.signin.redirect_response import WrongPaste, read_answer, refusal
from tests.signed_in_accounts import ALICE

STATE = "Zm9vYmFyLXN0YXRl_-"
REDIRECT = "https://localhost"
# As long as the codes that Entra gives out, and of the same alphabet.
CODE = "1.AXkAqO" + "bC-_d9" * 250
ADDRESS = f"https://localhost/?code={CODE}&state={STATE}&session_state=9d1b4c1e"
QUERY = f"response_type=code&redirect_uri=https%3A%2F%2Flocalhost&state={STATE}"

ACCEPTED = {
    "as it is": ADDRESS,
    "broken into indented lines": "\r\n    ".join(ADDRESS[i : i + 60] for i in range(0, len(ADDRESS), 60)),
    "in double quotes": f'"{ADDRESS}"',
    "in angle brackets": f"<{ADDRESS}>",
    "with a zero-width space": ADDRESS.replace("&state", "\u200b&state"),
    "as a fragment": ADDRESS.replace("?", "#"),
    "escaped as HTML": ADDRESS.replace("&", "&amp;"),
    "without its scheme": ADDRESS.removeprefix("https://"),
    "with a port": ADDRESS.replace("localhost", "localhost:51234"),
    "by IPv6 number": ADDRESS.replace("https://localhost", "http://[::1]:51234"),
    "only its query": ADDRESS.partition("/?")[2],
    "in capitals": ADDRESS.replace("https://localhost", "HTTPS://LOCALHOST"),
}

EARLIER, FIRST, NOT_LAST = (
    "This is an address from an earlier sign-in",
    "This is the first address, not the last",
    "This is not the address of the last page",
)
ONLY_CODE = "This is only the code; the whole address is needed"
REFUSED = {
    "nothing": (" \n", "Nothing was pasted"),
    "an earlier sign-in": (ADDRESS.replace(STATE, "another"), EARLIER),
    "an error of an earlier sign-in": (f"{REDIRECT}/?error=access_denied&state=other", EARLIER),
    "cut off": (ADDRESS.partition("&state")[0], "The address is not complete"),
    "only the code": (CODE, ONLY_CODE),
    "only the code with its name": (f"code={CODE}", ONLY_CODE),
    "the first address": (f"https://login.microsoftonline.com/common/oauth2/v2.0/authorize?client_id=x&{QUERY}", FIRST),
    "the first address of another provider": (f"https://id.example.org/authorize?{QUERY}", FIRST),
    "one in between": ("https://login.microsoftonline.com/common/reprocess?ctx=abc", NOT_LAST),
    "another site": ("https://www.example.org/?q=1", NOT_LAST),
    "two codes": (f"{ADDRESS}&code=another", NOT_LAST),
    "too many fields": (ADDRESS + "&x=1" * 100, NOT_LAST),
    "a password": ("correct horse battery staple", NOT_LAST),
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_the_final_address_is_read_however_it_was_copied(text: str) -> None:
    """The final address counts with line breaks, quotes, brackets, as a fragment and escaped as HTML."""
    answer = read_answer(text, STATE, Situation(redirect_uri=REDIRECT))

    assert isinstance(answer, dict)
    assert (answer["code"], answer["state"]) == (CODE, STATE)


@pytest.mark.parametrize(("text", "fact"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_named(text: str, fact: str) -> None:
    """What is not the final address is called what it is; nothing of it is repeated, it may be a code or password."""
    answer = read_answer(text, STATE, Situation(ALICE, redirect_uri=REDIRECT))

    assert answer == WrongPaste(fact)
    assert not [word for word in text.split() if len(word) > 8 and word in fact]


def test_a_device_code_has_no_state() -> None:
    """While one is waited for, an address without a state ends nothing either."""
    assert read_answer(ADDRESS.replace(STATE, ""), "", Situation()) == WrongPaste(EARLIER)


def refused(error: str, description: str) -> str:
    """Return the address of a last page with this *error*."""
    return f"{REDIRECT}/?{urlencode({'error': error, 'error_description': description, 'state': STATE})}"


ID = "019827f4-372b-7726-8110-db46f130cd8f"
REFERENCE = f"Correlation Id: {ID}\nTimestamp: 2026-01-09T02:02:12Z\n"
PAGE = (
    "Sign in\nSorry, but we\u2019re having trouble signing you in.\n\nAADSTS50011: The redirect URI "
    f"'https://localhost' specified in the request does not match.\n\nRequest Id: 1\n{REFERENCE}"
)
MISMATCH = f"The redirect URI {REDIRECT} is not registered for the client id my-id"
DISABLED = refused("unauthorized_client", f"AADSTS7000112: Application '9e5f' is disabled.\r\n{REFERENCE}")


@pytest.mark.parametrize(
    ("text", "code", "meaning", "remedy"),
    [
        (PAGE, "AADSTS50011", MISMATCH, "--redirect-uri"),
        (DISABLED, "AADSTS7000112", "The client id my-id is switched off", "login"),
        (refused("Call +1 555 0100", "Your mailbox is blocked. Call +1 555 0100"), "error", "", ""),
    ],
    ids=["a page", "an address", "what somebody else wrote into an address"],
)
def test_a_refusal_is_explained(text: str, code: str, meaning: str, remedy: str) -> None:
    """Code, reference, meaning, remedy, and 77 whatever its class; no word of an address, which anybody can write."""
    with pytest.raises(SignInNeeded) as caught:
        read_answer(text, STATE, Situation(ALICE, "my-id", redirect_uri=REDIRECT))

    error = caught.value
    assert error.code == code
    is_ours = code.startswith("AADSTS")
    assert (error.correlation_id, error.time) == ((ID, "2026-01-09T02:02:12Z") if is_ours else (None, None))
    assert error.meaning.startswith(meaning)
    assert remedy in error.remedy.text
    assert "555" not in "\n".join(error.lines())


def test_the_listeners_error_keeps_its_class() -> None:
    """The same error that came through the browser is a configuration error if its code is one."""
    error = refusal({"error": "invalid_client", "error_description": "AADSTS700016: not found"}, Situation(ALICE))

    assert (type(error), error.code) == (Misconfigured, "AADSTS700016")
