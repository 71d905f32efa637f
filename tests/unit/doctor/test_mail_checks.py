"""The checks of the mail servers, with servers that refuse, misbehave or are hostile."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from offlineimap_m365.doctor.mail import mail_checks
from offlineimap_m365.knowledge import powershell
from offlineimap_m365.mail import bounded_socket
from tests import doctor_checks
from tests.mail_servers import NOT_TAKEN, OK, ImapServer, MailServer, SmtpServer
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.doctor.check import Check, Subject
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TOKEN = "a-made-up-access-token"
BOB, SHARED = "bob@example.org", "info@example.org"
PERSONAL = {"tenant": "9188040d-6c67-4c5b-b112-36a304b66dad"}
LISTED = b'* LIST () "/" INBOX\r\n' + OK
AGAIN, LOGIN = f"offlineimap-m365 doctor {ALICE}", f"offlineimap-m365 login {ALICE}"
IMAP_ON = f"Set-CASMailbox -Identity {ALICE} -ImapEnabled $true"
IMAP_PAGE = "https://outlook.live.com/mail/0/options/mail/popImap"
#: As Exchange Online says it (simonrob/email-oauth2-proxy#193).
SWITCHED_OFF = (
    b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."
    b" Visit https://aka.ms/smtp_auth_disabled for more information.\r\n"
)
POLICY = b"535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated.\r\n"
REFUSED_JSON = base64.b64encode(json.dumps({"status": "401", "scope": "https://x/"}).encode()) + b"\r\n"
BOTH = pytest.mark.parametrize("kind", [ImapServer, SmtpServer])


def subject_at(server: MailServer | str, mailbox: str = ALICE, *, token: str | None = TOKEN, **changes: Any) -> Subject:
    """Return Alice, signed in, whose mail is at *server*."""
    address = server if isinstance(server, str) else server.address
    account = invent(imap=address, smtp=address, **changes)
    return doctor_checks.subject_of(account, mailbox, token)


def examine(subject: Subject, kind: type[MailServer] = ImapServer) -> dict[str, Check]:
    """Return the checks by name; each failure has a meaning and a remedy, and none holds the token."""
    steps = mail_checks.IMAP_STEPS if kind is ImapServer else mail_checks.SMTP_STEPS
    return doctor_checks.by_name(doctor_checks.checks_of(steps, subject), TOKEN)


def failed(subject: Subject, kind: type[MailServer] = ImapServer) -> Check:
    """Return the only check that failed; those before it are good, those after it were not tried."""
    check = doctor_checks.step_that_failed(examine(subject, kind))
    assert check.meaning.isprintable()
    return check


def token_of(**claims: Any) -> str:
    """Return a token in the shape of a JWT with these *claims*."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{TOKEN}.{body}.signature"


@BOTH
@pytest.mark.parametrize("mailbox", [ALICE, SHARED])
def test_a_mailbox_that_opens(world: World, ca: trustme.CA, kind: type[MailServer], mailbox: str) -> None:
    """All is good over one connection, on which nothing is changed or sent; a shared mailbox is no user for sending."""
    with kind(ca, {"LIST": LISTED}) as server:
        checks = examine(subject_at(server, mailbox), kind)

    assert {check.ok for check in checks.values()} == {True}
    if isinstance(server, ImapServer):
        assert server.commands == ["CAPABILITY", "AUTHENTICATE", "LIST", "EXAMINE", "LOGOUT"]
        assert server.users == [mailbox]
        assert checks["imap-mailbox"].mailbox == (None if mailbox == ALICE else SHARED)
    else:
        assert server.users == [ALICE]
        assert b"MAIL" not in server.received.upper()


@pytest.mark.parametrize(
    ("kind", "outcomes"),
    [(ImapServer, [True, True, None, None, None]), (SmtpServer, [True, True, True, None])],
)
@pytest.mark.parametrize("is_application", [False, True])
def test_without_a_token_or_mailbox_nobody_signs_in(
    world: World, ca: trustme.CA, kind: type[MailServer], outcomes: list[bool | None], *, is_application: bool
) -> None:
    """Connection, certificate and mechanism are checked all the same."""
    with kind(ca) as server:
        if is_application:
            subject = subject_at(
                server, "backup", name="backup", kind="app-only", token=token_of(roles=["SMTP.SendAsApp"])
            )
        else:
            subject = subject_at(server, token=None)
            subject.unmet["refresh"] = "refresh"
        checks = examine(subject, kind)

    assert [check.ok for check in checks.values()] == outcomes
    assert ("doctor backup --mailbox" in list(checks.values())[outcomes.index(None)].meaning) is is_application
    assert b"AUTH" not in server.received


