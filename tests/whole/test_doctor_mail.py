"""Ways to break what lies between an account and its mail: the doctor names just that, and its advice heals it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from tests import certificates
from tests.m365.entra import Entra
from tests.m365.exchange import Exchange
from tests.sign_in import PASSWORD, options
from tests.whole.advice_follower import ALICE, AdviceFollower
from tests.whole.exchange_powershell import NotFoundError
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Key

BOB, SHARED = "bob@example.org", "info@example.org"
APP, NAME, SECRET = "11112222-bbbb-3333-cccc-4444dddd5555", "backup", "wq18Q~a.very.secret.value-of-40-letters"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return who issues the certificates of the servers as they should be."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA, signing_key: Key) -> Iterator[AdviceFollower]:
    """Return Alice, whose set-up is good, with a shared mailbox that she may open; made once."""
    root, ca = tmp_path_factory.mktemp("ward"), authority
    ca.cert_pem.write_to_path(str(root / "ca.pem"))
    (root / "world").mkdir()
    (root / "entra").mkdir()
    world = World.make(root / "world", root / "ca.pem")
    with (
        Entra(root / "entra", ca, access_token_seconds=3600, key=signing_key) as entra,
        Exchange(root / "exchange", ca, issuers=entra.issuers(), keys=entra.keys()) as exchange,
    ):
        for person in (ALICE, BOB):
            entra.add_person(person, PASSWORD)
        made = AdviceFollower.make(world, entra, exchange)
        for mailbox in (BOB, SHARED):
            exchange.add_mailbox(mailbox)
        exchange.grant(ALICE, SHARED)
        yield made


@pytest.fixture
def alice(ward: AdviceFollower, authority: trustme.CA) -> Iterator[AdviceFollower]:
    """Return Alice as she was before any test broke something; whatever one left broken is put right."""
    kept = ward.world.root / "kept"
    if not kept.exists():
        shutil.copytree(ward.world.home, kept)
    environ = dict(ward.world.environ)
    yield ward
    ward.world.environ.clear()
    ward.world.environ.update(environ)
    shutil.rmtree(ward.world.home)
    shutil.copytree(kept, ward.world.home)
    rules = ward.exchange
    rules.renew(authority)
    rules.imap_off.clear()
    rules.smtp_off.clear()
    rules.withdrawn = lambda _: False
    rules.throttled, rules.offers_xoauth2 = None, True
    rules.grant(ALICE, ALICE)
    rules.grant(ALICE, SHARED)


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


def test_a_shared_mailbox_without_the_permission(alice: AdviceFollower) -> None:
    """Her own opens, so the permission on the other is missing."""
    alice.exchange.revoke(ALICE, SHARED)

    check = alice.only("imap-mailbox", "--mailbox", SHARED)
    alice.follow(check)

    assert check["mailbox"] == SHARED
    assert alice.has_no_failure("--mailbox", SHARED)


def test_a_mailbox_that_does_not_exist(alice: AdviceFollower) -> None:
    """The administrator's command says that there is none, after which the address is compared, as advised."""
    check = alice.only("imap-mailbox", "--mailbox", "imfo@example.org")

    with pytest.raises(NotFoundError):
        alice.follow(check)

    assert "there is no such mailbox" in check["meaning"]
    assert check["remedy"].startswith("Compare the address")
    assert alice.has_no_failure("--mailbox", SHARED)


@pytest.mark.parametrize("mailbox", [(), ("--mailbox", SHARED)])
def test_imap_is_switched_off(alice: AdviceFollower, mailbox: tuple[str, ...]) -> None:
    """No mailbox opens for her, though sending works: IMAP is off, whichever mailbox she asked for."""
    alice.exchange.imap_off |= {ALICE, SHARED}

    check = alice.only("imap-mailbox", *mailbox)
    alice.follow(check)
    alice.exchange.imap_off.discard(SHARED)

    assert ALICE not in alice.exchange.imap_off
    assert alice.has_no_failure(*mailbox)


def test_no_mailbox_at_all(alice: AdviceFollower) -> None:
    """Without one the advice to switch IMAP on meets nothing, and the meaning named that, too."""
    alice.exchange.revoke(ALICE, ALICE)

    check = alice.only("imap-mailbox")

    assert "no mailbox or no licence" in check["meaning"]


def test_somebody_else_has_signed_in(alice: AdviceFollower) -> None:
    """Bob's mailbox opens and Alice's does not: sign in as her."""
    done = alice.world.run("logout", ALICE, "--all")
    assert done.code == 0, done.err
    alice.sign_in("--identity", BOB, upn=BOB)

    check = alice.only("imap-mailbox", ALICE)
    alice.follow(check)

    assert f"{BOB} has signed in" in check["meaning"]
    assert alice.has_no_failure(ALICE)


