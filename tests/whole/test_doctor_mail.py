"""Ways to break what lies between an account and its mail: the doctor names just that, and its advice heals it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import certificates
from tests.sign_in import options
from tests.signed_in_accounts import ALICE
from tests.whole.advice_follower import AdviceFollower, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import World

BOB, SHARED = "bob@example.org", "info@example.org"
APP, NAME, SECRET = "11112222-bbbb-3333-cccc-4444dddd5555", "backup", "wq18Q~a.very.secret.value-of-40-letters"


@pytest.fixture
def alice(world: World, entra: Entra, exchange: Exchange) -> AdviceFollower:
    """Return Alice, whose set-up is good, with a shared mailbox that she may open."""
    made = AdviceFollower.make(world, entra, exchange)
    for mailbox in (BOB, SHARED):
        exchange.add_mailbox(mailbox)
    exchange.grant(ALICE, SHARED)
    return made


def test_a_good_set_up_has_no_failures(alice: AdviceFollower) -> None:
    """Every check of both servers is good, for her own mailbox and a shared one; nothing was changed, no mail sent."""
    found = {check["name"]: check["ok"] for check in alice.examine()}
    shared = {check["name"]: check for check in alice.examine("--mailbox", SHARED)}

    names = ["connect", "xoauth2", "sign-in"]
    wanted = [f"imap-{name}" for name in [*names, "mailbox", "folders"]] + [
        f"smtp-{name}" for name in [*names, "starttls"]
    ]
    assert {name: found[name] for name in wanted} == dict.fromkeys(wanted, True)
    assert all(shared[name]["ok"] for name in wanted)
    assert shared["imap-mailbox"]["mailbox"] == SHARED
    assert alice.exchange.outbox == []


def switch_imap_off(alice: AdviceFollower) -> None:
    """Switch IMAP off for both mailboxes: none opens for Alice, though sending works."""
    alice.exchange.imap_off |= {ALICE, SHARED}


#: The mailbox that is asked for, the check that fails, what breaks it, and what its owner does before the command.
CASES: list[tuple[str, str, Callable[[AdviceFollower], object], Callable[[AdviceFollower], object]]] = [
    (SHARED, "imap-mailbox", lambda alice: alice.exchange.revoke(ALICE, SHARED), bool),
    (ALICE, "imap-mailbox", switch_imap_off, bool),
    (SHARED, "imap-mailbox", switch_imap_off, lambda alice: alice.exchange.imap_off.discard(SHARED)),
    (ALICE, "smtp-sign-in", lambda alice: alice.exchange.smtp_off.add(ALICE), bool),
]


def test_what_is_broken_is_named_alone_and_healed(alice: AdviceFollower, subtests: pytest.Subtests) -> None:
    """One failed check; its command, by whoever may run it, is what heals the mailbox."""
    for number, (mailbox, name, break_it, begin) in enumerate(CASES):
        with subtests.test(f"{number} {name}"):
            break_it(alice)

            check = alice.only(name, "--mailbox", mailbox)
            begin(alice)
            alice.follow(check)
    assert alice.has_no_failure("--mailbox", SHARED)


def test_a_server_that_is_down_is_one_failure(alice: AdviceFollower) -> None:
    """Though it is asked for two ports; once it is there, all is well."""
    for port in ("imap", "smtp"):
        alice.exchange.block(port)

    check = alice.only("imap-connect")
    for port in ("imap", "smtp"):
        alice.exchange.unblock(port)
    alice.follow(check)

    assert "or the server is down" in check["meaning"]


def test_a_mailbox_that_does_not_exist(alice: AdviceFollower) -> None:
    """The administrator's command says that there is none, after which the address is compared, as advised."""
    check = alice.only("imap-mailbox", "--mailbox", "imfo@example.org")

    with pytest.raises(NotFoundError):
        alice.follow(check)

    assert "there is no such mailbox" in check["meaning"]
    assert check["remedy"].startswith("Compare the address")
    assert alice.has_no_failure("--mailbox", SHARED)


def test_somebody_else_has_signed_in(alice: AdviceFollower) -> None:
    """Bob's mailbox opens and Alice's does not: sign in as her."""
    alice.run(f"offlineimap-m365 logout {ALICE} --all")
    alice.sign_in("--identity", BOB, upn=BOB)

    check = alice.only("imap-mailbox", ALICE)
    alice.follow(check)

    assert f"{BOB} has signed in" in check["meaning"]
    assert alice.has_no_failure(ALICE)


def test_a_long_token_is_taken_by_both_servers(alice: AdviceFollower) -> None:
    """Dovecot takes no command of such a length: the token of many groups comes after the 334."""
    alice.entra.access_token_bytes = 5600
    alice.sign_in()

    assert max(map(len, alice.world.secrets(ALICE))) > 5000
    assert alice.has_no_failure()


def test_an_application_without_the_permission(alice: AdviceFollower) -> None:
    """Both commands for the administrator come filled in, the enterprise application's object id included."""
    alice.entra.add_client(APP, [], public=False, secret=SECRET)
    path = certificates.write(alice.world.root / "secret", SECRET)
    done = alice.say(
        *("login", NAME, "--app-only", "--client-id", APP, "--client-secret-file", path),
        *options(alice.entra, alice.exchange.imap_port, alice.exchange.smtp_port),
    )
    assert done.code == 0, done.err

    check = alice.only("imap-mailbox", NAME, "--mailbox", SHARED)
    alice.follow(check)

    assert check["mailbox"] == SHARED
    assert alice.has_no_failure(NAME, "--mailbox", SHARED)
