"""The checks of the mail servers, with servers that refuse, misbehave or are hostile."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import socket
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import trustme

from offlineimap_m365.doctor.mail import mail_checks
from offlineimap_m365.knowledge import powershell
from tests import doctor_checks
from tests.mail_servers import NOT_TAKEN, OK, ImapServer, MailServer, SmtpServer
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.doctor.check import Check, Subject

#: Rules of ours, which no Python can change.
pytestmark = [pytest.mark.once, pytest.mark.usefixtures("world")]

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
    b" Visit https://aka.ms/smtp_auth_disabled for more information."
)
POLICY = b"535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated."
REFUSED_JSON = base64.b64encode(json.dumps({"status": "401", "scope": "https://x/"}).encode()) + b"\r\n"
KINDS: tuple[type[MailServer], ...] = (ImapServer, SmtpServer)


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


def test_a_mailbox_that_opens(ca: trustme.CA, subtests: pytest.Subtests) -> None:
    """All is good over one connection, on which nothing is changed or sent; a shared mailbox is no user for sending."""
    for kind, mailbox in itertools.product(KINDS, (ALICE, SHARED)):
        with subtests.test(f"{kind.__name__} {mailbox}"):
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


def test_without_a_token_or_mailbox_nobody_signs_in(ca: trustme.CA, subtests: pytest.Subtests) -> None:
    """Connection, certificate and mechanism are checked all the same."""
    token = token_of(roles=["SMTP.SendAsApp"])
    application: dict[str, Any] = {"name": "backup", "mailbox": "backup", "kind": "app-only", "token": token}
    signed_out: dict[str, Any] = {"token": None}
    for kind, who in itertools.product(KINDS, (application, signed_out)):
        with subtests.test(f"{kind.__name__} {who}"):
            with kind(ca) as server:
                subject = subject_at(server, **who)
                subject.unmet = {} if who["token"] else {"refresh": "refresh"}
                checks = list(examine(subject, kind).values())

            good = 2 if kind is ImapServer else 3
            assert [check.ok for check in checks] == [True] * good + [None] * (len(checks) - good)
            assert ("doctor backup --mailbox" in checks[good].meaning) is (who is application)
            assert b"AUTH" not in server.received


def refusals(ca: trustme.CA) -> Iterator[tuple[MailServer, dict[str, Any], str, str, str]]:
    """Yield servers and changes to Alice's account, with the check that fails, its command, and words that it says."""

    def imap(what: str, answer: bytes, **options: Any) -> ImapServer:
        return ImapServer(ca, {"LIST": LISTED, what: answer and answer + b"\r\n"}, **options)

    def smtp(what: str, answer: bytes | None, **options: Any) -> SmtpServer:
        return SmtpServer(ca, {what: answer and answer + b"\r\n"}, **options)

    # A token that is refused with JSON (in base64) is wrong; without, right after a refresh, IMAP is switched off.
    no = b"TAG NO AUTHENTICATE failed."
    yield imap("AUTHENTICATE", b"+ " + REFUSED_JSON + no), {}, "imap-sign-in", LOGIN, "status 401, scope https://x/"
    yield imap("AUTHENTICATE", no), {}, "imap-sign-in", IMAP_ON, "IMAP is switched off"
    yield imap("AUTHENTICATE", no), PERSONAL, "imap-sign-in", AGAIN, "IMAP is switched off"

    # A mailbox that does not open: what opens with the same token decides. The permission on a shared one is missing.
    permit = f"Add-MailboxPermission -Identity {SHARED} -User {ALICE} -AccessRights FullAccess"
    shared, is_alias, name = {"mailbox": SHARED}, f"remoteuser = {ALICE}", "imap-mailbox"
    yield imap("", b"", opens=[ALICE]), shared, name, permit, is_alias
    yield imap("", b"", opens=[ALICE]), shared | PERSONAL, name, f"offlineimap-m365 login {SHARED}", is_alias
    # Nothing opens.
    for changes in ({}, shared, {"identity": ALICE.upper()}):
        yield imap("", b"", opens=[]), changes, name, IMAP_ON, "no mailbox opens"
    yield imap("", b"", opens=[]), PERSONAL, name, AGAIN, "ipv6 = no"
    yield imap("", b"", opens=[]), {"home_tenant": "home.example"}, name, f"{LOGIN} --tenant home.example", "guest"
    # Another person has signed in; or the address is an alias of theirs.
    for changes in ({"identity": BOB}, {"identity": BOB, **PERSONAL}):
        yield imap("", b"", opens=[BOB]), changes, name, f"{LOGIN} --identity {ALICE}", f"remoteuser = {BOB}"
    # An application.
    application = {"mailbox": SHARED, "kind": "app-only", "client_id": "an-app"}
    for token, who in ((token_of(oid="an-id"), "an-id"), (TOKEN, "OBJECT_ID")):
        commands = f"{powershell.introduce('an-app', who)}; {powershell.permit(SHARED, who)}"
        yield imap("", b"", opens=[]), {**application, "token": token}, name, commands, "An administrator"

    # Sending is switched off, a policy forbids it, the token is not taken, the server says what nobody knows.
    smtp_on = f"Set-CASMailbox -Identity {ALICE} -SmtpClientAuthenticationDisabled $false"
    yield smtp("token", SWITCHED_OFF), {}, "smtp-sign-in", smtp_on, "switched off"
    yield smtp("token", SWITCHED_OFF), PERSONAL, "smtp-sign-in", f"{LOGIN} --scope imap", "disabled for the Tenant"
    yield smtp("token", POLICY), {"tenant": "a tenant"}, "smtp-sign-in", f"{LOGIN} --scope imap", "5.7.139"
    yield smtp("token", b"334 " + REFUSED_JSON + NOT_TAKEN), {}, "smtp-sign-in", LOGIN, "status 401"
    yield smtp("token", b"550 no \x1b[31m\xe2\x80\xaeidea"), {}, "smtp-sign-in", LOGIN, "550 no"
    token, commands = token_of(roles=["SMTP.SendAsApp"], oid="an-id"), commands.replace("OBJECT_ID", "an-id")
    yield smtp("token", NOT_TAKEN), {**application, "token": token}, "smtp-sign-in", commands, "An administrator"

    # Not the right server: what it offers in place of XOAUTH2 is named, and the option for another one.
    passwords, nothing = b"* CAPABILITY IMAP4 AUTH=PLAIN AUTH=LOGIN\r\n" + OK, b"* CAPABILITY IMAP4\r\n" + OK
    yield imap("CAPABILITY", passwords), {}, "imap-xoauth2", AGAIN, "it offers PLAIN, LOGIN,"
    yield imap("CAPABILITY", nothing), {}, "imap-xoauth2", AGAIN, "login --imap HOST:PORT"
    yield smtp("EHLO", b"250-localhost\r\n250 AUTH XOAUTH2"), {}, "smtp-starttls", AGAIN, "does not offer STARTTLS"
    for words in ("it offers LOGIN,", "login --smtp HOST:PORT"):
        yield smtp("EHLO over TLS", b"250-localhost\r\n250 AUTH LOGIN"), {}, "smtp-xoauth2", AGAIN, words
    yield ImapServer(trustme.CA()), {}, "imap-connect", "unset REQUESTS_CA_BUNDLE", "a certificate that is refused"
    yield SmtpServer(trustme.CA()), {}, "smtp-starttls", "unset REQUESTS_CA_BUNDLE", "a certificate that is refused"

    # What may pass by itself: a busy server, an expired token, a closed connection.
    for what, answer, name, words in (
        ("LIST", b"TAG NO Suggested Backoff Time: 12500 milliseconds", "imap-mailbox", "Wait 12 s"),
        ("AUTHENTICATE", b"TAG NO Server Unavailable. 21", "imap-sign-in", "Wait 1 min"),
        ("EXAMINE", b"* BYE AccessTokenExpired", "imap-mailbox", "token expired"),
        ("greeting", b"* BYE \x1b]0;x\x07 \xe2\x80\xae", "imap-connect", "Wait a little"),
    ):
        yield imap(what, answer, last=what), {}, name, AGAIN, words
    yield smtp("greeting", b"421 4.3.2 Service not available"), {}, "smtp-connect", AGAIN, "421"
    yield smtp("STARTTLS", b"454 4.7.0 TLS not available"), {}, "smtp-starttls", AGAIN, "454"
    yield smtp("token", None), {}, "smtp-sign-in", AGAIN, "Wait a little"


