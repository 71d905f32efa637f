"""The shipped tables, and what a user's own file does to them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.base.errors import Misconfigured
from offlineimap_m365.knowledge import tables
from offlineimap_m365.knowledge.tables import EXIT_CODES, load, override
from offlineimap_m365.recipes import timers

SHIPPED = Path(tables.__file__).with_name("data")

BROKEN = {
    "no JSON": ("aadsts", "{"),
    "no UTF-8": ("aadsts", b"\xff\xfe"),
    "no object": ("clouds", "[]"),
    "no such class": ("aadsts", '{"codes": {"50173": {"class": "SOON"}}}'),
    "row without its fields": ("aadsts", '{"codes": {"99999": {"class": "LOGIN"}}}'),
    "wrong type": ("aadsts", '{"codes": {"50173": {"meaning": 3}}}'),
    "section of another type": ("aadsts", '{"pages": []}'),
    "unknown fill-in": ("aadsts", '{"codes": {"50173": {"remedy": "{secret}"}}}'),
    "attribute of a fill-in": ("aadsts", '{"codes": {"50173": {"remedy": "{account.__class__}"}}}'),
    "open brace": ("aadsts", '{"codes": {"50173": {"remedy": "{"}}}'),
    "personal words of another type": ("aadsts", '{"codes": {"50173": {"personal": "no"}}}'),
    "personal words without a remedy": ("aadsts", '{"codes": {"50173": {"personal": {"meaning": "x"}}}}'),
    "personal words with an unknown fill-in": (
        "aadsts",
        '{"codes": {"50173": {"personal": {"meaning": "x", "remedy": "{secret}"}}}}',
    ),
    "place that nobody knows": ("aadsts", '{"codes": {"50173": {"seen": ["sky"]}}}'),
    "places that are no list": ("aadsts", '{"codes": {"50173": {"seen": "page"}}}'),
    "place that is no answer": ("aadsts", '{"codes": {"50173": {"place": "yes"}}}'),
    "prompt that nobody knows": ("aadsts", '{"codes": {"50173": {"prompt": "none"}}}'),
    "reply without a class": ("aadsts", '{"replies": {"oops": {"meaning": "x", "remedy": "y", "source": "z"}}}'),
    "page without a code": ("aadsts", '{"pages": {"oops": {"code": "1", "source": "x"}}}'),
    "default that is no client": ("clients", '{"default": "nobody"}'),
    "cloud without a mail host": ("clouds", '{"clouds": {"mars": {"login": "login.example"}}}'),
    "consumers of another type": ("clouds", '{"consumers": "none"}'),
    "program that nobody says was run": ("programs", '{"programs": {"pine": {"title": "Pine"}}}'),
    "limit without a source": ("programs", '{"programs": {"msmtp": {"limits": [{"what": "x", "versions": "1"}]}}}'),
    "version that cannot be compared": ("programs", '{"programs": {"msmtp": {"needs": "1.8-rc1"}}}'),
    "version that is no text": ("programs", '{"programs": {"msmtp": {"needs": 1.8}}}'),
    "limit that is no number": ("programs", '{"programs": {"msmtp": {"longest_token": "3040"}}}'),
    "limit of nothing": ("programs", '{"programs": {"msmtp": {"longest_token": 0}}}'),
    "very deep": ("clouds", '{"a":' * 200000),
}


def write(home: Path, name: str, text: str | bytes) -> Path:
    """Put *text* where the user's own table *name* lies."""
    path = home / "data" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("name", ["aadsts", "clouds", "clients", "programs"])
def test_shipped_tables_pass_their_own_check(name: str, tmp_path: Path) -> None:
    """A shipped table has the shape that is asked of a user's."""
    write(tmp_path, name, "{}")

    table = load(name, tmp_path)

    assert table == load(name)


def test_one_row_of_a_user_goes_over_the_shipped_ones(tmp_path: Path) -> None:
    """A user's file needs only what it changes."""
    write(tmp_path, "aadsts", '{"codes": {"50173": {"meaning": "Mine"}}}')

    codes = load("aadsts", tmp_path)["codes"]

    assert codes["50173"]["meaning"] == "Mine"
    assert codes["50173"]["class"] == "LOGIN"
    assert "50011" in codes


def test_without_a_file_there_is_no_override(tmp_path: Path) -> None:
    """A home without own tables leaves the shipped ones."""
    found = override("clouds", tmp_path)

    assert found is None
    assert override("clouds", None) is None


def test_an_override_is_named(tmp_path: Path) -> None:
    """The path of a user's own table can be shown."""
    path = write(tmp_path, "clouds", "{}")

    found = override("clouds", tmp_path)

    assert found == path


@pytest.mark.parametrize(("name", "text"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named(name: str, text: str | bytes, tmp_path: Path) -> None:
    """A user's file of a wrong shape is a configuration error that names the file."""
    path = write(tmp_path, name, text)

    with pytest.raises(Misconfigured) as caught:
        load(name, tmp_path)

    assert str(path) in caught.value.fact
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("which", ["file", "folder"])
def test_a_table_that_others_may_change_is_refused(which: str, tmp_path: Path) -> None:
    """It says where secrets are sent: 78 with the command that closes it, before anything in it counts."""
    path = write(tmp_path, "clouds", "{}")
    (path if which == "file" else path.parent).chmod(0o777)

    with pytest.raises(Misconfigured, match="Others may write to") as caught:
        load("clouds", tmp_path)

    assert caught.value.remedy.startswith("Run: chmod go-w ")


def test_a_dangling_link_is_not_overlooked(tmp_path: Path) -> None:
    """A user's file that cannot be read is an error, never the shipped table in silence."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "clouds.json").symlink_to(tmp_path / "nowhere")

    with pytest.raises(Misconfigured, match=r"clouds\.json"):
        load("clouds", tmp_path)


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
