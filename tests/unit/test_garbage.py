"""Garbage from the provider: an error of ours in a few lines, and the store is unchanged."""

from __future__ import annotations

import dataclasses
import gzip
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.signin import tenant_discovery
from offlineimap_m365.tokens import engine
from tests.login_host import LoginHost
from tests.m365.entra import CAPTIVE_PORTAL
from tests.signed_in_accounts import ALICE, cache_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import trustme

#: Run on one Python only: the libraries that read the wire are the same on each.
pytestmark = pytest.mark.once

GOOD = b'{"token_type": "Bearer", "access_token": "a-token", "refresh_token": "another", "expires_in": 3600}'
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#: JSON objects, which an authority's configuration is as well: that one lacks what is needed.
OBJECTS: dict[str, bytes] = {
    "an empty object": b"{}",
    "nested below": b'{"access_token": ' + b"[" * 900 + b"]" * 900 + b"}",
    "an answer in an answer": b'{"result": %s}' % GOOD,
    "invalid UTF-8": GOOD.replace(b"a-token", b"\xff\xfe\xed\xa0\x80"),
}
#: Whole bodies that are no answer of OAuth's.
BODIES: dict[str, bytes] = {
    **OBJECTS,
    "HTML": CAPTIVE_PORTAL.encode(),
    "nothing": b"",
    "truncated": GOOD[:-40],
    "a list": b"[%s]" % GOOD,
    "nested": b'{"a":' * 100_000,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "a huge number": b'{"access_token": "x", "expires_in": ' + b"9" * 5000 + b"}",
    "10 MB": json.dumps({"access_token": "x", "scope": "x" * 10_000_000}).encode(),
}
#: Bytes that are not HTTP, or not valid HTTP.
WIRES: dict[str, bytes] = {
    "no byte": b"",
    "another protocol": b"* OK IMAP4rev1 ready\r\n",
    "cut within the head": OK[:-10],
    "too long a length": OK + b"Content-Length: 99999\r\n\r\n" + GOOD[:-1],
    "a length that is none": OK + b"Content-Length: many\r\n\r\n" + GOOD[:-1],
    "chunks that are none": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GOOD,
    "gzip that is none": OK + b"Content-Encoding: gzip\r\n\r\n" + GOOD,
    "a gzip bomb": OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b" " * 5_000_000),
    "206": b"HTTP/1.1 206 Partial Content\r\n\r\n" + GOOD,
    "200 headers": OK + b"X: y\r\n" * 200 + b"\r\n{}",
    "headers that are none": OK + b"nonsense\r\n\x1b[31m: \xff\r\n\r\n[]",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: https://localhost:1/elsewhere\r\n\r\n" + GOOD,
    "a redirect with bytes": b"HTTP/1.1 308 x\r\nLocation: \xff\xfe\x00\r\nContent-Length: 0\r\n\r\n",
}
ANSWERS = {name: OK + b"\r\n" + body for name, body in BODIES.items()} | WIRES


def test_what_is_no_answer(
    subtests: pytest.Subtests, ca: trustme.CA, expired: profiles.Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """A host that answers a refresh or a discovery by garbage is asked once, and no redirect is followed."""
    before = cache_of(expired)
    with LoginHost(certificate=ca.issue_cert("localhost")) as server:
        endpoints = {**(expired.endpoints or {}), "token_endpoint": server.url}
        profiles.save(dataclasses.replace(expired, endpoints=endpoints))
        requests: dict[str, Callable[[], object]] = {
            "refresh": lambda: engine.access_token(ALICE, engine.Wanted(impatient=True)),
            "discover": lambda: tenant_discovery.discover(server.url),
        }
        for name, case in itertools.product(requests, ANSWERS):
            with subtests.test(name=name, case=case):
                server.answer = ANSWERS[case]
                server.received.clear()
                Path(expired.folder, "state.json").unlink(missing_ok=True)  # no earlier failure counts

                with pytest.raises(errors.M365Error) as caught:
                    requests[name]()

                may_be_wrong = name == "discover" and case in OBJECTS  # its address
                assert isinstance(caught.value, errors.Misconfigured if may_be_wrong else errors.Temporary)
                assert "localhost" in caught.value.fact
                assert case != "a gzip bomb" or "does not end" in caught.value.fact
                assert len(caught.value.lines()) <= 6
                assert len(str(caught.value)) < 1500
                assert len(server.received) <= (2 if name == "discover" else 1)
                assert capsys.readouterr() == ("", "")
                assert cache_of(expired) == before
