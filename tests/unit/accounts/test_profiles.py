"""Accounts and their profiles: found, told apart, kept for later releases, refused when broken."""

from __future__ import annotations

import dataclasses
import json
import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, fresh_token, safe_file
from offlineimap_m365.folders import learned
from offlineimap_m365.tokens import engine
from tests.signed_in_accounts import ALICE, invent, made_up
from tests.unit.accounts.test_account_state import JSON

if TYPE_CHECKING:
    from tests.world import World

_FUZZ = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
_FIELDS = [field.name for field in dataclasses.fields(profiles.Account) if field.name not in ("name", "others")]


def profile_of(account: profiles.Account) -> Path:
    """Return the path of a profile."""
    return Path(account.folder) / "profile.json"


def change(account: profiles.Account, /, **fields: Any) -> None:
    """Put *fields* into the profile's file, unchecked; ``...`` removes one."""
    document = json.loads(profile_of(account).read_text()) | fields
    profile_of(account).write_text(json.dumps({name: value for name, value in document.items() if value is not ...}))


def test_an_account_is_found_without_case(world: World) -> None:
    """Names are compared without case, in NFC (a Mac types NFD), and shown as they were given."""
    account = invent("J\u00f6rg@Example.org")

    assert "J\u00f6rg" in profile_of(account).read_text("utf-8")
    for name in (" j\u00f6rg@EXAMPLE.ORG ", unicodedata.normalize("NFD", "j\u00f6rg@example.org"), None):
        assert profiles.get(name).name == "J\u00f6rg@Example.org"


@pytest.mark.parametrize("name", ["", " ", "-alice", "a b@example.org", "a\nb", "a\u202eb", "\udcff", "a\x00b"])
def test_what_is_no_name(name: str) -> None:
    """A name that could be an option, break a line or hide something is wrong usage."""
    with pytest.raises(errors.WrongUsage, match="Not the name of an account"):
        profiles.clean_name(name)


def test_nobody_is_signed_in(world: World) -> None:
    """Without accounts, or after a logout, that is 77, and names the directory that was searched."""
    for name in (None, ALICE):
        with pytest.raises(errors.SignInNeeded, match=f"Searched in {world.home}"):
            profiles.get(name)
    invent(signed_in_at=None)
    for name in (None, ALICE):
        with pytest.raises(errors.SignInNeeded, match="is not signed in"):
            profiles.signed_in(name)


def test_kinds_of_accounts(world: World) -> None:
    """The tenant tells a personal account, whatever its address, and the profile's kind an application's."""
    for fields, kinds in (
        ({"tenant": learned.PERSONAL_TENANT}, (True, False)),
        ({"tenant": "0"}, (False, False)),
        ({"tenant": None, "kind": "app-only"}, (False, True)),
        ({"kind": "another"}, (False, False)),
    ):
        invent(**fields)
        account = profiles.signed_in(ALICE)
        assert (account.is_personal, account.is_app_only) == kinds, fields


def test_several_accounts_are_listed(world: World) -> None:
    """With several accounts, who names none gets 2 and a list; one that signed out is not one of several."""
    invent()
    invent("bob@example.org", signed_in_at=None)

    assert profiles.get(None).name == ALICE
    assert profiles.names() == [ALICE, "bob@example.org"]
    invent("bob@example.org")
    with pytest.raises(errors.WrongUsage, match=r"There are 2 accounts: alice@example\.org, bob@example\.org"):
        profiles.get(None)


