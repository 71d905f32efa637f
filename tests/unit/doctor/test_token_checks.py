"""What the doctor finds by one real refresh, and by looking at the token that came."""

from __future__ import annotations

import base64
import dataclasses
import errno
import json
import os
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.doctor.account import token_checks
from offlineimap_m365.doctor.check import Step, Subject
from offlineimap_m365.stores.file import FileStore
from offlineimap_m365.tokens import engine, notify
from tests import certificates
from tests.doctor_checks import checks_of, command_of, follow, is_well, named, only, subject_of
from tests.m365.entra import CONSUMERS
from tests.signed_in_accounts import ALICE, TOKEN, cache_of, describe, invent, keep

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor import Check
    from tests.m365.entra import Entra
    from tests.world import World

#: Each signs in at an Entra of its own, and nothing here differs between Pythons.
pytestmark = pytest.mark.once

MAIL = "https://outlook.office.com"
TENANT = "11112222-3333-4444-5555-666677778888"
APP, SECRET = "0f0f0f0f-aaaa-bbbb-cccc-0123456789ab", "wq18Q~a.very.secret.value-of-40-letters"


#: What the doctor does after the checks of the sign-in service.
STEPS = (
    Step("refresh", token_checks.examine_refresh),
    Step("token", token_checks.examine_token, ("refresh",)),
    Step("token-length", token_checks.examine_length, ("token",)),
)


def examined(account: Account) -> list[Check]:
    """Return the checks of the token."""
    return checks_of(STEPS, subject_of(account))


def part(value: object) -> str:
    """Return *value* as a part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt(**found: object) -> str:
    """Return an unsigned token for Alice's mail with these claims; what is None is left out."""
    usual = {"aud": MAIL, "scp": "IMAP.AccessAsUser.All SMTP.Send", "upn": ALICE, "tid": TENANT, "oid": "alice's"}
    return f"{part({'alg': 'none'})}.{part({k: v for k, v in {**usual, **found}.items() if v is not None})}.sig"


@pytest.fixture
def answers(world: World, entra: Entra) -> Callable[..., list[Check]]:
    """Return what examines Alice's account, with *changes* to its profile, whose next token is the one given."""
    kept = dataclasses.replace(keep(entra), tenant=TENANT, person={"tid": TENANT, "oid": "alice's"})

    def examine(access_token: str, subject: Subject | None = None, **changes: Any) -> list[Check]:
        subject = subject or Subject(ALICE, ALICE)
        subject.account = dataclasses.replace(kept, **changes)
        profiles.save(subject.account)
        body = {"token_type": "Bearer", "access_token": access_token, "expires_in": 3600, "refresh_token": "another"}
        entra.fail_next(TOKEN, body=body)
        return checks_of(STEPS, subject)

    return examine


# The refresh


def test_it_is_one_request_however_fresh_the_token_is(world: World, entra: Entra) -> None:
    """The doctor shows that refreshing works now; the new token is saved, and used by the next checks."""
    entra.access_token_seconds = 3600
    account = keep(entra)
    before = engine.access_token(ALICE)
    subject = subject_of(account)

    found = checks_of(STEPS, subject)

    assert is_well(found)
    assert [request.path.endswith(TOKEN) for request in entra.requests] == [True]
    assert subject.token == engine.access_token(ALICE) != before
    assert subject.token is not None
    assert subject.token.value in world.secrets(ALICE)
    assert subject.token.value not in str(found)
    assert "valid for 60 min" in found[0].meaning

    entra.access_token_seconds = 200  # works, and costs a request each time
    found = examined(account)
    assert is_well(found)
    assert "valid for 3 min: less than 300 s" in found[0].meaning


def test_a_failure_is_told_though_the_token_in_use_lives(world: World, entra: Entra) -> None:
    """Elsewhere that token would do; here it would hide what is wrong. The token in use stays what it is."""
    entra.access_token_seconds = 3600
    account = keep(entra)
    before = cache_of(account)
    entra.fail_next(TOKEN, status=503)
    subject = subject_of(account)

    check = only(checks_of(STEPS, subject), "refresh")

    assert "HTTP 503" in check.meaning
    assert subject.token is None
    assert cache_of(account) == before
    assert is_well(examined(account))


def test_a_refusal_has_its_code_its_meaning_and_one_command(world: World, entra: Entra) -> None:
    """One request for each, whatever is remembered; a person is there, so nobody is notified, and the next one is."""
    account, codes, found = keep(entra), (50173, 65001, 70000), []
    notify.choose(f"touch {world.root / 'told'}")
    for code in codes:
        entra.refuse(ALICE, code)
        found.append(only(examined(account), "refresh"))

    entra.refuse(ALICE, 0)

    assert [check.code for check in found] == [f"AADSTS{code}" for code in codes]
    assert len({check.correlation_id for check in found} - {None}) == len(codes)
    assert {command_of(check) for check in found} == {f"offlineimap-m365 login {ALICE}"}
    assert entra.count(TOKEN) == len(codes)
    assert not (world.root / "told").exists()
    assert account_state.notified(account.folder) == {}
    assert is_well(examined(account))


