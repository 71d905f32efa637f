"""The checks of the server that mail is fetched from, with servers that refuse, misbehave or are hostile."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.doctor.mail import mail_checks
from offlineimap_m365.knowledge import powershell
from offlineimap_m365.mail import bounded_socket
from tests import doctor_checks
from tests.imap_server import OK, ImapServer
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme

    from offlineimap_m365.doctor.check import Check, Subject
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TOKEN = "a-made-up-access-token"
BOB, SHARED = "bob@example.org", "info@example.org"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
LISTED = b'* LIST () "/" INBOX\r\n' + OK
AGAIN, LOGIN = f"offlineimap-m365 doctor {ALICE}", f"offlineimap-m365 login {ALICE}"
IMAP_ON = f"Set-CASMailbox -Identity {ALICE} -ImapEnabled $true"
IMAP_PAGE = "https://outlook.live.com/mail/0/options/mail/popImap"


def subject_at(address: str, mailbox: str = ALICE, *, token: str | None = TOKEN, **changes: Any) -> Subject:
    """Return Alice, signed in, with her mail at *address*."""
    return doctor_checks.subject_of(invent(imap=address, **changes), mailbox, token)


def examine(subject: Subject) -> dict[str, Check]:
    """Return the checks by name; each failure has a meaning and a remedy, and none holds the token."""
    return doctor_checks.by_name(doctor_checks.checks_of(mail_checks.IMAP_STEPS, subject), TOKEN)


def failed(subject: Subject) -> Check:
    """Return the only check that failed; those before it are good, those after it were not tried."""
    return doctor_checks.step_that_failed(examine(subject))


def token_of(**claims: str) -> str:
    """Return a token in the shape of a JWT with these *claims*."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{TOKEN}.{body}.signature"


@pytest.mark.parametrize("mailbox", [ALICE, SHARED])
def test_a_mailbox_that_opens(world: World, ca: trustme.CA, mailbox: str) -> None:
    """All is good over one connection, on which nothing is changed; another mailbox is named."""
    with ImapServer(ca, {"LIST": LISTED}) as server:
        checks = examine(subject_at(server.address, mailbox))

    assert [check.ok for check in checks.values()] == [True] * 5
    assert server.commands == ["CAPABILITY", "AUTHENTICATE", "LIST", "EXAMINE", "LOGOUT"]
    assert server.users == [mailbox]
    assert checks["imap-mailbox"].mailbox == (None if mailbox == ALICE else SHARED)


@pytest.mark.parametrize("is_application", [False, True])
def test_without_a_token_or_mailbox_nobody_signs_in(world: World, ca: trustme.CA, *, is_application: bool) -> None:
    """Connection and mechanism are checked all the same."""
    with ImapServer(ca) as server:
        if is_application:
            subject = subject_at(server.address, "backup", name="backup", kind="app-only")
        else:
            subject = subject_at(server.address, token=None)
            subject.unmet["refresh"] = "refresh"
        checks = examine(subject)

    assert [check.ok for check in checks.values()] == [True, True, None, None, None]
    assert ("doctor backup --mailbox" in checks["imap-sign-in"].meaning) is is_application
    assert server.commands == ["CAPABILITY", "LOGOUT"]


@pytest.mark.parametrize(
    ("answer", "tenant", "command"),
    [
        (b"+ eyJzdGF0dXMiOiAiNDAxIiwgInNjb3BlIjogImh0dHBzOi8veC8ifQ==\r\n", "a tenant", LOGIN),
        (b"", "a tenant", IMAP_ON),
        (b"", PERSONAL, AGAIN),
    ],
)
def test_a_token_that_is_refused(world: World, ca: trustme.CA, answer: bytes, tenant: str, command: str) -> None:
    """A refusal with JSON (in base64) is about the token; one without, right after a refresh, is about IMAP."""
    with ImapServer(ca, {"AUTHENTICATE": answer + b"TAG NO AUTHENTICATE failed.\r\n"}) as server:
        check = failed(subject_at(server.address, tenant=tenant))

    assert (check.name, check.remedy.command) == ("imap-sign-in", command)
    assert ("status 401; wanted for https://x/" in check.meaning) is bool(answer)
    assert (IMAP_PAGE in check.remedy.advice) is (tenant == PERSONAL)


@pytest.mark.parametrize("mechanisms", [b"AUTH=PLAIN AUTH=LOGIN", b""])
def test_no_token_goes_to_a_server_without_xoauth2(world: World, ca: trustme.CA, mechanisms: bytes) -> None:
    """What it offers instead is named, and the option that names another server."""
    answer = b"* CAPABILITY IMAP4rev1 " + mechanisms + b"\r\nTAG OK done\r\n"

    with ImapServer(ca, {"CAPABILITY": answer}) as server:
        check = failed(subject_at(server.address))

    assert (check.name, check.remedy.command) == ("imap-xoauth2", AGAIN)
    assert "login --imap HOST:PORT" in check.remedy.advice
    assert ("it offers PLAIN, LOGIN" if mechanisms else "it offers nothing") in check.meaning
    assert server.commands == ["CAPABILITY", "LOGOUT"]


