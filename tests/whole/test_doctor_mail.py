"""Ways to break what lies between an account and its mail: the doctor names just that, and its advice heals it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.whole.mail_user import ALICE, BACKUP, INFO, sign_in_application

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.whole.advice_follower import AdviceFollower


@pytest.fixture
def alice(follower: AdviceFollower) -> AdviceFollower:
    """Return Alice, whose set-up is good, with a shared mailbox that she may open."""
    follower.exchange.add_mailbox(INFO)
    follower.exchange.grant(ALICE, INFO)
    return follower


def test_a_good_set_up_has_no_failures(alice: AdviceFollower) -> None:
    """Every check of both servers is good, for her own mailbox and a shared one, with a long token; no mail is sent."""
    alice.entra.access_token_bytes = 5600  # the token of many groups, which Dovecot takes in no single command
    alice.sign_in()
    found = {check["name"]: check["ok"] for check in alice.examine()}
    shared = {check["name"]: check for check in alice.examine("--mailbox", INFO)}

    wanted = [f"imap-{name}" for name in ("connect", "xoauth2", "sign-in", "mailbox", "folders")]
    wanted += [f"smtp-{name}" for name in ("connect", "xoauth2", "sign-in", "starttls")]
    assert {name: found[name] for name in wanted} == dict.fromkeys(wanted, True)
    assert all(shared[name]["ok"] for name in wanted)
    assert shared["imap-mailbox"]["mailbox"] == INFO
    assert alice.exchange.outbox == []


def switch_imap_off(alice: AdviceFollower) -> None:
    """Switch IMAP off for both mailboxes: none opens for Alice, though sending works."""
    alice.exchange.imap_off |= {ALICE, INFO}


#: The mailbox that is asked for, the check that fails, what breaks it, and what its owner does before the command.
CASES: list[tuple[str, str, Callable[[AdviceFollower], object], Callable[[AdviceFollower], object]]] = [
    (INFO, "imap-mailbox", lambda alice: alice.exchange.revoke(ALICE, INFO), bool),
    (ALICE, "imap-mailbox", switch_imap_off, bool),
    (INFO, "imap-mailbox", switch_imap_off, lambda alice: alice.exchange.imap_off.discard(INFO)),
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
    assert alice.has_no_failure("--mailbox", INFO)


def test_an_application_without_the_permission(alice: AdviceFollower) -> None:
    """Both commands for the administrator come filled in, the enterprise application's object id included."""
    sign_in_application(alice.world, alice.entra, alice.exchange)

    check = alice.only("imap-mailbox", BACKUP, "--mailbox", INFO)
    alice.follow(check)

    assert check["mailbox"] == INFO
    assert alice.has_no_failure(BACKUP, "--mailbox", INFO)
