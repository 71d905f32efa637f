"""What the doctor finds out about the server for sending, with servers that refuse, are strange or hostile."""

from __future__ import annotations

import base64
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from offlineimap_m365.doctor.check import Check, Subject
from offlineimap_m365.doctor.mail import smtp_checks as room
from offlineimap_m365.mail import bounded_reader
from tests import examined
from tests.kept import ALICE, invent
from tests.smtp_server import SmtpServer, certificate

if TYPE_CHECKING:
    import ssl

    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TOKEN = "a-made-up-access-token"
IDENTITY, SHARED = "ab123@example.org", "info@example.org"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
NAMES = ["smtp-connect", "smtp-starttls", "smtp-xoauth2", "smtp-sign-in"]
NOT_TAKEN = b"535 5.7.3 Authentication unsuccessful [AM0PR06CA0126.eurprd06.prod.outlook.com]\r\n"
#: As Exchange Online says it (simonrob/email-oauth2-proxy#193).
SWITCHED_OFF = (
    b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."
    b" Visit https://aka.ms/smtp_auth_disabled for more information.\r\n"
)
POLICY = b"535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated.\r\n"


@pytest.fixture
def tls(ca: trustme.CA) -> ssl.SSLContext:
    """Return the certificate of a server that is trusted."""
    return certificate(ca)


def subject_at(address: str, mailbox: str = ALICE, *, token: str | None = TOKEN, **changes: Any) -> Subject:
    """Return Alice, signed in, who sends mail through *address*."""
    return examined.subject_of(invent(smtp=address, **changes), mailbox, token)


def examine(subject: Subject) -> dict[str, Check]:
    """Return the checks by name; each failure has a meaning and a remedy, and none says the token."""
    return examined.by_name(room.examine(subject), TOKEN)


def failed(subject: Subject) -> Check:
    """Return the only check that failed; those before it are good, those behind it were not tried."""
    return examined.step_that_failed(examine(subject))


def test_sending_works(world: World, tls: ssl.SSLContext) -> None:
    """All is good over one connection, and no mail is sent."""
    with SmtpServer(tls) as server:
        found = examine(subject_at(server.address))

    assert {name: check.ok for name, check in found.items()} == dict.fromkeys(NAMES, True)
    assert server.users == [ALICE]
    assert "MAIL" not in server.received.decode().upper()


def test_a_shared_mailbox_is_no_user(world: World, tls: ssl.SSLContext) -> None:
    """Who signed in signs in for sending, too."""
    with SmtpServer(tls) as server:
        examine(subject_at(server.address, SHARED))

    assert server.users == [ALICE]


@pytest.mark.parametrize("scope", ["https://outlook.office.com/IMAP.AccessAsUser.All", "https://x/SMTP.Sender"])
def test_who_did_not_ask_to_send_is_not_examined(world: World, tls: ssl.SSLContext, scope: str) -> None:
    """Without the permission nobody is asked, and it is said why."""
    with SmtpServer(tls) as server:
        found = examine(subject_at(server.address, scopes=(scope,)))

    assert [(check.name, check.ok) for check in found.values()] == [("smtp-connect", None)]
    assert "did not ask for the permission to send" in found["smtp-connect"].meaning
    assert server.received == b""


def test_an_unknown_account_is_not_tried(world: World) -> None:
    """Without a profile there is no server to ask."""
    found = list(room.examine(Subject(ALICE, ALICE)))

    assert [(check.name, check.ok) for check in found] == [("smtp-connect", None)]


def test_without_a_token_the_server_is_looked_at_all_the_same(world: World, tls: ssl.SSLContext) -> None:
    """Connection, certificate and mechanism are tried, the rest is not."""
    with SmtpServer(tls) as server:
        found = examine(subject_at(server.address, token=None))

    assert [check.ok for check in found.values()] == [True, True, True, None]
    assert "AUTH" not in server.commands


def test_sending_is_switched_off(world: World, tls: ssl.SSLContext) -> None:
    """For the organisation or the mailbox: the mailbox's own setting, which counts more, is the remedy."""
    with SmtpServer(tls, {"token": SWITCHED_OFF}) as server:
        check = failed(subject_at(server.address))

    assert check.name == "smtp-sign-in"
    assert "switched off for the mailbox or the organisation (tenant), while IMAP can work" in check.meaning
    wanted = f"In PowerShell: Set-CASMailbox -Identity {ALICE} -SmtpClientAuthenticationDisabled $false"
    assert check.remedy.endswith(wanted)