def test_each_failure_has_the_command_that_helps(ca: trustme.CA, subtests: pytest.Subtests) -> None:
    """One check fails; a token goes to the right server only; another mailbox is tried only to find the cause."""
    for server, changes, name, command, words in refusals(ca):
        with subtests.test(f"{name} {words} {changes}"):
            with server:
                check = failed(subject_at(server, **changes), type(server))

            assert (check.name, check.remedy.command) == (name, command)
            assert (check.remedy.where == "powershell") is command.startswith(("Add-", "Set-", "New-"))
            assert words in f"{check.meaning} {check.remedy.advice}"
            assert (IMAP_PAGE in check.remedy.advice) is (command == AGAIN and changes == PERSONAL)
            assert ("remoteuser =" in check.remedy.advice) is bool(server.opens)
            assert (b"AUTH" in server.received) is name.endswith(("sign-in", "mailbox"))
            is_others = "mailbox" in changes or changes.get("identity") == BOB
            tries = 2 if is_others and name == "imap-mailbox" and "kind" not in changes else 1
            assert len(server.users) == tries * (b"AUTH" in server.received)
            if "CA_BUNDLE" in command:
                assert server.received.split() in ([], [b"ehlo", b"[127.0.0.1]", b"STARTTLS"])


def test_a_mailbox_that_is_signed_in_itself_needs_its_own_token(ca: trustme.CA) -> None:
    """No permission is asked for if the wrong account's token was used."""
    invent(BOB)
    with ImapServer(ca, {"LIST": LISTED}, opens=[ALICE]) as server:
        check = failed(subject_at(server, BOB))

    assert f'get_access_token("{BOB}")' in check.remedy.advice
    assert check.remedy.command == f"offlineimap-m365 doctor {BOB}"


