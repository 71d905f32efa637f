"""The facts that ship with this package: each row of a table has its fields and its source."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

from offlineimap_m365 import recipes
from offlineimap_m365.knowledge import mail_scopes, powershell, tables
from offlineimap_m365.knowledge.tables import EXIT_CODES, load
from offlineimap_m365.recipes import timers

_WORDS: dict[str, type] = {"class": str, "meaning": str}
_NAMED: dict[str, type] = {"is": str, "source": str}
_CLOUD = ("title", "login", "issuer", "instance", "sub_scope", "imap", "smtp", "scope_prefix", "app_scope")
#: Per table: its sections, and what each row of a section has.
SHAPES: dict[str, dict[str, dict[str, type]]] = {
    "aadsts": {
        "explanations": _WORDS,
        "replies": {**_WORDS, "source": str},
        **dict.fromkeys(("codes", "errors", "suberrors", "pages"), _NAMED),
    },
    "clouds": {"clouds": {**dict.fromkeys(_CLOUD, str), "domains": list, "also": list}},
    "clients": {"clients": dict.fromkeys(("browser", "paste", "name", "publisher"), str)},
    "programs": {"programs": {"title": str, "tested": str, "limits": list, "source": list}},
}
FILL_INS = {"account", "command", "client_id", "tenant", "redirect_uri"}


def test_each_row_has_the_fields_that_the_code_reads() -> None:
    """A row without a field, or with one of another type, would break an error message."""
    for name, sections in SHAPES.items():
        for section, shape in sections.items():
            for key, row in load(name)[section].items():
                assert all(isinstance(row.get(field), kind) for field, kind in shape.items()), (section, key)


def test_each_explanation_can_be_filled_in() -> None:
    """Names lead somewhere, classes have an exit code, braces hold a known name, optional columns what is expected."""
    table = load("aadsts")
    rows = {**table["explanations"], **table["replies"]}
    named = [entry["is"] for section in ("codes", "errors", "suberrors", "pages") for entry in table[section].values()]
    variants = [row[column] for row in rows.values() for column in ("personal", "default_client") if column in row]

    assert {*named, *variants} <= set(table["explanations"])
    assert set(table["explanations"]) - {*named, *variants} == {"no-reason", "not-oauth"}
    assert set(table["wrappers"]) <= set(table["codes"])
    for key, row in rows.items():
        remedy = table["remedies"][row["remedy"]] if isinstance(row["remedy"], str) else row["remedy"]
        words = [row["meaning"], *(remedy.get(part, "") for part in ("advice", "command", "ask"))]
        fields = {field for text in words for _, field, _, _ in string.Formatter().parse(text) if field is not None}
        assert row["class"] in EXIT_CODES, key
        assert set(remedy) <= {"advice", "command", "where", "ask"}, key
        assert fields <= FILL_INS, key
        assert row.get("place", False) in (True, False), key
        assert row.get("prompt", "login") in ("login", "consent"), key


def test_each_program_has_a_row_of_what_it_cannot_do() -> None:
    """Each that config can print for, and no other; versions can be compared, and lengths are numbers."""
    rows = load("programs")["programs"]

    assert set(rows) == set(recipes.PROGRAMS) - timers.NAMES
    for name, row in rows.items():
        assert row["source"], name
        assert all({"what", "versions", "source"} <= set(limit) for limit in row["limits"]), name
        assert all(len(limit["what"]) <= 160 and not limit["what"].endswith(".") for limit in row["limits"]), name
        assert re.fullmatch(r"\d+(\.\d+)*", row.get("needs", "0")), name
        assert row.get("longest_token", 1) > 0, name


def test_every_explanation_is_plain() -> None:
    """No explanation shouts, begs, or uses words that only programmers know."""
    table = load("aadsts")
    rows = [*table["explanations"].values(), *table["replies"].values()]
    own = [row["remedy"] for row in rows if not isinstance(row["remedy"], str)]

    texts = [row["meaning"] for row in rows]
    texts += [remedy["advice"] for remedy in (*table["remedies"].values(), *own) if "advice" in remedy]

    for text in texts:
        assert not re.search(r"!|please (?!report)|authority(?! out)|\bfresh|\bstale", text, re.IGNORECASE), text
        assert not text.endswith("."), text
        assert len(text) <= 160, text


def test_classes_have_the_exit_codes_of_the_contract() -> None:
    """A person's matter is 77, a configuration's 78, a passing fault's 75."""
    of_a_person = dict.fromkeys(("LOGIN", "CLAIMS", "PASSWORD", "ACCOUNT", "ADMIN", "DEVICE"), 77)

    assert {**of_a_person, "CONFIG": 78, "WAIT": 75} == EXIT_CODES