@pytest.mark.parametrize(("answer", "tenant"), [(SWITCHED_OFF, PERSONAL), (POLICY, "a tenant"), (POLICY, PERSONAL)])
def test_where_nobody_can_switch_it_on_one_does_without(
    world: World, tls: ssl.SSLContext, answer: bytes, tenant: str
) -> None:
    """A policy, or a personal account: the remedy is to fetch mail only."""
    with SmtpServer(tls, {"token": answer}) as server:
        check = failed(subject_at(server.address, tenant=tenant))

    assert check.remedy.endswith(f"Run: offlineimap-m365 login {ALICE} --scope imap")
    assert ("administrator" in check.remedy) is (tenant != PERSONAL)
    assert "(535 5.7.139 Authentication unsuccessful" in check.meaning


def test_a_token_that_is_not_taken(world: World, tls: ssl.SSLContext) -> None:
    """The reply is explained, with the JSON in it, and a new sign-in is the remedy."""
    said = base64.b64encode(json.dumps({"status": "401", "schemes": "bearer"}).encode())

    with SmtpServer(tls, {"token": b"334 " + said + b"\r\n" + NOT_TAKEN}) as server:
        check = failed(subject_at(server.address))

    assert "Exchange did not accept the token for sending" in check.meaning
    assert "status 401" in check.meaning
    assert check.remedy.endswith(f"Run: offlineimap-m365 login {ALICE}")


def test_a_reply_that_nobody_knows_is_shown(world: World, tls: ssl.SSLContext) -> None:
    """The server's own words are better than none, made harmless."""
    with SmtpServer(tls, {"token": b"550 no \x1b[31m\xe2\x80\xaeidea\r\n"}) as server:
        check = failed(subject_at(server.address))

    assert "550 no" in check.meaning
    assert check.meaning.isprintable()


@pytest.mark.parametrize("name", ["imap-sign-in", "imap-mailbox"])
def test_one_refused_token_is_one_failure(world: World, tls: ssl.SSLContext, name: str) -> None:
    """If the mailbox does not open either, the cause was named there."""
    with SmtpServer(tls, {"token": NOT_TAKEN}) as server:
        subject = subject_at(server.address)
        subject.failed.add(name)
        found = examine(subject)

    assert [check.ok for check in found.values()] == [True, True, True, None]


def test_sending_that_is_off_is_named_whatever_else_failed(world: World, tls: ssl.SSLContext) -> None:
    """That is a cause of its own."""
    with SmtpServer(tls, {"token": SWITCHED_OFF}) as server:
        subject = subject_at(server.address)
        subject.failed.add("imap-mailbox")
        found = examine(subject)

    assert found["smtp-sign-in"].ok is False


def test_the_identity_may_send_where_the_address_may_not(world: World, tls: ssl.SSLContext) -> None:
    """Who signed in under another name than the address is told which of them programs must name."""
    with SmtpServer(tls, judge=lambda user: b"235 ok\r\n" if user == IDENTITY else NOT_TAKEN) as server:
        found = examine(subject_at(server.address, identity=IDENTITY))

    assert found["smtp-sign-in"].ok is True
    assert f"name that as the user for sending, and {ALICE} as the sender" in found["smtp-sign-in"].meaning
    assert server.users == [ALICE, IDENTITY]


def token_of(*roles: str) -> str:
    """Return the token of an application with these *roles*."""
    body = base64.urlsafe_b64encode(json.dumps({"roles": roles, "oid": "an-id"}).encode()).decode().rstrip("=")
    return f"{TOKEN}.{body}.x"


def test_an_application_signs_in_as_the_mailbox(world: World, tls: ssl.SSLContext) -> None:
    """Refused, its administrator gets both commands, filled in."""
    with SmtpServer(tls, {"token": NOT_TAKEN}) as server:
        subject = subject_at(server.address, SHARED, kind="app-only", token=token_of("SMTP.SendAsApp"), client_id="c")
        check = failed(subject)

    assert server.users == [SHARED]
    assert "In PowerShell: New-ServicePrincipal -AppId c -ObjectId an-id; Add-MailboxPermission" in check.remedy


