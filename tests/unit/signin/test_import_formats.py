"""What is found in the files of other tools; the parser against everything that may be in a file."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import tables
from offlineimap_m365.signin import import_formats
from tests.signed_in_accounts import ALICE

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TOKEN = "0.AXkA-made-up_refresh.token0123456789"
CLIENT = "11112222-bbbb-3333-cccc-4444dddd5555"
CLOUDS = tables.load("clouds")["clouds"]
TENANT = "00001111-aaaa-2222-bbbb-3333cccc4444"
#: M365-IMAP's config.py, in the shape of its repository.
CONFIG = f"""# comment
import os
ClientId = "{CLIENT}"
ClientSecret = ""
Scopes = ['https://outlook.office365.com/IMAP.AccessAsUser.All', "https://outlook.office365.com/SMTP.Send"]
Authority = 'https://login.microsoftonline.com/{TENANT}/'
RefreshTokenFileName = "imap_smtp_refresh_token"
AccessTokenFileName = os.path.join("/tmp", "x")
"""
#: A token file of neomutt's contrib/oauth2/mutt_oauth2.py.
MUTT = {
    "registration": "microsoft", "authflow": "localhostauthcode", "email": ALICE, "access_token": "x",
    "access_token_expiration": "2026-01-01T00:00:00", "refresh_token": TOKEN, "client_id": CLIENT, "client_secret": "",
}  # fmt: skip
#: Text, with half characters, too; what can stand in its place; objects with the names that the formats have.
_TEXT = st.text(st.characters(codec=None), max_size=9)
_ANY: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.just([]) | st.just({})
)
_NAMES = ["secret", "home_account_id", "client_id", "environment", "target", "username", "last_modification_time"]
_ROWS = st.dictionaries(_TEXT, st.dictionaries(st.sampled_from(_NAMES), _ANY) | _ANY, max_size=3)
NEARLY = st.dictionaries(
    st.sampled_from(["RefreshToken", "AccessToken", "Account", "AppMetadata", *MUTT, "tenant", "endpoint", "scope"]),
    _ANY | _ROWS,
)
CONTENT = (
    st.binary()
    | _TEXT.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | (NEARLY | st.lists(NEARLY | _ANY, max_size=2)).map(lambda value: json.dumps(value).encode())
)


def cache(*people: tuple[str, str, str, int]) -> bytes:
    """Return an MSAL cache with a refresh token per (user, client id, secret, time)."""
    accounts, tokens = {}, {}
    for number, (user, client_id, secret, modified) in enumerate(people):
        home = {"home_account_id": f"{user}.{TENANT}", "environment": "login.microsoftonline.com"}
        accounts[user] = {**home, "username": user}
        tokens[str(number)] = {
            **home, "client_id": client_id, "secret": secret, "last_modification_time": str(modified),
            "target": "https://outlook.office.com/IMAP.AccessAsUser.All openid",
        }  # fmt: skip
    return json.dumps({"Account": accounts, "RefreshToken": tokens}).encode()


SCOPE = ["https://outlook.office.com/IMAP.AccessAsUser.All", 5]
US = "https://login.microsoftonline.us/t/oauth2/v2.0/token"
_WITH_CONFIG: dict[str, Any] = {"client_id": CLIENT, "tenant": TENANT, "scope": ["imap", "smtp"]}
_NATIONAL = {"client_id": CLIENT, "cloud": "usgov", "tenant": "t"}
_OF_CACHE = {"client_id": CLIENT, "tenant": TENANT, "scope": ["imap"]}
_CACHE = cache(("a@x", CLIENT, "an-older-token", 1), ("a@x", CLIENT, TOKEN, 2))
#: What a file holds, the config.py beside it, who is named in it, and the options of login that it gives.
FORMATS: dict[str, tuple[bytes, str, str | None, dict[str, Any]]] = {
    "bare": (f" {TOKEN}\r\n".encode(), "", None, {}),
    "bare, by PowerShell": (f"\ufeff{TOKEN}\r\n".encode("utf-16-le"), "", None, {}),
    "M365-IMAP": (TOKEN.encode(), CONFIG, None, _WITH_CONFIG),
    "a config without a client id": (TOKEN.encode(), "ClientId = 5", None, {}),
    "a config that is none": (TOKEN.encode(), "\0", None, {}),
    "a config that is too deep": (TOKEN.encode(), "-" * 60_000 + "1", None, {}),
    "mutt": (json.dumps(MUTT | {"tenant": "common"}).encode(), "", ALICE, {"client_id": CLIENT}),
    "mutt, national": (json.dumps(MUTT | {"token_endpoint": US}).encode(), "", ALICE, _NATIONAL),
    "MSAL, the newest": (_CACHE, "", "a@x", _OF_CACHE),
    "MSAL, with a damaged entry": (_CACHE.replace(b"an-older-token", b"two words"), "", "a@x", _OF_CACHE),
    "JSON": (json.dumps({"refresh_token": TOKEN, "scope": SCOPE}).encode(), "", None, {"scope": ["imap"]}),
    "JSON, deeper": (json.dumps({"a": [{"b": {"refresh_token": TOKEN}}]}).encode(), "", None, {}),
}  # fmt: skip


@pytest.mark.parametrize(("content", "config", "user", "choices"), FORMATS.values(), ids=FORMATS)
def test_each_format_is_read(content: bytes, config: str, user: str | None, choices: dict[str, Any]) -> None:
    """The refresh token, who signed in, and client id, organisation and permissions as far as the file names them."""
    (sign_in,) = import_formats.read(content, "a file", ALICE, config)

    assert (sign_in.refresh_token, sign_in.user) == (TOKEN, user)
    assert import_formats.choices(sign_in, CLOUDS, "a file") == choices
    assert TOKEN not in repr(sign_in)


_TWO = f'{{"a": {{"refresh_token": "{TOKEN}"}}, "b": [{{"refresh_token": "{TOKEN}"}}]}}'
#: What has no token to take over, by what the error says of it.
NO_TOKEN: dict[str, list[bytes]] = {
    "at Google": [json.dumps(MUTT | {"registration": "google"}).encode()],
    "holds no refresh token": [
        json.dumps(MUTT | {"refresh_token": ""}).encode(), b'{"RefreshToken": {}, "Account": {}}',
        b'{"AccessToken": {"x": {}}}', b'{"RefreshToken": {"a": 5}}',
        b'{"RefreshToken": {"a": {"home_account_id": []}}}',
    ],
    "without a single": [_TWO.encode(), b"[]", b"{}"],
    "access token": [b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"],
    "none of the files": [
        b"", b"  \n", b"two words", b"short", b"\xff\xfe\x00", b"\0" * 50, b"<html><body>Sign in</body></html>",
        b"https://localhost/?code=1.A0123456789&state=x", b"{", b'"a string that is long enough"',
        b"[" * 200_000, b'{"a":' * 200_000, b'{"refresh_token": 5}', b'{"refresh_token": ["x"]}',
        b'{"refresh_token": "a b"}', b'{"RefreshToken": {}, "Account": []}', b'{"x": ' + b"9" * 5000 + b"}",
        f"{TOKEN}\n{TOKEN}".encode(),
    ],
}  # fmt: skip


def test_what_has_no_token_is_told(subtests: pytest.Subtests) -> None:
    """It is 78, with the reason and what was looked for, and nothing of the content."""
    for said, content in ((said, content) for said, contents in NO_TOKEN.items() for content in contents):
        with subtests.test(repr(content[:50])):
            with pytest.raises(errors.Misconfigured, match=said) as caught:
                import_formats.read(content, "a file", ALICE)

            text = "\n".join(caught.value.lines())
            assert "M365-IMAP" in text
            assert TOKEN not in text


@pytest.mark.parametrize(
    ("names", "client_id", "token"),
    [
        (["b@X"], None, "t3"), (["a@x"], "two", "t2"), (["c@x", "B@x"], None, "t3"), (["c@x"], "two", "t2"),
        (["c@x"], None, None), (["a@x"], None, None), (["a@x"], "three", None),
    ],
)  # fmt: skip
def test_the_one_that_is_meant(names: list[str], client_id: str | None, token: str | None) -> None:
    """Who is called as the account, and whose client id was named; if that is not one, ten at most are listed: 2."""
    several = [("a@x", "one", "t1", 1), ("a@x", "two", "t2", 1), ("B@x", "one", "t3", 1)]
    many = [(f"{number}@x", "one", "t", 1) for number in range(100)] if token is None else []
    found = import_formats.read(cache(*several, *many), "a file", ALICE)

    if token:
        assert import_formats.choose(found, names, client_id, "a file").refresh_token == token
    else:
        with pytest.raises(errors.WrongUsage, match="client id one") as caught:
            import_formats.choose(found, names, client_id, "a file")
        assert len(caught.value.fact) < 500


@pytest.mark.parametrize(
    "authority",
    [
        "https://evil.example/common", "http://login.microsoftonline.com/x", "https://login.microsoftonline.com:444/x",
        "https://login.microsoftonline.com@evil.example/x", "https://login.microsoftonline.com.evil/x", "https://[",
        "nonsense",
    ],
)  # fmt: skip
def test_no_file_decides_where_a_token_goes(authority: str) -> None:
    """An address that is none of Microsoft's is refused with 78, and the option named that would allow it."""
    found = import_formats.Imported(TOKEN, "a file", authority=authority)

    with pytest.raises(errors.Misconfigured, match="none of Microsoft's") as caught:
        import_formats.choices(found, CLOUDS, "a file")

    assert "--authority" in caught.value.remedy.text


@given(CONTENT)
def test_whatever_is_in_the_file(content: bytes) -> None:
    """The parser gives tokens, or an error of ours, whatever it reads."""
    found: list[import_formats.Imported] = []

    with contextlib.suppress(errors.WrongUsage, errors.Misconfigured):
        found = import_formats.read(content, "a file", ALICE, content.decode("utf-8", "replace"))
        chosen = import_formats.choose(found, ["alice@example.org"], None, "a file")
        import_formats.choices(chosen, CLOUDS, "a file")

    assert all(one.refresh_token and one.what for one in found)
