"""Tests of redaction: what OfflineIMAP would log is clean before it is written."""

from __future__ import annotations

import base64
import io
import itertools
import logging
import sys
import types
from urllib.parse import quote

import pytest

from offlineimap_m365.plugin import log_redaction

TOKEN = "EwBoA8l6BAAU7p9QDpi/opaque+token=="  # of a personal account: no JWT, found by being handed out
JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJ1cG4iOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"


def _logged(message: object, *arguments: object, exc_info: bool = False) -> str:
    """Return what a logger with the filter writes."""
    logger = logging.getLogger("a logger of ours")
    stream = io.StringIO()
    logger.handlers = [logging.StreamHandler(stream)]
    logger.filters = [log_redaction._Filter()]  # noqa: SLF001 - what install() puts on OfflineIMAP's logger
    logger.error(message, *arguments, exc_info=exc_info)
    return stream.getvalue()


@pytest.mark.parametrize(
    "line",
    [
        f"returning user=alice@example.org\x01auth=Bearer {JWT}\x01\x01",
        f"xoauth2handler: access_token '{JWT} expires None'",
        "> " + base64.b64encode(f"user=alice@example.org\x01auth=Bearer {JWT}\x01\x01".encode()).decode(),
        f"(configuration is: {{'client_secret': 'gX7~{JWT}', 'refresh_token': '0.AX{JWT}', 'access_token': None}})",
        f"grant_type=refresh_token&refresh_token=0.AX{JWT}&client_secret=gX7~{JWT}",
    ],
)
def test_a_token_is_known_by_its_surroundings(line: str) -> None:
    """Bearer strings, XOAUTH2 in base64, JWTs and named secrets are hidden also if somebody else made them."""
    found = log_redaction.clean(line)

    assert JWT not in found
    assert JWT.split(".")[1] not in found
    assert base64.b64encode(JWT.encode()).decode()[8:40] not in found
    assert "<hidden>" in found


OPAQUE = "Zm9v-opaque!secret*of$a.provider_" + "0123456789" * 12


@pytest.mark.parametrize("cut", [len(OPAQUE), 40])
@pytest.mark.parametrize("before", ["", "x", "xy", "user=alice@example.org\x01auth=Bearer "])
def test_a_handed_out_token_is_hidden_in_every_form(before: str, cut: int) -> None:
    """Quoted for an address, in base64 from any place on, and cut off: what is left of it shows nothing."""
    log_redaction.hide(OPAQUE)
    coded = base64.b64encode(before.encode() + OPAQUE.encode()).decode()
    lines = [f"{before}{OPAQUE[:cut]} and", f"?token={quote(OPAQUE, safe='')[:cut]}&", f"> {coded[: cut + 40]}"]

    found = [log_redaction.clean(line) for line in lines]

    pieces = [OPAQUE[10:18], quote(OPAQUE[10:18], safe=""), coded[len(before) + 30 : len(before) + 42]]
    assert not [line for line in found for piece in pieces if piece in line], found


@pytest.mark.parametrize(
    "token",
    [
        "1.AXkAqO8bC1l1d0-_abcdef0123456789.AgABAwEAAADnfolhJpSnRYB1SVj-Hgd8_AQ",
        "0.ARoAv4j5cvGGr0GRqy180BHbRytGt_abc.AgABAAEAAAAtyolDObpQQ5VtlI4uGjEPAgDs",
        "M.C546_BAY.0.U.-CjT4!aBc*0123456789$$abcdefghijklmnopqrstuvwxyz0123",
        "EwBwA8l6BAAU" + "b0Bd7aq/+Xy9" * 20 + "==",
    ],
)
def test_microsofts_tokens_are_known_by_their_looks(token: str) -> None:
    """A token that nobody handed out here, such as one of OfflineIMAP's own refresh, is hidden by its shape."""
    assert log_redaction.clean(f"the answer was {token}, so") == "the answer was <hidden>, so"


def test_the_newest_secrets_are_known() -> None:
    """In a process that stays for weeks the tokens of the last days are hidden, and memory does not grow."""
    secrets = [f"token-number-{number:06}-of-many" for number in range(1000)]
    for secret in secrets:
        log_redaction.hide(secret)

    assert log_redaction.clean(" ".join(secrets[-60:])) == " ".join(["<hidden>"] * 60)
    assert len(log_redaction._secrets) == 64  # noqa: SLF001 - what would grow
    log_redaction.hide("mailbox")
    assert log_redaction.clean("the mailbox") == "the mailbox"  # seven characters could be part of any word


def test_records_are_cleaned() -> None:
    """A token as an argument or in an exception is hidden; wrong arguments, and lines without secrets, stay."""
    log_redaction.hide(TOKEN)
    line = "Copy message UID 5 (2/3) work-remote:INBOX -> work-local:INBOX; self.oauth2_access_token = None"

    try:
        int(TOKEN)
    except ValueError:
        with_exception = _logged("it failed", exc_info=True)

    assert _logged("the token is %s, expires None", TOKEN) == "the token is <hidden>, expires None\n"
    assert "base 10: '<hidden>'" in with_exception
    assert "%d of %s" in _logged("%d of %s", "one")
    assert _logged(line) == line + "\n"


def test_a_short_secret_is_hidden_whole(subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client secret of any length from eight characters on leaves no part of itself, in clear or in base64."""
    for length, shift in itertools.product((8, 9, 10, 11, 47, 48, 49), range(3)):
        with subtests.test(length=length, shift=shift):
            monkeypatch.setattr(log_redaction, "_secrets", {})
            secret = ("Qz7~x.Kp" * 7)[:length]
            log_redaction.hide(secret)
            coded = base64.b64encode(b"-" * shift + secret.encode() + b"~~").decode()

            assert log_redaction.clean(f"<{secret}x") == ("<<hidden>x" if length < 48 else "<<hidden>")
            assert len(coded) < 16 or coded[4:12] not in log_redaction.clean(coded)


def test_the_filter_is_installed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """On OfflineIMAP's own logger, however often a function is evaluated, and on none of another program's."""
    logger = logging.getLogger("OfflineImap")
    log_redaction.install()
    outside = logger.filters
    monkeypatch.setitem(sys.modules, "offlineimap", types.ModuleType("offlineimap"))
    monkeypatch.setattr(logger, "filters", [])

    log_redaction.install()
    log_redaction.install()

    assert (outside, len(logger.filters)) == ([], 1)
