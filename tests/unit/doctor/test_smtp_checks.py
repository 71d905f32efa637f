"""The checks of the server for sending, with servers that refuse, misbehave or are hostile."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from offlineimap_m365.doctor.mail import mail_checks
from offlineimap_m365.knowledge import powershell
from tests import doctor_checks
from tests.signed_in_accounts import ALICE, invent
from tests.smtp_server import SmtpServer, certificate

if TYPE_CHECKING:
    import ssl

    from offlineimap_m365.doctor.check import Check, Subject
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TOKEN = "a-made-up-access-token"
IDENTITY, SHARED = "ab123@example.org", "info@example.org"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
AGAIN = f"offlineimap-m365 doctor {ALICE}"
LOGIN = f"offlineimap-m365 login {ALICE}"
NOT_TAKEN = b"535 5.7.3 Authentication unsuccessful [AM0PR06CA0126.eurprd06.prod.outlook.com]\r\n"
#: As Exchange Online says it (simonrob/email-oauth2-proxy#193).
SWITCHED_OFF = (
    b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."
    b" Visit https://aka.ms/smtp_auth_disabled for more information.\r\n"
)
POLICY = b"535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated.\r\n"
REFUSED_JSON = b"334 " + base64.b64encode(json.dumps({"status": "401", "schemes": "bearer"}).encode()) + b"\r\n"


@pytest.fixture
def tls(ca: trustme.CA) -> ssl.SSLContext:
    """Return the certificate of a server that is trusted."""
    return certificate(ca)


def subject_at(address: str, mailbox: str = ALICE, *, token: str | None = TOKEN, **changes: Any) -> Subject:
    """Return Alice, signed in, who sends mail through *address*."""
    return doctor_checks.subject_of(invent(smtp=address, **changes), mailbox, token)


def examine(subject: Subject) -> dict[str, Check]:
    """Return the checks by name; each failure has a meaning and a remedy, and none holds the token."""
    return doctor_checks.by_name(doctor_checks.checks_of(mail_checks.SMTP_STEPS, subject), TOKEN)


def failed(subject: Subject) -> Check:
    """Return the only check that failed; those before it are good, those after it were not tried."""
    return doctor_checks.step_that_failed(examine(subject))


def token_of(*roles: str) -> str:
    """Return the token of an application with these *roles*."""
    body = base64.urlsafe_b64encode(json.dumps({"roles": roles, "oid": "an-id"}).encode()).decode().rstrip("=")
    return f"{TOKEN}.{body}.x"


@pytest.mark.parametrize("mailbox", [ALICE, SHARED])
def test_the_person_signs_in_and_no_mail_is_sent(world: World, tls: ssl.SSLContext, mailbox: str) -> None:
    """All is good over one connection; a shared mailbox is not a user for sending."""
    with SmtpServer(tls) as server:
        checks = examine(subject_at(server.address, mailbox))

    assert [check.ok for check in checks.values()] == [True] * 4
    assert server.users == [ALICE]
    assert "MAIL" not in server.received.decode().upper()


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": ("https://outlook.office.com/IMAP.AccessAsUser.All",)},
        {"scopes": ("https://x/SMTP.Sender",)},
        {
            "scopes": ("https://outlook.office365.com/.default",),
            "kind": "app-only",
            "token": token_of("IMAP.AccessAsApp"),
            "mailbox": SHARED,
        },
    ],
)
def test_an_account_that_did_not_ask_to_send_is_not_tried(
    world: World, tls: ssl.SSLContext, changes: dict[str, Any]
) -> None:
    """Without the permission the server is not asked."""
    with SmtpServer(tls) as server:
        checks = examine(subject_at(server.address, **changes))

    assert [check.ok for check in checks.values()] == [None] * 4
    assert server.received == b""


def test_without_a_token_the_server_is_looked_at_all_the_same(world: World, tls: ssl.SSLContext) -> None:
    """After a failed refresh, connection, certificate and mechanism are checked, and nobody signs in."""
    with SmtpServer(tls) as server:
        subject = subject_at(server.address, token=None)
        subject.unmet["refresh"] = "refresh"
        checks = examine(subject)

    assert [check.ok for check in checks.values()] == [True, True, True, None]
    assert checks["smtp-sign-in"].since == "refresh"
    assert "AUTH" not in server.commands


@pytest.mark.parametrize(
    ("answer", "changes", "command", "where"),
    [
        (SWITCHED_OFF, {}, f"Set-CASMailbox -Identity {ALICE} -SmtpClientAuthenticationDisabled $false", "powershell"),
        (SWITCHED_OFF, {"tenant": PERSONAL}, f"{LOGIN} --scope imap", "shell"),
        (POLICY, {"tenant": "a tenant"}, f"{LOGIN} --scope imap", "shell"),
        (POLICY, {"tenant": PERSONAL}, f"{LOGIN} --scope imap", "shell"),
        (REFUSED_JSON + NOT_TAKEN, {}, LOGIN, "shell"),
        (b"550 no \x1b[31m\xe2\x80\xaeidea\r\n", {}, LOGIN, "shell"),
        (
            NOT_TAKEN,
            {"kind": "app-only", "token": token_of("SMTP.SendAsApp"), "client_id": "c", "mailbox": SHARED},
            f"{powershell.introduce('c', 'an-id')}; {powershell.permit(SHARED, 'an-id')}",
            "powershell",
        ),
    ],
)
def test_a_refusal_has_the_command_that_helps(  # noqa: PLR0917 - the columns of the table
    world: World, tls: ssl.SSLContext, answer: bytes, changes: dict[str, Any], command: str, where: str
) -> None:
    """Switched off, a policy, a token that is not taken, words that nobody knows: each has its own remedy."""
    with SmtpServer(tls, {"token": answer}) as server:
        check = failed(subject_at(server.address, **changes))

    assert check.name == "smtp-sign-in"
    assert (check.remedy.command, check.remedy.where) == (command, where)
    assert check.meaning.isprintable()
    assert ("status 401" in check.meaning) is answer.startswith(b"334")


@pytest.mark.parametrize(("answer", "ok"), [(NOT_TAKEN, None), (SWITCHED_OFF, False)])
@pytest.mark.parametrize("name", ["imap-sign-in", "imap-mailbox"])
def test_one_refused_token_is_one_failure(
    world: World, tls: ssl.SSLContext, answer: bytes, ok: bool | None, name: str
) -> None:
    """If the mailbox did not open either, that is the cause; sending that is off is a cause of its own."""
    with SmtpServer(tls, {"token": answer}) as server:
        subject = subject_at(server.address)
        subject.unmet[name] = name
        checks = examine(subject)

    assert checks["smtp-sign-in"].ok is ok


def test_the_identity_may_send_where_the_address_may_not(world: World, tls: ssl.SSLContext) -> None:
    """Where the person has another user name than the address, it is said which one programs must use."""
    with SmtpServer(tls, judge=lambda user: b"235 ok\r\n" if user == IDENTITY else NOT_TAKEN) as server:
        checks = examine(subject_at(server.address, identity=IDENTITY))

    assert checks["smtp-sign-in"].ok is True
    assert IDENTITY in checks["smtp-sign-in"].meaning
    assert server.users == [ALICE, IDENTITY]


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        ({"EHLO": b"250-localhost\r\n250 AUTH XOAUTH2\r\n"}, "smtp-starttls"),
        ({"EHLO over TLS": b"250-localhost\r\n250 AUTH LOGIN\r\n"}, "smtp-xoauth2"),
    ],
)
def test_a_server_without_starttls_or_xoauth2_gets_no_token(
    world: World, tls: ssl.SSLContext, answers: dict[str, bytes | None], name: str
) -> None:
    """Nothing secret is sent there."""
    with SmtpServer(tls, answers) as server:
        check = failed(subject_at(server.address))

    assert (check.name, check.remedy.command) == (name, AGAIN)
    assert "AUTH" not in server.commands


def test_a_foreign_certificate_names_the_authority(world: World, ca: trustme.CA) -> None:
    """Nothing but STARTTLS is sent to somebody who inspects connections."""
    with SmtpServer(certificate(trustme.CA(organization_name="Acme Inspection"))) as server:
        check = failed(subject_at(server.address))

    assert check.name == "smtp-starttls"
    assert "“Acme Inspection" in check.meaning
    assert set(server.commands) <= {"EHLO", "STARTTLS", "QUIT"}


def test_a_port_that_is_closed(world: World) -> None:
    """The network or the server is the cause."""
    check = failed(subject_at("localhost:1"))

    assert (check.name, check.remedy.command) == ("smtp-connect", AGAIN)
    assert "This network blocks port 1" in check.meaning


@pytest.mark.parametrize(
    ("when", "answer", "name"),
    [
        ("greeting", b"421 4.3.2 Service not available\r\n", "smtp-connect"),
        ("STARTTLS", b"454 4.7.0 TLS not available\r\n", "smtp-starttls"),
        ("token", b"432 4.3.2 Concurrent connections limit exceeded\r\n", "smtp-sign-in"),
        ("token", None, "smtp-sign-in"),
        ("greeting", b"<html>\r\n", "smtp-connect"),
    ],
)
def test_what_may_pass_is_checked_again(
    world: World, tls: ssl.SSLContext, when: str, answer: bytes | None, name: str
) -> None:
    """A busy server, one that hangs up or sends nonsense: the remedy is to wait."""
    with SmtpServer(tls, {when: answer}, last=when) as server:
        check = failed(subject_at(server.address))

    assert (check.name, check.remedy.command) == (name, AGAIN)
    assert "may pass by itself" in check.remedy.advice