def test_the_default_client_is_thunderbird_and_alive() -> None:
    """The default client id has a redirect for either flow; what Microsoft says of a disabled one can be explained."""
    table = load("clients")
    default = table["clients"][table["default"]]

    assert default["name"] == "Mozilla Thunderbird"
    assert (default["browser"], default["paste"]) == ("http://localhost", "https://localhost")
    assert "dead" not in default
    assert {row["dead"] for row in table["clients"].values() if "dead" in row} == {"7000112"}
    assert "7000112" in load("aadsts")["codes"]


def test_every_cloud_has_hosts_with_ports() -> None:
    """The mail hosts of a cloud are complete, and its issuer names its login host."""
    clouds = load("clouds")["clouds"]

    assert set(clouds) == {"global", "usgov", "usgov-dod", "china"}
    for cloud in clouds.values():
        assert cloud["imap"].endswith(":993")
        assert cloud["smtp"].endswith(":587")
        assert cloud["issuer"] == f"https://{cloud['login']}/{{tenant}}/v2.0"
        assert re.fullmatch(r"https://[a-z0-9.-]+/", cloud["scope_prefix"])


def test_tables_are_written_as_they_are_read() -> None:
    """A shipped table holds no key twice, which JSON would drop without a word."""
    keys: list[list[str]] = []

    for name in SHAPES:
        text = Path(tables.__file__).with_name("data").joinpath(f"{name}.json").read_text(encoding="utf-8")
        json.loads(text, object_pairs_hook=lambda pairs: keys.append([key for key, _ in pairs]))

    assert all(len(names) == len(set(names)) for names in keys)


def test_addresses_that_microsoft_gives_out() -> None:
    """Only Microsoft's own domains, in any country; a university's live.* is not one of them."""
    for domain in ("outlook.com", "OUTLOOK.DE", "live.com.ar"):
        assert tables.is_consumer(f"eve@{domain}"), domain
    for domain in ("live.unc.edu", "outlook.example.org", "mylive.com"):
        assert not tables.is_consumer(f"eve@{domain}"), domain


def test_a_scope_is_for_one_protocol() -> None:
    """The end of the name decides, in any spelling; other permissions are not for mail."""
    protocols = {
        "https://outlook.office.com/IMAP.AccessAsUser.All": "imap",
        "smtp.send": "smtp",
        "SMTP.SendAsApp": "smtp",
        "POP.AccessAsApp": "pop",
        "https://outlook.office365.com/.default": None,
        "https://x/SMTP.Sender": None,
    }

    assert {scope: mail_scopes.protocol(scope) for scope in protocols} == protocols


def test_a_word_of_powershell_is_quoted_unless_it_is_plain() -> None:
    """Single quotes are doubled, typographic ones too: PowerShell ends a text with each of them."""
    words = {word: f"'{word}'" for word in ("a;b", "@x", "$x", "", "-WhatIf")}
    words |= {f"o{quote};x": f"'o{quote}{quote};x'" for quote in "'\u2018\u2019\u201a\u201b"}
    words["alice@example.org"] = "alice@example.org"

    assert {word: powershell.quoted(word) for word in words} == words