@pytest.mark.parametrize(
    ("answer", "changes", "command"),
    [(b"+ " + REFUSED_JSON, {}, LOGIN), (b"", {}, IMAP_ON), (b"", PERSONAL, AGAIN)],
)
def test_a_token_that_is_refused(
    world: World, ca: trustme.CA, answer: bytes, changes: dict[str, Any], command: str
) -> None:
    """A refusal with JSON (in base64) is about the token; one without, right after a refresh, is about IMAP."""
    with ImapServer(ca, {"AUTHENTICATE": answer + b"TAG NO AUTHENTICATE failed.\r\n"}) as server:
        check = failed(subject_at(server, **changes))

    assert (check.name, check.remedy.command) == ("imap-sign-in", command)
    assert ("status 401, scope https://x/" in check.meaning) is bool(answer)
    assert (IMAP_PAGE in check.remedy.advice) is (command == AGAIN)


@pytest.mark.parametrize(
    ("opens", "mailbox", "changes", "command", "users"),
    [
        # the permission on a shared mailbox is missing; or it is an alias
        ([ALICE], SHARED, {}, f"Add-MailboxPermission -Identity {SHARED} -User {ALICE} -AccessRights FullAccess", 2),
        ([ALICE], SHARED, PERSONAL, f"offlineimap-m365 login {SHARED}", 2),
        # nothing opens
        ([], ALICE, {}, IMAP_ON, 1),
        ([], SHARED, {}, IMAP_ON, 2),
        ([], ALICE, PERSONAL, AGAIN, 1),
        ([], ALICE, {"identity": ALICE.upper()}, IMAP_ON, 1),
        ([], ALICE, {"home_tenant": "home.example"}, f"{LOGIN} --tenant home.example", 1),
        # another person has signed in; or the address is an alias of theirs
        ([BOB], ALICE, {"identity": BOB}, f"{LOGIN} --identity {ALICE}", 2),
        ([BOB], ALICE, {"identity": BOB, **PERSONAL}, f"{LOGIN} --identity {ALICE}", 2),
        # an application
        *(
            (
                [],
                SHARED,
                {"kind": "app-only", "client_id": "an-app", "token": token},
                f"{powershell.introduce('an-app', who)}; {powershell.permit(SHARED, who)}",
                1,
            )
            for token, who in ((token_of(oid="an-object-id"), "an-object-id"), (TOKEN, "OBJECT_ID"))
        ),
    ],
)
def test_a_mailbox_that_does_not_open(  # noqa: PLR0917 - the columns of the table
    world: World, ca: trustme.CA, opens: list[str], mailbox: str, changes: dict[str, Any], command: str, users: int
) -> None:
    """What opens with the same token decides which command helps."""
    with ImapServer(ca, {"LIST": LISTED}, opens=opens) as server:
        check = failed(subject_at(server, mailbox, **changes))

    assert (check.name, check.remedy.command) == ("imap-mailbox", command)
    assert (check.remedy.where == "powershell") is command.startswith(("Add-", "Set-", "New-"))
    assert len(server.users) == users
    assert (IMAP_PAGE in check.remedy.advice) is (command == AGAIN)
    owner = ALICE if mailbox == SHARED else BOB
    assert (f"remoteuser = {owner}" in check.remedy.advice) is bool(opens)


def test_a_mailbox_that_is_signed_in_itself_needs_its_own_token(world: World, ca: trustme.CA) -> None:
    """No permission is asked for if the wrong account's token was used."""
    invent(BOB)
    with ImapServer(ca, {"LIST": LISTED}, opens=[ALICE]) as server:
        check = failed(subject_at(server, BOB))

    assert f'get_access_token("{BOB}")' in check.remedy.advice
    assert check.remedy.command == f"offlineimap-m365 doctor {BOB}"


def test_a_server_that_is_busy_meanwhile_leaves_the_cause_open(world: World, ca: trustme.CA) -> None:
    """If the other mailbox meets a busy server, nothing is concluded from that."""
    with ImapServer(ca, {"LIST": b"TAG NO Server Unavailable. 15\r\n"}, opens=[ALICE]) as server:
        check = failed(subject_at(server, SHARED))

    assert "Server Unavailable. 15" in check.meaning
    assert check.remedy.command == f"{AGAIN} --mailbox {SHARED}"


# Sending


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": ("https://outlook.office.com/IMAP.AccessAsUser.All",)},
        {"scopes": ("https://x/SMTP.Sender",)},
        {
            "scopes": ("https://outlook.office365.com/.default",),
            "kind": "app-only",
            "token": token_of(roles=["IMAP.AccessAsApp"]),
            "mailbox": SHARED,
        },
    ],
)
def test_an_account_that_did_not_ask_to_send_is_not_tried(
    world: World, ca: trustme.CA, changes: dict[str, Any]
) -> None:
    """Without the permission the server is not asked."""
    with SmtpServer(ca) as server:
        checks = examine(subject_at(server, **changes), SmtpServer)

    assert [check.ok for check in checks.values()] == [None] * 4
    assert server.received == b""