def test_an_application(world: World, entra: Entra) -> None:
    """The file of a wrong secret is named; an administrator grants the permission to read; sending is not missed."""
    entra.add_client(APP, [], public=False, secret=SECRET)
    known, path = describe(entra), certificates.write(world.root / "secret", "an-older-one")
    where: dict[str, Any] = {"authority": known.authority, "endpoints": known.endpoints, "tenant": entra.tenant}
    who: dict[str, Any] = {"kind": profiles.APP_ONLY, "client_id": APP, "credential": {"client_secret_file": str(path)}}
    account = invent("backup", scopes=("https://outlook.office365.com/.default",), **where, **who)

    wrong = only(examined(account), "refresh")
    assert wrong.code == "AADSTS7000215"
    assert str(path) in wrong.remedy.advice
    assert command_of(wrong) == "offlineimap-m365 refresh backup"
    certificates.write(path, SECRET)
    follow(wrong)

    entra.clients[APP].roles = []
    entra.forget()
    forbidden = only(examined(account), "token")
    entra.clients[APP].roles = ["IMAP.AccessAsApp"]
    found = examined(account)
    assert "IMAP.AccessAsApp" in forbidden.remedy.advice
    assert command_of(forbidden) == "offlineimap-m365 consent backup"
    assert is_well(found)
    assert "The token allows IMAP, for the application itself" in named(found, "token").meaning
    assert entra.count(TOKEN) == 2


def test_a_store_that_cannot_be_written(world: World, entra: Entra) -> None:
    """The new token works; that it could not be saved is the failure, with what to do about it."""
    account = keep(entra)
    subject = subject_of(account)
    quota = OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
    with mock.patch.object(FileStore, "write", side_effect=quota):
        check = only(checks_of(STEPS, subject), "refresh")

    assert command_of(check).startswith("df -h ")
    assert os.strerror(errno.EDQUOT) in check.meaning
    assert subject.token
    assert is_well(examined(account))


# What the token says of itself


def test_a_token_is_told_with_what_it_allows_and_whose_it_is(answers: Callable[..., list[Check]]) -> None:
    """That the name signed in with is another than the address is information; what was not asked for is not missed."""
    imap = "IMAP.AccessAsUser.All"
    renamed = answers(jwt(upn="new@example.org"))  # the same person by the id
    other_name = answers(jwt(upn="ab123@corp.example"), identity="ab123@corp.example")
    imap_only = answers(jwt(scp=imap), scopes=(f"{MAIL}/{imap}",))

    assert is_well([*renamed, *other_name, *imap_only])
    assert [named(found, "token").meaning for found in (renamed, other_name, imap_only)] == [
        f"The token allows IMAP and SMTP, for new@example.org, which is not {ALICE}",
        f"The token allows IMAP and SMTP, for ab123@corp.example, which is not {ALICE}",
        f"The token allows IMAP, for {ALICE}",
    ]


def test_a_wrong_token_is_named_and_goes_to_no_mail_server(answers: Callable[..., list[Check]]) -> None:
    """Each cause is one failure, and the command asks for the right token."""
    for claims, words in (
        ({"scp": "SMTP.Send openid"}, "does not allow IMAP, which was asked for"),
        ({"scp": ""}, "does not allow IMAP and SMTP"),
        ({"upn": "bob@example.org", "oid": "bob's"}, f"is bob@example.org's, and {ALICE} signed in"),
        ({"upn": "bob@example.org", "oid": None}, "is bob@example.org's"),
    ):
        subject = Subject(ALICE, ALICE)

        check = only(answers(jwt(**claims), subject), "token")

        assert words in check.meaning
        assert command_of(check) == f"offlineimap-m365 login {ALICE}"
        assert subject.token is None


def test_a_token_that_cannot_be_read_is_no_failure(answers: Callable[..., list[Check]]) -> None:
    """Personal accounts have such; only the mail server can tell what it is for."""
    bodies = [part([1]), part("text"), "!!!!"]
    bodies += [base64.urlsafe_b64encode(data).decode() for data in (b"[" * 9000, bytes(range(256)))]
    for opaque in ("EwB" + "x" * 1360, "EwBx.y.z", "a.b.c.d", "..", *(f"a.{body}.c" for body in bodies)):
        found = answers(opaque, tenant=CONSUMERS, person={})

        assert is_well(found)
        assert named(found, "token").ok is None, opaque
        assert "normal for personal accounts" in named(found, "token").meaning


# How long it is


def test_a_program_that_cannot_send_it_is_named(answers: Callable[..., list[Check]]) -> None:
    """Whether it is in use cannot be told, so that is no failure."""
    longest = 3049 - len(ALICE)
    short, long = answers("E" * longest), answers("E" * (longest + 1))

    assert is_well([*short, *long])
    assert named(short, "token-length").ok is True
    assert named(long, "token-length").ok is None
    assert f"It has {longest + 1:,} characters" in named(long, "token-length").meaning
    assert "msmtp (3,049)" in named(long, "token-length").meaning
