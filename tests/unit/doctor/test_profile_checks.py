"""What the doctor finds in what is kept of an account: profile, client, store and sign-in. Nobody is asked."""

from __future__ import annotations

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
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.doctor import Check
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

DAY = 86_400
TENANT = "11112222-3333-4444-5555-666677778888"
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


# The client


def test_the_end_of_a_certificate(world: World) -> None:
    """One that ended is the failure; one that ends within 30 days works, and is told; with what makes it last."""
    key, path = certificates.rsa_key(), world.root / "backup.pem"
    put_stub()
    invent(client_id=APP, credential={"certificate": str(path)})
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


def test_the_command_of_a_secret_is_neither_run_nor_shown(world: World) -> None:
    """It may ask somebody, and hold the secret itself; when a certificate ends was noted when it was used."""
    key, command = certificates.rsa_key(), f"echo s3cret; touch {world.root / 'ran'}"
    pfx = certificates.pfx(key, certificates.certificate(key), certificates.PASSPHRASE)
    path = str(certificates.write(world.root / "backup.pfx", pfx))
    put_stub()
    for credential in (
        {"client_secret_command": command},
        {"certificate": path, "certificate_passphrase_command": command},
    ):
        account = invent(client_id=APP, credential=credential)
        account_state.note_certificate(account.folder, time.time() + 5.5 * DAY)

        found = offline()

        assert is_well(found)
        assert "s3cret" not in str(found)
        assert not (world.root / "ran").exists()
    assert "ends in 5 days" in named(found, "client").meaning


# The store


def test_a_store_without_a_sign_in(alice: profiles.Account) -> None:
    """An account that counts as signed in and has no secrets needs a new sign-in; nothing is moved by looking."""
    path = Path(alice.folder) / "cache.json"
    for data in (b"{", b'{"AccessToken": []}', b"\xff", None):
        path.unlink() if data is None else path.write_bytes(data)

        assert command_of(only(offline(), "store")) == f"offlineimap-m365 login {ALICE}"
        assert data is None or path.read_bytes() == data


# The sign-in


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
    remedy, codes = Remedy("", errors.login_command(ALICE)), {"code": "AADSTS50173", "correlation_id": "an id"}
    refusal = errors.SignInNeeded("It was refused", meaning="The password was changed", remedy=remedy, **codes)
    account_state.remember(alice.folder, errors.Temporary("No network"), "x")
    assert is_well(offline())  # somebody on a train is signed in all the same
    account_state.remember(alice.folder, refusal, "a-made-up-refresh-token")

    check = only(offline(), "sign-in")
    asked = named(examined(), "sign-in")

    assert (check.code, check.correlation_id) == ("AADSTS50173", "an id")
    assert "The password was changed" in check.meaning
    assert asked.ok is True
    assert "the last refresh failed (AADSTS50173)" in asked.meaning
