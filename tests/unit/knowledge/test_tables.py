"""The facts that ship with this package, and what is read off them."""

from __future__ import annotations

from offlineimap_m365.knowledge import mail_scopes, powershell, tables
from offlineimap_m365.knowledge.tables import EXIT_CODES, load


def test_classes_have_the_exit_codes_of_the_contract() -> None:
    """A person's matter is 77, a configuration's 78, a passing fault's 75."""
    of_a_person = dict.fromkeys(("LOGIN", "CLAIMS", "PASSWORD", "ACCOUNT", "ADMIN", "DEVICE"), 77)

    assert {**of_a_person, "CONFIG": 78, "WAIT": 75} == EXIT_CODES


def test_the_default_client_is_thunderbird_and_alive() -> None:
    """The default client id has a redirect for either flow, and is none that Microsoft switched off."""
    table = load("clients")
    default = table["clients"][table["default"]]

    assert default["name"] == "Mozilla Thunderbird"
    assert (default["browser"], default["paste"]) == ("http://localhost", "https://localhost")
    assert "dead" not in default


def test_addresses_that_microsoft_gives_out() -> None:
    """Only Microsoft's own domains, in any country; a university's live.* is not one of them."""
    for domain in ("outlook.com", "OUTLOOK.DE", "live.com.ar"):
        assert tables.is_consumer(f"eve@{domain}"), domain
    for domain in ("live.unc.edu", "outlook.example.org", "mylive.com"):
        assert not tables.is_consumer(f"eve@{domain}"), domain


def test_a_scope_is_for_one_protocol() -> None:
    """The end of the name decides, in any spelling; other permissions are not for mail."""
    scopes = ("https://x/IMAP.AccessAsUser.All", "smtp.send", "POP.AccessAsApp", "https://x/.default", "SMTP.Sender")

    assert [mail_scopes.protocol(scope) for scope in scopes] == ["imap", "smtp", "pop", None, None]


def test_a_word_of_powershell_is_quoted_unless_it_is_plain() -> None:
    """Single quotes are doubled, typographic ones too: PowerShell ends a text with each of them."""
    words = {word: f"'{word}'" for word in ("a;b", "@x", "$x", "", "-WhatIf")}
    words |= {f"o{quote};x": f"'o{quote}{quote};x'" for quote in "'\u2018\u2019\u201a\u201b"}
    words["alice@example.org"] = "alice@example.org"

    assert {word: powershell.quoted(word) for word in words} == words