def test_an_application_that_may_not_send_is_not_examined(world: World, tls: ssl.SSLContext) -> None:
    """Its roles are in its token."""
    scopes = ("https://outlook.office365.com/.default",)

    with SmtpServer(tls) as server:
        without = examine(
            subject_at(server.address, SHARED, kind="app-only", token=token_of("IMAP.AccessAsApp"), scopes=scopes)
        )
        unknown = examine(subject_at(server.address, SHARED, kind="app-only", scopes=scopes))

    assert [check.ok for check in without.values()] == [None]
    assert all(check.ok for check in unknown.values())


def test_an_application_without_a_mailbox_is_not_tried(world: World, tls: ssl.SSLContext) -> None:
    """A name that is no address cannot send."""
    with SmtpServer(tls) as server:
        found = examine(subject_at(server.address, "backup", name="backup", kind="app-only"))

    assert [check.ok for check in found.values()] == [True, True, True, None]


def test_no_token_without_starttls(world: World, tls: ssl.SSLContext) -> None:
    """Somebody in between who takes STARTTLS out is named, and sees nothing."""
    with SmtpServer(tls, {"EHLO": b"250-localhost\r\n250 AUTH XOAUTH2\r\n"}) as server:
        check = failed(subject_at(server.address))

    assert check.name == "smtp-starttls"
    assert "offers no STARTTLS" in check.meaning
    assert server.commands == ["EHLO", "QUIT"]


def test_no_token_without_xoauth2(world: World, tls: ssl.SSLContext) -> None:
    """What it offers instead is named, and the cloud's own server if that is another."""
    with SmtpServer(tls, {"EHLO over TLS": b"250-localhost\r\n250 AUTH LOGIN\r\n"}) as server:
        check = failed(subject_at(server.address, cloud="global"))

    assert check.name == "smtp-xoauth2"
    assert "it offers LOGIN, and no XOAUTH2" in check.meaning
    assert check.remedy.endswith(f"Run: offlineimap-m365 login {ALICE} --smtp smtp.office365.com:587")
    assert "AUTH" not in server.commands


def test_a_foreign_certificate_names_who_issued_it(world: World, ca: trustme.CA) -> None:
    """Nothing but STARTTLS is sent to whoever looks into connections; named once."""
    with SmtpServer(certificate(trustme.CA(organization_name="Acme Inspection"))) as server:
        subject = subject_at(server.address)
        first, second = failed(subject), examine(subject)

    assert first.name == "smtp-starttls"
    assert "was issued by “Acme Inspection" in first.meaning
    assert second["smtp-starttls"].ok is None
    assert set(server.commands) <= {"EHLO", "STARTTLS", "QUIT"}


def test_a_port_that_is_closed(world: World) -> None:
    """Another port of the login's host answers: the network, or the server."""
    with socket.create_server(("127.0.0.1", 0)) as login, socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
        gone.close()
        authority = f"https://127.0.0.1:{login.getsockname()[1]}/tenant"
        check = failed(subject_at(f"localhost:{port}", authority=authority))

    assert check.name == "smtp-connect"
    assert f"This network blocks port {port}" in check.meaning
    assert check.remedy.endswith(f"Run: offlineimap-m365 doctor {ALICE}")


def test_an_address_that_is_none(world: World) -> None:
    """A personal account has a server of its own."""
    check = failed(subject_at("nonsense", tenant=PERSONAL))

    assert check.remedy == f"Run: offlineimap-m365 login {ALICE} --smtp smtp-mail.outlook.com:587"


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
def test_what_may_pass_is_called_so(
    world: World, tls: ssl.SSLContext, when: str, answer: bytes | None, name: str
) -> None:
    """A busy server, one that hangs up or talks nonsense: one looks again."""
    with SmtpServer(tls, {when: answer}, last=when) as server:
        check = failed(subject_at(server.address))

    assert check.name == name
    assert check.remedy.startswith("This can pass by itself: wait")
    assert check.remedy.endswith(f"Run: offlineimap-m365 doctor {ALICE}")


def test_a_server_that_drips_is_left(world: World, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """However steadily the bytes come, the doctor comes to its end."""
    monkeypatch.setattr(bounded_reader, "READ", 0.4)
    monkeypatch.setattr(bounded_reader, "WHOLE", 0.6)

    with SmtpServer(tls, drip=0.1) as server:
        check = failed(subject_at(server.address))

    assert "did not answer in time" in check.meaning
