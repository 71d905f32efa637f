"""Keeping a sign-in in the store that was chosen: proved before, both or none, and nothing left in another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.folders.learned import PERSONAL_TENANT
from offlineimap_m365.provider.provider import Provider
from offlineimap_m365.signin import login_session, save
from offlineimap_m365.signin.attempt import SignIn
from offlineimap_m365.signin.login_request import Plan
from offlineimap_m365.stores import selection
from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    from tests.unit.fake_keyring import FakeKeyring
    from tests.world import World

BOB = "bob@example.org"
PROVIDER = Provider("my-client", "https://login.microsoftonline.com/common", ("a", "b"))


def make_plan(**changes: Any) -> Plan:
    """Return the plan of a first login of Alice, changed."""
    fields: dict[str, Any] = {
        "name": ALICE, "hint": ALICE, "person": {}, "provider": PROVIDER, "flow": "paste", "port": 0, "opens": False,
        "redirect_uri": "https://localhost", "cloud": "global", "store": "file", "client_name": None, "chosen": {},
    }  # fmt: skip
    return Plan(**{**fields, **changes})


def sign_in_of(who: str, secret: str = "secret", **claims: Any) -> SignIn:
    """Return what a flow brings when *who* signs in."""
    entry = {"secret": secret, "cached_at": "1", "expires_on": "2"}
    cache = {"AccessToken": {"k": entry}, "RefreshToken": {"k": {"secret": f"refresh {secret}"}}}
    claims = {"preferred_username": who, "tid": "t", "oid": {ALICE: "1", BOB: "2"}.get(who, "9"), **claims}
    return SignIn(claims, json.dumps(cache).encode())


def plan_for(store: str) -> Plan:
    """Return the plan of a login that chose the *store*."""
    return make_plan(store=store, chosen={"store": store})


def kept(store: str, secret: str) -> profiles.Account:
    """Keep a sign-in of Alice's with this *secret*."""
    return save.save(save.check_store(plan_for(store)), sign_in_of(ALICE, secret))


def held() -> list[str]:
    """Return the kinds of places that hold something of Alice."""
    stores = selection.everywhere(profiles.get(ALICE).folder, ALICE)
    return [selection.kind(store.name) for store in stores if store.generation() is not None]


@pytest.mark.parametrize(("first", "second"), [("file", "keyring"), ("keyring", "file"), ("keyring", "keyring")])
def test_an_earlier_sign_in_is_nowhere_any_more(keys: FakeKeyring, world: World, first: str, second: str) -> None:
    """After a login only its own secrets are there, and only in the store that it chose."""
    kept(first, "old")

    account = kept(second, "new")

    everything = world.text_of_all_files() + "".join(keys.items.values())
    assert held() == [second]
    assert (account.store, account.chosen["store"]) == (second, second)
    assert ('"new"' in everything, '"old"' in everything) == (True, False)
    assert len(keys.items) == (second == "keyring")


@pytest.mark.parametrize(("first", "second"), [("file", "keyring"), ("keyring", "keyring")])
def test_a_store_that_gives_back_something_else_keeps_the_earlier_sign_in(
    keys: FakeKeyring, first: str, second: str
) -> None:
    """What does not come back as it was written is refused, and the earlier sign-in is where it was."""
    before = kept(first, "old")
    prepared = save.check_store(plan_for(second))
    keys.spoil = lambda secret: secret.replace('"new"', '"odd"')

    with pytest.raises(errors.Misconfigured, match="does not return"):
        save.save(prepared, sign_in_of(ALICE, "new"))

    assert profiles.get(ALICE) == before
    assert b'"old"' in (selection.open_store(first, before.folder, ALICE).read() or b"")
    assert held() == [first]


def test_a_locked_keyring_troubles_nobody(keys: FakeKeyring, world: World) -> None:
    """It is 75 before the sign-in begins, with a store that works instead, and nothing is made."""
    keys.is_locked = True

    with pytest.raises(errors.Temporary, match="locked") as caught:
        save.check_store(plan_for("keyring"))

    assert f"offlineimap-m365 login {ALICE} --store file" in caught.value.remedy.text
    assert profiles.load(ALICE) is None
    assert not world.folder(ALICE).exists()


def test_what_auto_decided_is_said_and_remembered(
    keys: FakeKeyring, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next login without options does the same, whatever works then."""
    monkeypatch.setattr(selection, "_choose", lambda *_: ("keyring", "It answered"))

    account = kept("auto", "new")

    assert heard == ["Secrets go to the store keyring: It answered"]
    assert (account.store, account.chosen["store"]) == ("keyring", "keyring")
    assert keys.items
    assert save.check_store(make_plan()).chosen == {}


def test_an_old_place_that_cannot_be_emptied_undoes_no_sign_in(keys: FakeKeyring, heard: list[str]) -> None:
    """It is one line that names it; the sign-in counts, and the next one removes what was left."""
    kept("keyring", "old")
    keys.is_locked = True

    account = kept("file", "new")
    keys.is_locked = False
    left = len(keys.items)
    kept("file", "newer")

    assert account.is_signed_in
    assert len(heard) == 1
    assert "locked" in heard[0]
    assert (left, keys.items) == (1, {})


HERE, ELSEWHERE = "aaaabbbb-0000-cccc-1111-dddd2222eeee", "ffffaaaa-0000-cccc-1111-dddd2222eeee"


#: The claims of guests by where they are at home; those of nobody's guests by None.
HOMES: dict[str | None, list[dict[str, Any]]] = {
    ELSEWHERE: [
        {"idp": f"https://sts.windows.net/{ELSEWHERE}/"},
        {"idp": f"https://login.microsoftonline.com/{ELSEWHERE}/v2.0"},
    ],
    "consumers": [{"idp": f"https://sts.windows.net/{PERSONAL_TENANT}/"}, {"idp": "live.com"}],
    "home.example.org": [
        {"upn": "alice_home.example.org#EXT#@inviter.example.com"},
        {"preferred_username": "a_b_home.example.org#EXT#@inviter.example.com"},
    ],
    "": [{"acct": 1}],
    None: [
        {},
        {"idp": f"https://sts.windows.net/{HERE}/"},
        {"idp": "https://adfs.example.org/adfs/services/trust"},
        {"idp": 5, "acct": 0, "upn": None},
        {"tid": PERSONAL_TENANT, "idp": "live.com"},
        {"tid": None, "idp": "live.com"},
        {"upn": "ext@example.org"},
    ],
}


def test_a_guest_is_at_home_elsewhere(subtests: pytest.Subtests) -> None:
    """Told by the identity provider, a name with #EXT#, or the kind of account; members and personal ones are none."""
    for at_home, guests in HOMES.items():
        for claims in guests:
            with subtests.test(str(claims)):
                assert save.home_of_guest({"tid": HERE, **claims}, PERSONAL_TENANT) == at_home


def test_a_guest_is_told_to_go_home(world: World) -> None:
    """Guests have no mailbox in the organisation that invited them: the command that signs in at home."""
    account = save.save(save.check_store(make_plan()), sign_in_of(ALICE, idp="live.com"))

    assert login_session.lines_after(account, account.scopes)[-1].endswith(f"login {ALICE} --tenant consumers")