@pytest.mark.parametrize(
    ("answer", "changes", "command"),
    [
        (SWITCHED_OFF, {}, f"Set-CASMailbox -Identity {ALICE} -SmtpClientAuthenticationDisabled $false"),
        (SWITCHED_OFF, PERSONAL, f"{LOGIN} --scope imap"),
        (POLICY, {"tenant": "a tenant"}, f"{LOGIN} --scope imap"),
        (b"334 " + REFUSED_JSON + NOT_TAKEN, {}, LOGIN),
        (b"550 no \x1b[31m\xe2\x80\xaeidea\r\n", {}, LOGIN),
        (
            NOT_TAKEN,
            {
                "kind": "app-only",
                "token": token_of(roles=["SMTP.SendAsApp"], oid="an-id"),
                "client_id": "c",
                "mailbox": SHARED,
            },
            f"{powershell.introduce('c', 'an-id')}; {powershell.permit(SHARED, 'an-id')}",
        ),
    ],
)
def test_a_refusal_to_send_has_the_command_that_helps(
    world: World, ca: trustme.CA, answer: bytes, changes: dict[str, Any], command: str
) -> None:
    """Switched off, a policy, a token that is not taken, words that nobody knows: each has its own remedy."""
    with SmtpServer(ca, {"token": answer}) as server:
        check = failed(subject_at(server, **changes), SmtpServer)

    assert (check.name, check.remedy.command) == ("smtp-sign-in", command)
    assert (check.remedy.where == "powershell") is command.startswith(("Set-", "New-"))
    assert ("status 401" in check.meaning) is answer.startswith(b"334")


@pytest.mark.parametrize(("answer", "ok"), [(NOT_TAKEN, None), (SWITCHED_OFF, False)])
def test_one_refused_token_is_one_failure(world: World, ca: trustme.CA, answer: bytes, ok: bool | None) -> None:
    """If the mailbox did not open either, that is the cause; sending that is off is a cause of its own."""
    with SmtpServer(ca, {"token": answer}) as server:
        subject = subject_at(server)
        subject.unmet["imap-mailbox"] = "imap-mailbox"
        checks = examine(subject, SmtpServer)

    assert checks["smtp-sign-in"].ok is ok


def test_the_identity_may_send_where_the_address_may_not(world: World, ca: trustme.CA) -> None:
    """Where the person has another user name than the address, it is said which one programs must use."""
    with SmtpServer(ca, opens=[BOB]) as server:
        check = examine(subject_at(server, identity=BOB), SmtpServer)["smtp-sign-in"]

    assert check.ok is True
    assert BOB in check.meaning
    assert server.users == [ALICE, BOB]


# Servers that cannot be used


@pytest.mark.parametrize(
    ("kind", "answers", "name", "words"),
    [
        (
            ImapServer,
            {"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN\r\n" + OK},
            "imap-xoauth2",
            "it offers PLAIN, LOGIN,",
        ),
        (ImapServer, {"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n" + OK}, "imap-xoauth2", "it offers nothing"),
        (SmtpServer, {"EHLO": b"250-localhost\r\n250 AUTH XOAUTH2\r\n"}, "smtp-starttls", "STARTTLS"),
        (SmtpServer, {"EHLO over TLS": b"250-localhost\r\n250 AUTH LOGIN\r\n"}, "smtp-xoauth2", "it offers LOGIN,"),
    ],
)
def test_a_server_without_starttls_or_xoauth2_gets_no_token(  # noqa: PLR0917 - the columns of the table
    world: World, ca: trustme.CA, kind: type[MailServer], answers: dict[str, bytes | None], name: str, words: str
) -> None:
    """What it offers instead is named, and the option that names another server."""
    with kind(ca, answers) as server:
        check = failed(subject_at(server), kind)

    assert (check.name, check.remedy.command) == (name, AGAIN)
    assert words in check.meaning
    assert (f"login --{name[:4]} HOST:PORT" in check.remedy.advice) is name.endswith("xoauth2")
    assert TOKEN.encode() not in server.received


