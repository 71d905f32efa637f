"""What is found in the files of other tools; the parser against everything that may be in a file."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import tables
from offlineimap_m365.signin import import_formats
from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    from pathlib import Path

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TOKEN = "0.AXkA-made-up_refresh.token0123456789"
CLIENT = "11112222-bbbb-3333-cccc-4444dddd5555"
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
    "registration": "microsoft",
    "authflow": "localhostauthcode",
    "email": "alice@example.org",
    "access_token": "x",
    "access_token_expiration": "2026-01-01T00:00:00",
    "refresh_token": TOKEN,
    "client_id": CLIENT,
    "client_secret": "",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
#: Objects with the names that the formats have, and anything at all behind them.
NEARLY = st.dictionaries(
    st.sampled_from(["RefreshToken", "AccessToken", "Account", "AppMetadata", *MUTT, "tenant", "endpoint", "scope"]),
    JSON
    | st.dictionaries(
        st.text(max_size=3),
        st.dictionaries(
            st.sampled_from(["secret", "home_account_id", "client_id", "environment", "target", "username",
                             "last_modification_time"]),
            JSON,
        ),
        max_size=3,
    ),
)  # fmt: skip


def clouds() -> dict[str, Any]:
    """Return the shipped table."""
    found: dict[str, Any] = tables.load("clouds")["clouds"]
    return found


def cache(*people: tuple[str, str, str, int]) -> bytes:
    """Return an MSAL cache with a refresh token per (user, client id, secret, time)."""
    accounts, tokens = {}, {}
    for number, (user, client_id, secret, modified) in enumerate(people):
        home = f"{user}.{TENANT}"
        accounts[user] = {"home_account_id": home, "username": user, "environment": "login.microsoftonline.com"}
        tokens[str(number)] = {
            "home_account_id": home,
            "client_id": client_id,
            "secret": secret,
            "environment": "login.microsoftonline.com",
            "target": "https://outlook.office.com/IMAP.AccessAsUser.All openid",
            "last_modification_time": str(modified),
        }
    return json.dumps({"Account": accounts, "RefreshToken": tokens}).encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_bare_refresh_token(encoding: str) -> None:
    """A word in a file is one, whatever ends its line, also as PowerShell writes it; nothing else is known of it."""
    (found,) = import_formats.read(f"\ufeff {TOKEN}\r\n".encode(encoding), "a file", ALICE)

    assert (found.refresh_token, found.client_id, found.authority, found.scopes) == (TOKEN, None, None, ())


def test_the_predecessors_file() -> None:
    """With M365-IMAP's config.py beside it the client id, the organisation and the permissions are known."""
    (found,) = import_formats.read(TOKEN.encode(), "a file", ALICE, CONFIG)

    assert found.refresh_token == TOKEN
    assert import_formats.choices(found, clouds(), "a file") == {
        "client_id": CLIENT,
        "tenant": TENANT,
        "scope": ["imap", "smtp"],
    }


def test_a_config_is_read_and_never_run(tmp_path: Path) -> None:
    """What would happen if somebody imported it does not happen; what is no literal is not there."""
    trap = tmp_path / "trap"
    config = f'open({str(trap)!r}, "w")\nClientId = open({str(trap)!r}, "w").name\nClientSecret = "s"\n' + CONFIG

    (found,) = import_formats.read(TOKEN.encode(), "a file", ALICE, config)

    assert found.client_id == CLIENT
    assert not trap.exists()


@pytest.mark.parametrize(
    "config",
    [
        "",
        "\0",
        "ClientId = 5",
        "-" * 60_000 + "1",
        "ClientId = " + "[" * 90 + "]" * 90,
        "x = 1",
    ],
)
def test_a_config_without_a_client_id_says_nothing(config: str) -> None:
    """A config.py that is none leaves a bare token."""
    (found,) = import_formats.read(TOKEN.encode(), "a file", ALICE, config)

    assert found.what == "a bare refresh token"