def test_who_may_be_meant_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who asks for a mailbox's address learns of five accounts that signed in there; one of them may be meant.

    An account that is not signed in, or lost its tokens, costs the same beside hundreds of others.
    """
    invent("bob@example.org", signed_in_at=None)
    account = invent("alice@corp.example", identity=ALICE)
    assert profiles.not_signed_in(ALICE).meaning.endswith("signed in there: alice@corp.example")
    assert "signed in" not in profiles.not_signed_in("ALICE@corp.example").meaning
    for number in range(1, 12):
        assert profiles.not_signed_in(ALICE).meaning.endswith(" and others") == (number > 5)
        invent(f"box{number}@example.org")
    profiles.save(dataclasses.replace(profiles.get("bob@example.org"), signed_in_at="2026-01-01T00:00:00Z"))
    read = mock.Mock(wraps=safe_file.read)
    monkeypatch.setattr(safe_file, "read", read)

    unknown, lost = profiles.not_signed_in(ALICE), profiles.lost(account)

    assert read.call_count == unknown.meaning.count("@") + 1 == 6
    assert "@" not in lost.meaning


def test_unknown_fields_are_kept(world: World) -> None:
    """What a later release wrote into the profile is still there after this one wrote it."""
    account = invent()
    change(account, new_field={"deep": [1]}, chosen={"new_choice": "x"}, version=0)

    result = profiles.get(ALICE)
    profiles.save(dataclasses.replace(result, signed_in_at="2026-01-01T00:00:00Z"))

    document = json.loads(profile_of(account).read_text())
    assert document["new_field"] == {"deep": [1]}
    assert document["chosen"] == {"new_choice": "x"}
    assert document["version"] == 1


@pytest.mark.parametrize("fields", [{}, {"scopes": "other"}, {"account": None}, {"authority": 5}])
def test_a_later_version_is_left_alone(world: World, fields: dict[str, Any]) -> None:
    """A profile of a later version is 78 whatever else is in it, its token is not read, and nothing is written."""
    account = invent()
    change(account, version=2, **fields)
    before = {path: path.read_bytes() for path in world.home.rglob("*") if path.is_file()}

    with pytest.raises(errors.Misconfigured, match="later release") as caught:
        engine.access_token(ALICE)

    assert caught.value.account == (None if "account" in fields else ALICE)
    assert fresh_token.find(ALICE) is None
    assert {path: path.read_bytes() for path in world.home.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "fields",
    [
        {"version": None},
        {"version": "1"},
        {"account": "bob@example.org"},
        {"account": "aaa@example.org"},
        {"account": 5},
        {"scopes": "imap"},
        {"authority": "http://login.example/"},
        {"endpoints": {"token_endpoint": "http://login.example/token"}},
        {"endpoints": {"authorization_endpoint": "http://login.example/authorize"}},
        {"person": []},
        {"chosen": None},
        {"client_id": None},
        {"credential": {}},
        {"credential": {"client_secret_file": "x", "certificate": "y"}},
        {"scopes": ...},
        {"imap": ...},
    ],
)
def test_a_broken_profile_is_named(world: World, fields: dict[str, Any]) -> None:
    """A profile that is not what it should be, lacks a field, or sends secrets without TLS, is 78 with the command."""
    account = invent()
    change(account, **fields)

    with pytest.raises(errors.Misconfigured, match="is not a profile of this program") as caught:
        profiles.get(ALICE)

    path = profile_of(account)
    assert caught.value.remedy.command == f"mv {path} {path}.broken && offlineimap-m365 login {ALICE}"
    assert profiles.names() == [ALICE]


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"null", b"[" * 100_000, b'{"version": 1', 0, 0o602])
def test_nonsense_in_a_profile(world: World, content: bytes | int) -> None:
    """What is no JSON object, may not be read, or may be written by others, is 78."""
    path = profile_of(invent())
    path.chmod(content) if isinstance(content, int) else path.write_bytes(content)

    with pytest.raises(errors.Misconfigured):
        profiles.get(ALICE)


def test_a_broken_account_does_not_hide_another(world: World) -> None:
    """Others go on, and a quoted name is shown as it is; in a home that cannot be read are none."""
    invent()
    profile_of(invent("j\u00f6rg@example.org")).write_bytes(b"")

    assert profiles.names() == profiles.names_if_readable() == [ALICE, "j\u00f6rg@example.org"]
    assert profiles.get(ALICE).name == ALICE
    world.home.chmod(0)
    assert profiles.names_if_readable() == []
    world.home.chmod(0o700)


def outcome() -> str:
    """Return Alice's token; "none" if there is an error of ours."""
    try:
        return engine.access_token(ALICE).value
    except errors.M365Error:
        return "none"


@mock.patch.object(os, "fsync", new=str)
@_FUZZ
@given(st.dictionaries(st.sampled_from([*_FIELDS, "version", "account"]), JSON, max_size=3))
def test_whatever_is_in_a_profile(world: World, fields: dict[str, Any]) -> None:
    """Whatever happened to a profile, the outcome is a token or an error of ours."""
    change(invent(), **fields)

    assert outcome() in ("none", "a-made-up-access-token")
    assert fresh_token.find(ALICE) in (None, "a-made-up-access-token")


_TIMES = ("cached_at", "expires_on", "last_modification_time")
_ENTRY = st.dictionaries(
    st.sampled_from(["secret", *_TIMES, "home_account_id", "environment"]), JSON | st.integers(0, 2**34).map(str)
)
_PART = JSON | st.dictionaries(st.sampled_from("ab"), JSON | _ENTRY, max_size=2)


@mock.patch.object(os, "fsync", new=str)
@_FUZZ
@given(st.dictionaries(st.sampled_from(["AccessToken", "RefreshToken", "Account", "IdToken"]), _PART) | JSON)
def test_whatever_is_in_a_cache(world: World, content: object) -> None:
    """Whatever happened to a cache, the outcome is a token or an error of ours, and another time, too."""
    account = invent()
    merged = made_up(-10) | content if isinstance(content, dict) else content
    (Path(account.folder) / "cache.json").write_text(json.dumps(merged))

    for _ in range(2):
        result = outcome()
        assert result
        assert fresh_token.find(ALICE) in (None, result)