@pytest.mark.parametrize(
    ("opens", "mailbox", "changes", "command", "users"),
    [
        # the permission on a shared mailbox is missing; or it is an alias
        ([ALICE], SHARED, {}, f"Add-MailboxPermission -Identity {SHARED} -User {ALICE} -AccessRights FullAccess", 2),
        ([ALICE], SHARED, {"tenant": PERSONAL}, f"offlineimap-m365 login {SHARED}", 2),
        # nothing opens
        ([], ALICE, {}, IMAP_ON, 1),
        ([], SHARED, {}, IMAP_ON, 2),
        ([], ALICE, {"tenant": PERSONAL}, AGAIN, 1),
        ([], ALICE, {"identity": ALICE.upper()}, IMAP_ON, 1),
        ([], ALICE, {"home_tenant": "home.example"}, f"{LOGIN} --tenant home.example", 1),
        # another person has signed in; or the address is an alias of theirs
        ([BOB], ALICE, {"identity": BOB}, f"{LOGIN} --identity {ALICE}", 2),
        ([BOB], ALICE, {"identity": BOB, "tenant": PERSONAL}, f"{LOGIN} --identity {ALICE}", 2),
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
        check = failed(subject_at(server.address, mailbox, **changes))

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
        check = failed(subject_at(server.address, BOB))

    assert f'get_access_token("{BOB}")' in check.remedy.advice
    assert check.remedy.command == f"offlineimap-m365 doctor {BOB}"


def test_a_server_that_is_busy_meanwhile_leaves_the_cause_open(world: World, ca: trustme.CA) -> None:
    """If the other mailbox meets a busy server, nothing is concluded from that."""
    with ImapServer(ca, {"LIST": b"TAG NO Server Unavailable. 15\r\n"}, opens=[ALICE]) as server:
        check = failed(subject_at(server.address, SHARED))

    assert "Server Unavailable. 15" in check.meaning
    assert check.remedy.command == f"{AGAIN} --mailbox {SHARED}"


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


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_port_that_does_not_answer(world: World, monkeypatch: pytest.MonkeyPatch, *, is_silent: bool) -> None:
    """While the sign-in service answers, the network blocks the port or the server is down; nothing is waited for."""
    monkeypatch.setattr(bounded_socket, "CONNECT", 0.3)
    with silent_port() as port:
        check = failed(subject_at(f"localhost:{port if is_silent else 1}"))

    assert (check.name, check.remedy.command) == ("imap-connect", AGAIN)
    assert "This network blocks port" in check.meaning


@pytest.mark.parametrize(
    ("address", "command"), [("nobody.invalid:993", AGAIN), ("nonsense", f"{LOGIN} --imap HOST:PORT")]
)
def test_an_address_without_a_server(world: World, address: str, command: str) -> None:
    """A name that is not resolved is named; so is an address that is none, in an edited profile."""
    check = failed(subject_at(address))

    assert (check.name, check.remedy.command) == ("imap-connect", command)
    assert address.partition(":")[0] in check.meaning


@pytest.mark.parametrize(
    ("command", "answer", "said"),
    [
        ("LIST", b"TAG NO Request is throttled. Suggested Backoff Time: 12500 milliseconds", ("is busy", "Wait 12 s")),
        ("LIST", b"TAG NO Server Unavailable. 15", ("is busy (Server Unavailable. 15)", "Wait 1 min")),
        ("AUTHENTICATE", b"TAG NO Server Unavailable. 21", ("is busy", "Wait 1 min")),
        ("EXAMINE", b"* BYE Session invalidated - AccessTokenExpired", ("token", "Wait a little")),
        ("EXAMINE", b"TAG NO no", ("refused EXAMINE (no)", "Wait a little")),
        ("CAPABILITY", b"* BYE Connection closed. 14", ("", "Wait a little")),
        ("LIST", b"<html>\x1b[31m", ("", "Wait a little")),
    ],
)
def test_what_may_pass_is_checked_again(
    world: World, ca: trustme.CA, command: str, answer: bytes, said: tuple[str, str]
) -> None:
    """A busy server, an expired token, a hang-up: temporary, with the time that the server asks for."""
    with ImapServer(ca, {"LIST": LISTED, command: answer + b"\r\n"}, last=command) as server:
        check = failed(subject_at(server.address))

    fact, pause = said
    assert check.name == {"AUTHENTICATE": "imap-sign-in", "CAPABILITY": "imap-connect"}.get(command, "imap-mailbox")
    assert fact in check.meaning
    assert pause in check.remedy.advice
    assert check.remedy.command == AGAIN


def test_a_hostile_greeting_is_shown_harmless(world: World, ca: trustme.CA) -> None:
    """Nothing that a server says reaches a terminal unchanged."""
    with ImapServer(ca, greeting=b"* BYE \x1b]0;x\x07 \xe2\x80\xae\r\n", last="greeting") as server:
        assert failed(subject_at(server.address)).meaning.isprintable()


LEARNED = {"not_mail": ["Kalender"], "mail": [], "languages": ["de"], "names": {}, "learnt_at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(("folder", "ok"), [(b"Kalender", True), (b"Kalendarium", False)])
def test_folders_that_changed_are_learned_again(world: World, ca: trustme.CA, folder: bytes, *, ok: bool) -> None:
    """A folder without mail that is gone under its name makes what was learned out of date."""
    listed = b'* LIST () "/" ' + folder + b"\r\n" + LISTED

    with ImapServer(ca, {"LIST": listed}) as server:
        check = examine(subject_at(server.address, SHARED, mailboxes={SHARED: LEARNED}))["imap-folders"]

    assert check.ok is ok
    wanted = f"offlineimap-m365 folders {ALICE} --mailbox {SHARED} --learn"
    assert check.remedy.command == (None if ok else wanted)