def test_a_token_file_of_mutt() -> None:
    """Its fields are those of mutt_oauth2.py; ``common`` names no organisation."""
    (found,) = import_formats.read(json.dumps(MUTT | {"tenant": "common"}).encode(), "a file", ALICE)
    (other,) = import_formats.read(
        json.dumps(MUTT | {"token_endpoint": "https://login.microsoftonline.us/t/oauth2/v2.0/token"}).encode(),
        "a file",
        ALICE,
    )

    assert (found.refresh_token, found.user) == (TOKEN, "alice@example.org")
    assert import_formats.choices(found, clouds(), "a file") == {"client_id": CLIENT}
    assert import_formats.choices(other, clouds(), "a file") == {"client_id": CLIENT, "cloud": "usgov", "tenant": "t"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps(MUTT | {"registration": "google"}), "at Google"),
        (json.dumps(MUTT | {"refresh_token": ""}), "holds no refresh token"),
        ('{"RefreshToken": {}, "Account": {}}', "holds no refresh token"),
        ('{"AccessToken": {"x": {}}}', "holds no refresh token"),
        (f'{{"a": {{"refresh_token": "{TOKEN}"}}, "b": [{{"refresh_token": "{TOKEN}"}}]}}', "without a single"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl", "access token"),
    ],
)
def test_what_has_no_token_is_told(content: str, said: str) -> None:
    """A file of a known format without anything to take over is 78, with the reason."""
    with pytest.raises(errors.Misconfigured, match=said):
        import_formats.read(content.encode(), "a file", ALICE)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"  \n", b"two words", b"short", b"\xff\xfe\x00", b"\0" * 50, b"<html><body>Sign in</body></html>",
        b"https://localhost/?code=1.A0123456789&state=x", b"{", b"[]", b"{}", b'"a string that is long enough"',
        b"[" * 200_000, b'{"a":' * 200_000, b'{"refresh_token": 5}', b'{"refresh_token": ["x"]}',
        b'{"refresh_token": "a b"}', b'{"RefreshToken": {"a": 5}}', b'{"RefreshToken": {"a": {"home_account_id": []}}}',
        b'{"RefreshToken": {}, "Account": []}', b'{"x": ' + b"9" * 5000 + b"}", f"{TOKEN}\n{TOKEN}".encode(),
    ],
)  # fmt: skip
def test_what_is_none_of_the_formats(content: bytes) -> None:
    """Anything else is 78, and the error says what was looked for, and nothing of the content."""
    with pytest.raises(errors.Misconfigured) as caught:
        import_formats.read(content, "a file", ALICE)

    said = "\n".join(caught.value.lines())
    assert "M365-IMAP" in said or "no refresh token" in said
    assert TOKEN not in said


@pytest.mark.parametrize("document", [{"refresh_token": TOKEN}, {"a": [{"b": {"refresh_token": TOKEN}}]}])
def test_json_of_another_tool(document: dict[str, Any]) -> None:
    """One refresh_token anywhere in it is enough; a scope may be a list."""
    holder = document if "refresh_token" in document else document["a"][0]["b"]
    holder["scope"] = ["https://outlook.office.com/IMAP.AccessAsUser.All", 5]
    (found,) = import_formats.read(json.dumps(document).encode(), "a file", ALICE)

    assert (found.refresh_token, found.what) == (TOKEN, "a JSON file with one refresh_token")
    assert import_formats.choices(found, clouds(), "a file") == {"scope": ["imap"]}


def test_an_msal_cache() -> None:
    """Of each person and client id the newest refresh token counts; organisation and permissions are known."""
    found = import_formats.read(
        cache(("a@x", CLIENT, "old-token", 1), ("a@x", CLIENT, "new-token", 2)), "a file", ALICE
    )

    assert [(one.refresh_token, one.user, one.client_id) for one in found] == [("new-token", "a@x", CLIENT)]
    assert import_formats.choices(found[0], clouds(), "a file") == {
        "client_id": CLIENT,
        "tenant": TENANT,
        "scope": ["imap"],
    }