@pytest.mark.parametrize(("kind", "name"), [(ImapServer, "imap-connect"), (SmtpServer, "smtp-starttls")])
def test_a_foreign_certificate_is_refused(world: World, kind: type[MailServer], name: str) -> None:
    """Nothing but STARTTLS is sent there; the wrong file of certificates is unset, or the right one completed."""
    with kind(trustme.CA()) as server:
        check = failed(subject_at(server), kind)

    assert (check.name, check.remedy.command) == (name, "unset REQUESTS_CA_BUNDLE")
    assert server.received.split() in ([], [b"ehlo", b"[127.0.0.1]", b"STARTTLS"])


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Return a port on which connections are neither taken nor refused: its queue is full (listen(2))."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


@BOTH
@pytest.mark.parametrize("is_silent", [False, True])
def test_a_port_that_does_not_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: type[MailServer], *, is_silent: bool
) -> None:
    """While the sign-in service answers, the network blocks the port or the server is down; nothing is waited for."""
    monkeypatch.setattr(bounded_socket, "CONNECT", 0.3)
    with silent_port() as port:
        check = failed(subject_at(f"localhost:{port if is_silent else 1}"), kind)

    assert (check.name[4:], check.remedy.command) == ("-connect", AGAIN)
    assert "This network blocks port" in check.meaning


@BOTH
@pytest.mark.parametrize("address", ["nobody.invalid:993", "nonsense"])
def test_an_address_without_a_server(world: World, kind: type[MailServer], address: str) -> None:
    """A name that is not resolved is named; so is an address that is none, in an edited profile."""
    check = failed(subject_at(address), kind)

    option = f"{LOGIN} --{check.name[:4]} HOST:PORT"
    assert (check.name[4:], check.remedy.command) == ("-connect", option if address == "nonsense" else AGAIN)
    assert address.partition(":")[0] in check.meaning


@pytest.mark.parametrize(
    ("kind", "when", "answer", "name", "fact", "pause"),
    [
        (ImapServer, "LIST", b"TAG NO Suggested Backoff Time: 12500 milliseconds", "mailbox", "is busy", "Wait 12 s"),
        (ImapServer, "AUTHENTICATE", b"TAG NO Server Unavailable. 21", "sign-in", "Unavailable. 21", "Wait 1 min"),
        (ImapServer, "EXAMINE", b"* BYE AccessTokenExpired", "mailbox", "token", "Wait a little"),
        (ImapServer, "EXAMINE", b"TAG NO no", "mailbox", "refused EXAMINE (no)", "Wait a little"),
        (ImapServer, "CAPABILITY", b"* BYE Connection closed. 14", "connect", "", "Wait a little"),
        (ImapServer, "LIST", b"<html>\x1b[31m", "mailbox", "", "Wait a little"),
        (ImapServer, "greeting", b"* BYE \x1b]0;x\x07 \xe2\x80\xae", "connect", "", "Wait a little"),
        (SmtpServer, "greeting", b"421 4.3.2 Service not available", "connect", "421", "Wait 1 min"),
        (SmtpServer, "STARTTLS", b"454 4.7.0 TLS not available", "starttls", "454", "Wait 1 min"),
        (SmtpServer, "token", b"432 4.3.2 Concurrent connections limit exceeded", "sign-in", "432", "Wait 1 min"),
        (SmtpServer, "token", None, "sign-in", "", "Wait a little"),
        (SmtpServer, "greeting", b"<html>", "connect", "", "Wait a little"),
    ],
)
def test_what_may_pass_is_checked_again(  # noqa: PLR0917 - the columns of the table
    world: World,
    ca: trustme.CA,
    kind: type[MailServer],
    when: str,
    answer: bytes | None,
    name: str,
    fact: str,
    pause: str,
) -> None:
    """A busy server, an expired token, a closed connection: temporary, with the time that the server asks for."""
    with kind(ca, {"LIST": LISTED, when: answer and answer + b"\r\n"}, last=when) as server:
        check = failed(subject_at(server), kind)

    assert check.name.partition("-")[2] == name
    assert fact in check.meaning
    assert pause in check.remedy.advice
    assert check.remedy.command == AGAIN


LEARNED = {"not_mail": ["Kalender"], "mail": [], "languages": ["de"], "names": {}, "learnt_at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(("folder", "ok"), [(b"Kalender", True), (b"Kalendarium", False)])
def test_folders_that_changed_are_learned_again(world: World, ca: trustme.CA, folder: bytes, *, ok: bool) -> None:
    """A folder without mail that is gone under its name makes what was learned out of date."""
    listed = b'* LIST () "/" ' + folder + b"\r\n" + LISTED

    with ImapServer(ca, {"LIST": listed}) as server:
        check = examine(subject_at(server, SHARED, mailboxes={SHARED: LEARNED}))["imap-folders"]

    assert check.ok is ok
    wanted = f"offlineimap-m365 folders {ALICE} --mailbox {SHARED} --learn"
    assert check.remedy.command == (None if ok else wanted)
