"""The tables that ship with this package: each row has its fields and its source."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.knowledge import tables
from offlineimap_m365.knowledge.tables import EXIT_CODES, load
from offlineimap_m365.recipes import timers

SHIPPED = Path(tables.__file__).with_name("data")

_WORDS: dict[str, type] = {"class": str, "meaning": str, "remedy": str, "source": str}
_CLOUD = ("title", "login", "issuer", "instance", "sub_scope", "imap", "smtp", "scope_prefix", "app_scope")
#: Per table: its sections, and what each row of a section has.
SHAPES: dict[str, dict[str, dict[str, type]]] = {
    "aadsts": {
        "codes": _WORDS,
        "errors": _WORDS,
        "suberrors": _WORDS,
        "replies": _WORDS,
        "pages": {"code": str, "source": str},
    },
    "clouds": {"clouds": {**dict.fromkeys(_CLOUD, str), "domains": list, "also": list}},
    "clients": {"clients": dict.fromkeys(("browser", "paste", "name", "publisher"), str)},
    "programs": {"programs": {"title": str, "tested": str, "limits": list, "source": list}},
}
FILL_INS = {"account", "command", "client_id", "tenant", "redirect_uri"}


@pytest.mark.parametrize("name", SHAPES)
def test_each_row_has_the_fields_that_the_code_reads(name: str) -> None:
    """A row without a field, or with one of another type, would break an error message."""
    table = load(name)

    for section, shape in SHAPES[name].items():
        for key, row in table[section].items():
            assert all(isinstance(row.get(field), kind) for field, kind in shape.items()), (section, key)


def test_each_explanation_can_be_filled_in() -> None:
    """Classes have an exit code, braces hold a known name, and the optional columns hold what the code expects."""
    table = load("aadsts")

    for section in ("codes", "errors", "suberrors", "replies"):
        for key, row in table[section].items():
            words = [row, row.get("personal", row)]
            fields = {field for text in words for part in ("meaning", "remedy") for field in braces(text[part])}
            assert row["class"] in EXIT_CODES, key
            assert fields <= FILL_INS, key
            assert row.get("place", False) in (True, False), key
            assert row.get("prompt", "login") in ("login", "consent"), key
    assert all(row["code"] in table["codes"] for row in table["pages"].values())


def braces(text: str) -> set[str]:
    """Return what stands in the braces of *text*."""
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


def test_each_limit_of_a_program_names_its_versions_and_its_source() -> None:
    """Versions can be compared, and lengths are numbers."""
    for name, row in load("programs")["programs"].items():
        assert all({"what", "versions", "source"} <= set(limit) for limit in row["limits"]), name
        assert re.fullmatch(r"\d+(\.\d+)*", row.get("needs", "0")), name
        assert row.get("longest_token", 1) > 0, name


def test_every_explanation_is_plain_and_ends_in_an_act() -> None:
    """No explanation shouts, begs, uses the provider's jargon, or is longer than two lines of a terminal."""
    table = load("aadsts")

    rows = [row for section in ("codes", "errors", "suberrors") for row in table[section].values()]

    for row in rows:
        text = f"{row['meaning']}. {row['remedy']}"
        assert not re.search(r"!|please|authority|\bscope\b(?! )|\bfresh|\bstale", text, re.IGNORECASE), text
        assert not row["meaning"].endswith("."), text
        assert len(row["meaning"]) <= 160, text
        assert row["remedy"], text
        assert row["source"], text


def test_every_short_source_is_spelt_out() -> None:
    """The letters that stand for a source are explained in the table."""
    table = load("aadsts")

    letters = {row["source"] for row in table["codes"].values() if len(row["source"]) == 1}

    assert letters <= set(table["sources"])


def test_classes_have_the_exit_codes_of_the_contract() -> None:
    """A person's matter is 77, a configuration's 78, a passing fault's 75."""
    by_code: dict[int, set[str]] = {}

    for klass, exit_code in EXIT_CODES.items():
        by_code.setdefault(exit_code, set()).add(klass)

    assert by_code == {
        77: {"LOGIN", "CLAIMS", "PASSWORD", "ACCOUNT", "ADMIN", "DEVICE"},
        78: {"CONFIG"},
        75: {"WAIT"},
    }


def test_the_default_client_is_thunderbird_and_alive() -> None:
    """The default client id is named, has a redirect for either flow, and is not a disabled one."""
    table = load("clients")

    default = table["clients"][table["default"]]

    assert (default["name"], default["browser"], default["paste"]) == (
        "Mozilla Thunderbird",
        "http://localhost",
        "https://localhost",
    )
    assert "dead" not in default


def test_a_dead_client_id_names_a_known_code() -> None:
    """What Microsoft will say of a disabled client id can be explained beforehand."""
    clients, codes = load("clients")["clients"], load("aadsts")["codes"]

    dead = {row["dead"] for row in clients.values() if "dead" in row}

    assert dead == {"7000112"}
    assert dead <= set(codes)


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

    for name in ("aadsts", "clouds", "clients", "programs"):
        text = (SHIPPED / f"{name}.json").read_text(encoding="utf-8")
        json.loads(text, object_pairs_hook=lambda pairs: keys.append([key for key, _ in pairs]))

    assert all(len(names) == len(set(names)) for names in keys)


def test_every_program_has_its_row() -> None:
    """What config can print for a mail program has a row of what that program cannot do, and no other program has."""
    rows = load("programs")["programs"]

    assert set(rows) == set(recipes.PROGRAMS) - timers.NAMES
    for row in rows.values():
        assert row["source"]
        assert all(len(limit["what"]) <= 160 and not limit["what"].endswith(".") for limit in row["limits"])