SEVERAL = (("a@x", "one", "t1", 1), ("a@x", "two", "t2", 1), ("B@x", "one", "t3", 1))


@pytest.mark.parametrize(
    ("names", "client_id", "token"),
    [(["b@X"], None, "t3"), (["a@x"], "two", "t2"), (["c@x", "B@x"], None, "t3"), (["c@x"], "two", "t2")],
)
def test_the_one_that_is_meant(names: list[str], client_id: str | None, token: str) -> None:
    """Who is called as the account, without case, and whose client id was named."""
    found = import_formats.read(cache(*SEVERAL), "a file", ALICE)

    assert import_formats.choose(found, names, client_id, "a file").refresh_token == token


@pytest.mark.parametrize(("names", "client_id"), [(["c@x"], None), (["a@x"], None), (["a@x"], "three")])
def test_several_are_listed(names: list[str], client_id: str | None) -> None:
    """If it is not clear which is meant, they are listed, ten at most, and that is wrong usage."""
    people = (*SEVERAL, *((f"{n}@x", "one", "t", 1) for n in range(100)))
    found = import_formats.read(cache(*people), "a file", ALICE)

    with pytest.raises(errors.WrongUsage, match="client id one") as caught:
        import_formats.choose(found, names, client_id, "a file")

    assert len(caught.value.fact) < 500


@pytest.mark.parametrize(
    "authority",
    [
        "https://evil.example/common", "http://login.microsoftonline.com/common", "https://login.microsoftonline.com:444/x",
        "https://login.microsoftonline.com@evil.example/x", "https://[", "nonsense", "https://login.microsoftonline.com.evil/x",
    ],
)  # fmt: skip
def test_no_file_decides_where_a_token_goes(authority: str) -> None:
    """An address that is none of Microsoft's is refused with 78, and the option named that would allow it."""
    found = import_formats.Imported(TOKEN, "a file", authority=authority)

    with pytest.raises(errors.Misconfigured, match="none of Microsoft's") as caught:
        import_formats.choices(found, clouds(), "a file")

    assert "--authority" in caught.value.remedy.text


def test_scopes_that_are_not_for_mail_are_left_out() -> None:
    """A sign-in is taken over for the mail; without a permission for it the usual ones are asked for."""
    mixed = import_formats.Imported(
        TOKEN, "", scopes=("https://graph.microsoft.com/Mail.Read", "https://x/POP.AccessAsUser.All")
    )
    other = import_formats.Imported(TOKEN, "", scopes=("https://graph.microsoft.com/Mail.Read", "offline_access"))

    assert import_formats.choices(mixed, clouds(), "") == {"scope": ["pop"]}
    assert import_formats.choices(other, clouds(), "") == {}


@given(st.binary() | st.text().map(str.encode) | (JSON | NEARLY).map(lambda value: json.dumps(value).encode()))
def test_whatever_is_in_the_file(content: bytes) -> None:
    """The parser gives tokens, or an error of ours, whatever it reads."""
    found: list[import_formats.Imported] = []

    with contextlib.suppress(errors.WrongUsage, errors.Misconfigured):
        found = import_formats.read(content, "a file", ALICE, content.decode("utf-8", "replace"))
        chosen = import_formats.choose(found, ["alice@example.org"], None, "a file")
        import_formats.choices(chosen, clouds(), "a file")

    assert all(one.refresh_token and one.what for one in found)


@pytest.mark.parametrize(
    "content",
    [b"a" * 1_000_000 + b"\n(", b"a." * 500_000 + b" ", b"eyJ" + b"a" * 999_000 + b".", b"=" * 1_000_000 + b"("],
)
def test_a_large_file_costs_no_time(content: bytes) -> None:
    """A megabyte of nonsense is refused at once: no pattern backtracks."""
    started = time.monotonic()

    with contextlib.suppress(errors.Misconfigured):
        import_formats.read(content, "a file", ALICE)

    assert time.monotonic() - started < 5