@pytest.mark.parametrize(("what", "name"), [("imap", "imap-connect"), ("smtp", "smtp-connect")])
def test_a_blocked_port(alice: AdviceFollower, what: str, name: str) -> None:
    """The login host answers and the mail server does not; once it does, all is well."""
    alice.exchange.block(what)

    check = alice.only(name)
    alice.exchange.unblock(what)
    alice.follow(check)

    assert "This network blocks port" in check["meaning"]
    assert alice.has_no_failure()


def test_both_ports_of_a_server_that_is_down(alice: AdviceFollower) -> None:
    """One server that is down is one failure."""
    alice.exchange.block("imap")
    alice.exchange.block("smtp")

    check = alice.only("imap-connect")
    alice.exchange.unblock("imap")
    alice.exchange.unblock("smtp")
    alice.follow(check)

    assert "or the server is down" in check["meaning"]


def test_a_foreign_certificate(alice: AdviceFollower) -> None:
    """Who looks into connections is trusted once their certificate was added to the file, as the advice says."""
    foreign = trustme.CA(organization_name="Acme Inspection")
    trusted = Path(alice.world.environ["REQUESTS_CA_BUNDLE"])
    usual = trusted.read_bytes()
    alice.exchange.renew(foreign)

    check = alice.only("imap-connect")
    trusted.write_bytes(usual + foreign.cert_pem.bytes())

    assert f"add it to {trusted}" in check["remedy"]
    assert alice.has_no_failure()
    trusted.write_bytes(usual)


def test_a_server_without_xoauth2(alice: AdviceFollower) -> None:
    """It is sent no token, and named with what it offers instead."""
    alice.exchange.offers_xoauth2 = False
    before = len(alice.exchange.sessions) + len(alice.exchange.refusals)

    check = alice.only("imap-xoauth2")
    alice.exchange.offers_xoauth2 = True
    assert len(alice.exchange.sessions) + len(alice.exchange.refusals) == before
    alice.follow(check)

    assert "it offers PLAIN" in check["meaning"]
    assert alice.has_no_failure()


def test_a_throttled_server(alice: AdviceFollower) -> None:
    """How long it wants to be left alone is said; then it is good again."""
    alice.exchange.throttled = 42_000

    check = alice.only("imap-mailbox")
    alice.exchange.throttled = None
    alice.follow(check)

    assert "Request is throttled" in check["meaning"]
    assert "42 s" in check["remedy"]


def test_learnt_folders_that_are_out_of_date(alice: AdviceFollower) -> None:
    """A folder without mail that is gone: learn again."""
    learnt = alice.world.run("folders", ALICE, "--mailbox", SHARED, "--learn")
    assert learnt.code == 0, learnt.err
    profile = alice.world.folder(ALICE) / "profile.json"
    profile.write_text(profile.read_text(encoding="utf-8").replace('"Calendar"', '"Kalender 1999"'), encoding="utf-8")

    check = alice.only("imap-folders", "--mailbox", SHARED)
    alice.follow(check)

    assert "Kalender 1999" in check["meaning"]
    assert alice.has_no_failure("--mailbox", SHARED)


def test_a_sign_in_that_was_withdrawn(alice: AdviceFollower) -> None:
    """Entra still gives tokens and Exchange takes none: one signs in again, and sending is no second failure."""
    before = alice.entra.count("authorization_code")
    alice.exchange.withdrawn = lambda _: alice.entra.count("authorization_code") == before

    check = alice.only("imap-sign-in")
    alice.run(f"offlineimap-m365 login {ALICE}")

    assert f"sign in again: offlineimap-m365 login {ALICE}" in check["remedy"]
    assert alice.has_no_failure()


def test_sending_is_switched_off(alice: AdviceFollower) -> None:
    """Fetching works, sending does not: the administrator's command for the mailbox."""
    alice.exchange.smtp_off.add(ALICE)

    check = alice.only("smtp-sign-in")
    alice.follow(check)

    assert "while IMAP can work" in check["meaning"]
    assert alice.has_no_failure()


def test_a_long_token_is_taken_by_both_servers(alice: AdviceFollower) -> None:
    """Dovecot takes no command of such a length: the token of many groups comes after the 334."""
    alice.entra.access_token_bytes, usual = 5600, alice.entra.access_token_bytes
    alice.sign_in()
    alice.entra.access_token_bytes = usual

    assert max(map(len, alice.world.secrets(ALICE))) > 5000
    assert alice.has_no_failure()


def test_an_application_without_the_permission(alice: AdviceFollower) -> None:
    """Both commands for the administrator come filled in, the enterprise application's object id included."""
    alice.entra.add_client(APP, [], public=False, secret=SECRET)
    path = certificates.write(alice.world.root / "secret", SECRET)
    done = alice.world.run(
        *("login", NAME, "--app-only", "--client-id", APP, "--client-secret-file", path),
        *options(alice.entra, alice.exchange.imap_port, alice.exchange.smtp_port),
    )
    assert done.code == 0, done.err

    check = alice.only("imap-mailbox", NAME, "--mailbox", SHARED)
    alice.follow(check)

    assert check["mailbox"] == SHARED
    assert alice.has_no_failure(NAME, "--mailbox", SHARED)
