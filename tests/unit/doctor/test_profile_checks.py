"""What the doctor finds in what is kept of an account: profile, client, store and sign-in. Nobody is asked."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365 import doctor
from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Subject
from tests import certificates
from tests.doctor_checks import checks_of, command_of, is_well, named, offline, only, put_stub
from tests.m365.entra import THUNDERBIRD
from tests.signed_in_accounts import ALICE, SCOPES, invent

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.doctor import Check
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

DAY = 86_400
TENANT = "11112222-3333-4444-5555-666677778888"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
APP = "0f0f0f0f-aaaa-bbbb-cccc-0123456789ab"


def examined(*, is_offline: bool = False) -> list[Check]:
    """Return the checks of Alice's account alone."""
    return checks_of(doctor.account_steps(offline=True), Subject(ALICE, ALICE, offline=is_offline))


@pytest.fixture
def alice(world: World) -> profiles.Account:
    """Return Alice, who signed in."""
    put_stub()
    return invent(identity="alice@corp.example", tenant=TENANT, client_id=THUNDERBIRD)


def test_a_good_account_is_told_in_four_lines(alice: profiles.Account) -> None:
    """Who signed in where, as whom the program asks, where the secrets are, and how long it would last unused."""
    account_state.succeeded(alice.folder, "login")

    found = examined()

    assert [(check.name, check.ok) for check in found] == [
        (name, True) for name in ("profile", "client", "store", "sign-in")
    ]
    assert found[0].meaning == f"{ALICE}: alice@corp.example signs in at localhost:1, for the mail at localhost:993"
    assert "Mozilla Thunderbird, a public client" in found[1].meaning
    assert alice.folder in found[2].meaning
    assert found[3].meaning == "Signed in just now; used today; Microsoft ends it after 90 days without use"
    assert "made-up" not in str(found)


def test_a_profile_that_is_none(alice: profiles.Account) -> None:
    """It is moved away, not lost, and a sign-in begins anew; until then nothing else of the account is looked at."""
    path = Path(alice.folder) / "profile.json"
    path.write_text("{", encoding="utf-8")

    found = offline()

    check = only(found, "profile")
    assert command_of(check) == f"mv {path} {path}.broken && offlineimap-m365 login {ALICE}"
    assert {check.since for check in found if check.account and check.ok is None} == {"profile"}


# The client


def confidential(world: World, **credential: str) -> profiles.Account:
    """Keep an account whose application proves itself with *credential*."""
    put_stub()
    return invent(client_id=APP, credential=credential)


def test_the_command_of_a_secret_is_neither_run_nor_shown(world: World) -> None:
    """It may ask somebody, and hold the secret itself."""
    confidential(world, client_secret_command=f"echo s3cret; touch {world.root / 'ran'}")

    found = offline()

    assert is_well(found)
    assert "s3cret" not in str(found)
    assert not (world.root / "ran").exists()


def test_the_end_of_a_certificate(world: World) -> None:
    """One that ended is the failure; one that ends within 30 days works, and is told; with what makes it last."""
    key, path = certificates.rsa_key(), world.root / "backup.pem"
    confidential(world, certificate=str(path))
    for ends, said in ((-1, "ended on"), (12.5, "ends in 12 days"), (365, "by its certificate")):
        dated = certificates.certificate_pem(certificates.certificate(key, begins=-9, ends=ends))
        certificates.write(path, certificates.key_pem(key) + dated)

        check = named(offline(), "client")

        assert said in check.meaning
        assert check.ok is (ends > 0)
        assert (str(path) in check.remedy.advice) is (ends < 0)
        assert check.remedy.command == (None if check.ok else f"offlineimap-m365 refresh {ALICE}")
    assert is_well(offline())
    assert "ends in" not in check.meaning


def test_a_certificate_behind_a_passphrase_is_known_from_its_last_use(world: World) -> None:
    """No command is run for it; when it ends was noted when it was used."""
    key = certificates.rsa_key()
    pfx = certificates.pfx(key, certificates.certificate(key), certificates.PASSPHRASE)
    path = certificates.write(world.root / "backup.pfx", pfx)
    account = confidential(
        world, certificate=str(path), certificate_passphrase_command=f"touch {world.root / 'ran'}; false"
    )
    account_state.note_certificate(account.folder, time.time() + 5.5 * DAY)

    check = named(offline(), "client")

    assert check.ok is True
    assert "ends in 5 days" in check.meaning
    assert not (world.root / "ran").exists()


# The store


def test_a_store_without_a_sign_in(alice: profiles.Account) -> None:
    """An account that counts as signed in and has no secrets needs a new sign-in; nothing is moved by looking."""
    path = Path(alice.folder) / "cache.json"
    for data in (b"{", b'{"AccessToken": []}', b"\xff", None):
        path.unlink() if data is None else path.write_bytes(data)

        assert command_of(only(offline(), "store")) == f"offlineimap-m365 login {ALICE}"
        assert data is None or path.read_bytes() == data


# The sign-in


def test_who_signed_out_is_told_so(alice: profiles.Account) -> None:
    """That the store is empty then is no second failure."""
    profiles.save(dataclasses.replace(alice, signed_in_at=None))
    (Path(alice.folder) / "cache.json").unlink()

    check = only(offline(), "sign-in")

    assert "signed out" in check.meaning
    assert command_of(check) == f"offlineimap-m365 login {ALICE}"


def test_the_ninety_days(alice: profiles.Account, set_clock: Callable[[float], None]) -> None:
    """After 90 days without use the sign-in counts as ended offline; online a refresh shows it."""
    account_state.succeeded(alice.folder, "refresh")
    for days, command in ((1, None), (89, None), (90, f"offlineimap-m365 login {ALICE}")):
        set_clock(days * DAY + 60)

        check, asked = named(examined(is_offline=True), "sign-in"), named(examined(), "sign-in")

        assert f"not used for {days} day" in check.meaning
        assert (check.ok, check.remedy.command) == (command is None, command)
        assert asked.ok is True


def test_a_refusal_that_stands(alice: profiles.Account) -> None:
    """Offline it is the finding, with Microsoft's code; else it is mentioned, since a refresh is tried next."""
    refusal = errors.SignInNeeded(
        f"Microsoft refused to sign in {ALICE}",
        meaning="The password was changed",
        remedy=Remedy("", errors.login_command(ALICE)),
        code="AADSTS50173",
        correlation_id="a correlation id",
    )
    account_state.remember(alice.folder, errors.Temporary("No network"), "x")
    assert is_well(offline())  # somebody on a train is signed in all the same
    account_state.remember(alice.folder, refusal, "a-made-up-refresh-token")

    check = only(offline(), "sign-in")
    asked = named(examined(), "sign-in")

    assert (check.code, check.correlation_id) == ("AADSTS50173", "a correlation id")
    assert "The password was changed" in check.meaning
    assert asked.ok is True
    assert "the last refresh failed (AADSTS50173)" in asked.meaning


def test_a_personal_account_never_hears_of_tenants(world: World) -> None:
    """Nor of organisations: nobody ever told them."""
    put_stub()
    account = invent(tenant=PERSONAL, identity="alice@outlook.com", scopes=SCOPES)
    texts = [str(check.as_dict()).lower() for check in offline()]
    profiles.save(dataclasses.replace(account, signed_in_at=None))

    texts += [str(check.as_dict()).lower() for check in offline()]

    assert [text for text in texts if "tenant" in text or "organisation" in text] == []