def test_an_account_that_did_not_ask_to_send_is_not_tried(ca: trustme.CA) -> None:
    """Without the permission the server is not asked."""
    application = {"kind": "app-only", "token": token_of(roles=["IMAP.AccessAsApp"]), "mailbox": SHARED}
    for scope in ("https://outlook.office.com/IMAP.AccessAsUser.All", "https://x/SMTP.Sender", "https://x/.default"):
        with SmtpServer(ca) as server:
            changes: dict[str, Any] = application if scope.endswith(".default") else {}
            checks = examine(subject_at(server, scopes=(scope,), **changes), SmtpServer)

        assert [check.ok for check in checks.values()] == [None] * 4, scope
        assert server.received == b""


def test_one_refused_token_is_one_failure(ca: trustme.CA) -> None:
    """If the mailbox did not open either, that is the cause; sending that is off is a cause of its own."""
    outcomes = []
    for answer in (NOT_TAKEN, SWITCHED_OFF):
        with SmtpServer(ca, {"token": answer + b"\r\n"}) as server:
            subject = subject_at(server)
            subject.unmet["imap-mailbox"] = "imap-mailbox"
            outcomes.append(examine(subject, SmtpServer)["smtp-sign-in"].ok)

    assert outcomes == [None, False]


def test_the_identity_may_send_where_the_address_may_not(ca: trustme.CA) -> None:
    """Where the person has another user name than the address, it is said which one programs must use."""
    with SmtpServer(ca, opens=[BOB]) as server:
        check = examine(subject_at(server, identity=BOB), SmtpServer)["smtp-sign-in"]

    assert check.ok is True
    assert BOB in check.meaning
    assert server.users == [ALICE, BOB]


def test_an_address_that_does_not_answer(subtests: pytest.Subtests) -> None:
    """A blocked port, while the sign-in service answers; a name that is not resolved; what is no address."""
    for kind, address in itertools.product(KINDS, ("localhost:1", "localhost:2", "nobody.invalid:993", "nonsense")):
        silent = mock.patch.object(socket, "create_connection", side_effect=TimeoutError)
        with subtests.test(f"{kind.__name__} {address}"):
            with silent if address == "localhost:2" else contextlib.nullcontext() as connect:
                check = failed(subject_at(address), kind)

            command = f"{LOGIN} --{check.name[:4]} HOST:PORT" if address == "nonsense" else AGAIN
            assert (check.name[4:], check.remedy.command) == ("-connect", command)
            assert address.partition(":")[0] in check.meaning
            assert ("This network blocks port" in check.meaning) is address.startswith("localhost")
            assert connect is None or connect.call_args.args == (("localhost", 2), 5.0)


LEARNED = {"not_mail": ["Kalender"], "mail": [], "languages": ["de"], "names": {}, "learnt_at": "2026-01-01T00:00:00Z"}


def test_folders_that_changed_are_learned_again(ca: trustme.CA) -> None:
    """A folder without mail that is gone under its name makes what was learned out of date."""
    learn = f"offlineimap-m365 folders {ALICE} --mailbox {SHARED} --learn"
    for folder, ok, command in ((b"Kalender", True, None), (b"Kalendarium", False, learn)):
        with ImapServer(ca, {"LIST": b'* LIST () "/" ' + folder + b"\r\n" + LISTED}) as server:
            check = examine(subject_at(server, SHARED, mailboxes={SHARED: LEARNED}))["imap-folders"]

        assert (check.ok, check.remedy.command) == (ok, command)
