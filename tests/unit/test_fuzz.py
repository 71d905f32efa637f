"""Random text from outside gives an answer or an error of ours, never another exception."""

from __future__ import annotations

import json
import unicodedata
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import explain
from offlineimap_m365.provider import token_response
from offlineimap_m365.signin.callback_server import Listener
from offlineimap_m365.signin.redirect_response import WrongPaste, read_answer
from tests.unit.callback_client import STATE, ask, is_waiting, raw, text_of

ALICE = "alice@example.org"
REDIRECT = "https://localhost"
#: Any value of JSON, with numbers that JSON does not have.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
_NAMES = ("code", "state", "error", "error_description", "error_subcode", "session_state", "client_info", "iss", "x")
_VALUES = st.text(max_size=40) | st.sampled_from(
    [STATE, "access_denied", "AADSTS50011: <script>alert(1)</script>", "\x00", "%00", "\x1b[2J", "a&b=c", "\u202e"]
)
#: Parameters of a final address, some twice.
PARAMETERS = st.lists(st.tuples(st.sampled_from(_NAMES), _VALUES), max_size=6)
#: Pieces of which pasted text is made.
_PIECES = st.sampled_from([
    "https://localhost/?", "http://[::1", "?", "&", "&amp;", "#", "=", "%", "%zz", "\n", "\r\n", "\u200b", "<", ">",
    "code=abcdefghijklmnop", f"state={STATE}", "error=access_denied", "Sorry", "AADSTS50011", "AADSTS", "code: 5",
    "https://login.microsoftonline.com/common/oauth2/v2.0/authorize?redirect_uri=", "x" * 3000, "\x1b[200~",
])  # fmt: skip
PASTED = st.lists(_PIECES | st.text(st.characters(codec=None), max_size=20), max_size=12).map("".join) | PARAMETERS.map(
    lambda pairs: f"https://localhost/?{urlencode(pairs)}"
)


def is_fit(text: str) -> bool:
    """Tell whether *text* has no control characters and none that change the direction of writing."""
    return not [c for c in text if unicodedata.category(c) in {"Cc", "Cs"} or "\u202a" <= c <= "\u202e"]


@settings(max_examples=200)
@given(PASTED)
def test_pasted_text(text: str) -> None:
    """Pasted text is the answer with the right state, or refused with 77 in a few printable lines."""
    found: object = None
    shown: list[str] = []
    try:
        found = read_answer(text, STATE, explain.Situation(ALICE, redirect_uri=REDIRECT))
    except errors.SignInNeeded as error:
        shown = error.lines()

    assert len(shown) <= 6
    assert is_fit("".join(shown))
    assert "<script>" not in "".join(shown)
    is_answer = isinstance(found, dict) and found["state"] == STATE and "code" in found and "error" not in found
    assert shown or is_answer or isinstance(found, WrongPaste)


_ERROR_FIELDS = ("error", "error_description", "error_codes", "suberror", "claims", "correlation_id", "timestamp")


@pytest.mark.once
@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(_ERROR_FIELDS) | st.text(max_size=9), JSON, max_size=6))
def test_refusals_of_a_provider(body: dict[str, Any]) -> None:
    """A refusal becomes an error of ours in a few printable lines, and is saved as JSON."""
    try:
        kept = token_response.read(body, {"refresh_token": "a-refresh-token"})
    except ValueError:
        return
    error = explain.error_for(kept, explain.Situation(ALICE))

    assert json.loads(json.dumps(kept)) == kept
    assert len(error.lines()) <= 6
    assert is_fit("".join(error.lines()))


_METHODS = st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "get", "", "G\x00T", "\x16\x03\x01"])
_HEADS = st.sampled_from([
    "Host: localhost:{port}", "Host: evil.example", "Host: 127.0.0.1:{port}", "Host:", "Content-Length: 99999999",
    "Transfer-Encoding: chunked", "X: " + "y" * 70000, "\x00: \x00", "no colon", "Expect: 100-continue",
    "Sec-Purpose: prefetch", "Connection: keep-alive", "Upgrade: websocket", " folded",
])  # fmt: skip
_WRONG_STATE = PARAMETERS.filter(lambda pairs: ("state", STATE) not in pairs).map(urlencode)
_TARGETS = _WRONG_STATE.map(lambda query: f"/?{query}") | st.sampled_from(
    ["/done", "/", "*", "//", "http://evil.example/", "/\x00", "/{long}", "/?code=1&code=2", "/?%zz"]
)
_REQUESTS = st.binary(max_size=200) | st.builds(
    lambda method, target, version, heads: "\r\n".join([f"{method} {target}{version}", *heads, "", ""]).encode("utf-8"),
    _METHODS,
    _TARGETS,
    st.sampled_from([" HTTP/1.1", " HTTP/1.0", " HTTP/9.9", " HTTP/x", "", " HTTP/1.1 more"]),
    st.lists(_HEADS, max_size=4),
)


def test_requests_to_the_listener() -> None:
    """The listener answers or hangs up, repeats nothing of a request, and still accepts the right answer."""

    @settings(max_examples=50)
    @given(st.lists(_REQUESTS, min_size=1, max_size=4), st.booleans())
    def send(requests: list[bytes], are_pipelined: bool) -> None:
        filled = [
            request.replace(b"{port}", str(listener.port).encode()).replace(b"{long}", b"a" * 70_000)
            for request in requests
        ]
        answers = [raw(listener.port, data) for data in ([b"".join(filled)] if are_pipelined else filled)]

        assert listener.answers.empty()
        assert all(answer == b"" or answer.startswith(b"HTTP/1.0 ") for answer in answers), answers
        assert all(b"<script>" not in answer for answer in answers)

    with Listener(STATE) as listener:
        send()

        assert is_waiting(listener)
        listener.finish(ok=False, title="<script>", text="<script>")
        assert "<script>" not in text_of(ask(listener.port, "/done"))
