"""What the doctor finds out about the mail server, with servers that refuse, are strange or hostile."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from offlineimap_m365.doctor.check import Check, Subject
from offlineimap_m365.doctor.mail import imap_checks as room
from offlineimap_m365.doctor.mail import reachability
from offlineimap_m365.knowledge import powershell
from offlineimap_m365.mail import bounded_reader, tcp_connect
from tests import examined
from tests.imap_server import OK, ImapServer
from tests.kept import ALICE, invent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TOKEN = "a-made-up-access-token"
BOB, SHARED = "bob@example.org", "info@example.org"
LISTED = b'* LIST () "/" INBOX\r\n' + OK
NAMES = ["imap-connect", "imap-xoauth2", "imap-sign-in", "imap-mailbox", "imap-folders"]


def subject_at(address: str, mailbox: str = ALICE, *, token: str | None = TOKEN, **changes: Any) -> Subject:
    """Return Alice, signed in, with her mail at *address*."""
    return examined.subject_of(invent(imap=address, **changes), mailbox, token)


def examine(subject: Subject) -> dict[str, Check]:
    """Return the checks by name; each failure has a meaning and a remedy, and none says the token."""
    return examined.by_name(room.examine(subject), TOKEN)


def failed(subject: Subject) -> Check:
    """Return the only check that failed; those before it are good, those behind it were not tried."""
    return examined.step_that_failed(examine(subject))


def test_a_mailbox_that_opens(world: World, ca: trustme.CA) -> None:
    """All is good over one connection, on which nothing is changed."""
    with ImapServer(ca, {"LIST": LISTED}) as server:
        found = examine(subject_at(server.address))

    assert {name: check.ok for name, check in found.items()} == dict.fromkeys(NAMES, True)
    assert server.commands == ["CAPABILITY", "AUTHENTICATE", "LIST", "EXAMINE", "LOGOUT"]
    assert found["imap-mailbox"].mailbox is None


def test_somebody_elses_mailbox_is_named(world: World, ca: trustme.CA) -> None:
    """What is said of a mailbox that is not the account's own names it."""
    with ImapServer(ca, {"LIST": LISTED}) as server:
        found = examine(subject_at(server.address, SHARED))

    assert found["imap-mailbox"].mailbox == SHARED
    assert server.users == [SHARED]


def test_without_a_token_the_server_is_looked_at_all_the_same(world: World, ca: trustme.CA) -> None:
    """Connection and mechanism are tried, the rest is not; nobody signs in."""
    with ImapServer(ca) as server:
        found = examine(subject_at(server.address, token=None))

    assert [check.ok for check in found.values()] == [True, True, None, None]
    assert found["imap-sign-in"].meaning == "Not tried, since there is no token"
    assert server.commands == ["CAPABILITY", "LOGOUT"]


def test_an_unknown_account_is_not_tried(world: World) -> None:
    """Without a profile there is no server to ask."""
    found = list(room.examine(Subject(ALICE, ALICE)))

    assert [(check.name, check.ok) for check in found] == [("imap-connect", None)]


def test_a_refusal_is_put_in_words(world: World, ca: trustme.CA) -> None:
    """The JSON in base64 that comes with a refusal is decoded and explained; a new sign-in is the remedy."""
    said = base64.b64encode(json.dumps({"status": "401", "schemes": "bearer", "scope": "https://x/"}).encode())
    answers = {"AUTHENTICATE": b"+ " + said + b"\r\nTAG NO AUTHENTICATE failed.\r\n"}

    with ImapServer(ca, answers) as server:
        check = failed(subject_at(server.address))

    assert check.name == "imap-sign-in"
    assert "(status 401; wanted for https://x/; The mail server did not accept the token" in check.meaning
    assert check.remedy.endswith(f"Run: offlineimap-m365 login {ALICE}")


@pytest.mark.parametrize("mechanisms", [b"AUTH=PLAIN AUTH=LOGIN", b""])
def test_no_token_goes_to_a_server_without_xoauth2(world: World, ca: trustme.CA, mechanisms: bytes) -> None:
    """What it offers instead is named; it is sent nothing secret."""
    answer = b"* CAPABILITY IMAP4rev1 " + mechanisms + b"\r\nTAG OK done\r\n"

    with ImapServer(ca, {"CAPABILITY": answer}) as server:
        check = failed(subject_at(server.address))

    assert check.name == "imap-xoauth2"
    assert ("it offers PLAIN, LOGIN" if mechanisms else "it offers nothing") in check.meaning
    assert check.remedy.endswith(f"Run: offlineimap-m365 doctor {ALICE}")
    assert server.commands == ["CAPABILITY", "LOGOUT"]


def test_the_wrong_server_of_a_cloud_is_told_the_right_one(world: World, ca: trustme.CA) -> None:
    """Where the cloud has another mail server than the account, that is the remedy."""
    with ImapServer(ca, {"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n" + OK}) as server:
        check = failed(subject_at(server.address, cloud="global"))

    assert check.remedy.endswith(f"Run: offlineimap-m365 login {ALICE} --imap outlook.office365.com:993")


def closed_to(opens: list[str], ca: trustme.CA, mailbox: str = ALICE, **changes: Any) -> tuple[Check, ImapServer]:
    """Return what failed with a server where only the mailboxes of *opens* open."""
    with ImapServer(ca, {"LIST": LISTED}, opens=opens) as server:
        check = failed(subject_at(server.address, mailbox, **changes))
    assert check.name == "imap-mailbox"
    return check, server


def test_a_shared_mailbox_without_the_permission(world: World, ca: trustme.CA) -> None:
    """If the account's own mailbox opens, the permission on the other is missing: the administrator's command."""
    check, server = closed_to([ALICE], ca, SHARED)

    assert check.mailbox == SHARED
    assert f"{ALICE} may not open it, there is no such mailbox, or IMAP is switched off for it" in check.meaning
    wanted = f"In PowerShell: Add-MailboxPermission -Identity {SHARED} -User {ALICE} -AccessRights FullAccess"
    assert check.remedy.endswith(wanted)
    assert server.users == [SHARED, ALICE]


def test_a_personal_account_has_no_shared_mailboxes(world: World, ca: trustme.CA) -> None:
    """Who has a personal account is told of no PowerShell."""
    check, _ = closed_to([ALICE], ca, SHARED, tenant="9188040d-6c67-4c5b-b112-36a304b66dad")

    assert "PowerShell" not in check.remedy
    assert check.remedy.endswith(f"Run: offlineimap-m365 login {SHARED}")


@pytest.mark.parametrize("mailbox", [ALICE, SHARED])
def test_no_mailbox_opens(world: World, ca: trustme.CA, mailbox: str) -> None:
    """If not even the account's own mailbox opens, IMAP is off, or there is no mailbox: the first is likelier."""
    check, _ = closed_to([], ca, mailbox)

    assert "IMAP is switched off for it, or, less often, it has no mailbox or no licence" in check.meaning
    assert check.remedy.endswith(f"In PowerShell: Set-CASMailbox -Identity {ALICE} -ImapEnabled $true")


def test_a_server_that_is_busy_meanwhile_leaves_the_cause_open(world: World, ca: trustme.CA) -> None:
    """If the other mailbox meets a busy server, nothing is concluded from that."""
    busy = b"TAG NO Server Unavailable. 15\r\n"

    with ImapServer(ca, {"LIST": busy}, opens=[ALICE]) as server:
        check = failed(subject_at(server.address, SHARED))

    assert "why cannot be told now" in check.meaning
    assert "Server Unavailable. 15" in check.meaning
    assert check.remedy.endswith(f"Run: offlineimap-m365 doctor {ALICE} --mailbox {SHARED}")


def test_imap_is_off_in_outlook_com(world: World, ca: trustme.CA) -> None:
    """Who has a personal account switches IMAP on in the settings, whose address is named."""
    check, _ = closed_to([], ca, tenant="9188040d-6c67-4c5b-b112-36a304b66dad")

    assert "https://outlook.live.com/mail/0/options/mail/popImap" in check.remedy
    assert check.remedy.endswith(f"Run: offlineimap-m365 doctor {ALICE}")


def test_a_token_that_outlook_com_refuses(world: World, ca: trustme.CA) -> None:
    """Who has a personal account cannot ask anybody whether IMAP is on: the page is named."""
    with ImapServer(ca, {"AUTHENTICATE": b"TAG NO AUTHENTICATE failed.\r\n"}) as server:
        check = failed(subject_at(server.address, tenant="9188040d-6c67-4c5b-b112-36a304b66dad"))

    assert "https://outlook.live.com/mail/0/options/mail/popImap" in check.remedy
    assert check.remedy.endswith(f"Run: offlineimap-m365 login {ALICE}")


@pytest.mark.parametrize("is_personal", [False, True])
def test_somebody_else_has_signed_in(world: World, ca: trustme.CA, is_personal: bool) -> None:
    """If the mailbox of who signed in opens, it is the wrong person, or in an organisation a shared mailbox."""
    tenant = "9188040d-6c67-4c5b-b112-36a304b66dad" if is_personal else "a tenant"

    check, server = closed_to([BOB], ca, identity=BOB, tenant=tenant)

    assert f"{BOB} has signed in, whose own mailbox opens, but not {ALICE}" in check.meaning
    assert check.remedy.endswith(f"Run: offlineimap-m365 login {ALICE} --identity {ALICE}")
    assert ("administrator" in check.remedy) is not is_personal
    assert server.users == [ALICE, BOB]


def test_an_identity_of_another_spelling_is_the_same_person(world: World, ca: trustme.CA) -> None:
    """Capital letters make nobody somebody else."""
    check, server = closed_to([], ca, identity=ALICE.upper())

    assert server.users == [ALICE]
    assert "-ImapEnabled" in check.remedy


def test_a_guest_has_no_mailbox(world: World, ca: trustme.CA) -> None:
    """Guests are sent home."""
    check, _ = closed_to([], ca, home_tenant="home.example")

    assert "is a guest in this organisation (tenant)" in check.meaning
    assert check.remedy.endswith(f"Run: offlineimap-m365 login {ALICE} --tenant home.example")


def token_of(**claims: str) -> str:
    """Return a token in the shape of a JWT with these *claims*."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{TOKEN}.{body}.signature"


@pytest.mark.parametrize(("token", "who"), [(token_of(oid="an-object-id"), "an-object-id"), (TOKEN, "OBJECT_ID")])
def test_an_application_is_granted_by_commands_that_are_filled_in(
    world: World, ca: trustme.CA, token: str, who: str
) -> None:
    """The enterprise application's object id is in its token; both commands come with it."""
    check, server = closed_to([], ca, SHARED, kind="app-only", client_id="11112222-bbbb", token=token)

    assert check.remedy.endswith(
        f"In PowerShell: New-ServicePrincipal -AppId 11112222-bbbb -ObjectId {who};"
        f" Add-MailboxPermission -Identity {SHARED} -User {who} -AccessRights FullAccess"
    )
    assert server.users == [SHARED]


def test_an_application_without_a_mailbox_is_not_tried(world: World, ca: trustme.CA) -> None:
    """A name that is no address has no mailbox: it is said how to name one."""
    with ImapServer(ca) as server:
        found = examine(subject_at(server.address, "backup", name="backup", kind="app-only"))

    assert [check.ok for check in found.values()] == [True, True, None, None]
    assert "doctor backup --mailbox" in found["imap-mailbox"].meaning
    assert "AUTHENTICATE" not in server.commands


def test_ipv6_is_tried_again_over_ipv4(world: World, ca: trustme.CA, two_families: list[int]) -> None:
    """A mailbox that opens over IPv4 only: the fault of the server's is named, and the way round it."""
    with ImapServer(ca, {"LIST": LISTED}) as four:
        port = int(four.address.rpartition(":")[2])
        with ImapServer(ca, opens=[], address="127.0.0.2", port=port) as six:
            check = failed(subject_at(four.address))

    assert "opens over IPv4, but not over IPv6" in check.meaning
    assert "ipv6 = no" in check.remedy
    assert (six.users, four.users) == ([ALICE], [ALICE])


def test_ipv6_is_not_blamed_for_what_ipv4_does_not_do(world: World, ca: trustme.CA, two_families: list[int]) -> None:
    """A mailbox that opens over neither has another trouble."""
    with ImapServer(ca, opens=[]) as four:
        port = int(four.address.rpartition(":")[2])
        with ImapServer(ca, opens=[], address="127.0.0.2", port=port):
            check = failed(subject_at(four.address))

    assert "-ImapEnabled" in check.remedy


def test_ipv6_without_a_server_is_no_failure(world: World, ca: trustme.CA, two_families: list[int]) -> None:
    """Programs go on to IPv4 by themselves when IPv6 says no at once."""
    with ImapServer(ca, {"LIST": LISTED}) as server:
        found = examine(subject_at(server.address))

    assert all(check.ok for check in found.values())
    assert "slow" not in found["imap-connect"].meaning


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_blocked_port(world: World, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the same host answers on the port of web pages, the network blocks the other."""
    with socket.create_server(("127.0.0.1", 0)) as web:
        monkeypatch.setattr(reachability, "_HTTPS", web.getsockname()[1])
        port = free_port()
        check = failed(subject_at(f"localhost:{port}"))

    assert check.name == "imap-connect"
    assert check.meaning.startswith(f"This network blocks port {port}: localhost refuses connections there, while")
    assert check.remedy.endswith(f"Run: offlineimap-m365 doctor {ALICE}")


def test_a_blocked_port_or_a_server_that_is_down(world: World) -> None:
    """If only the login host answers, both are possible, and both are said."""
    with socket.create_server(("127.0.0.1", 0)) as login:
        authority = f"https://127.0.0.1:{login.getsockname()[1]}/tenant"
        check = failed(subject_at(f"localhost:{free_port()}", authority=authority))

    assert "or the server is down" in check.meaning
    assert "while 127.0.0.1 answers" in check.meaning


def test_no_network(world: World) -> None:
    """If nothing answers, nobody is blamed."""
    check = failed(subject_at(f"localhost:{free_port()}"))

    assert "nothing else answers" in check.meaning


@contextlib.contextmanager
def silent(address: str, port: int = 0) -> Iterator[int]:
    """Have a port at which connections are neither taken nor refused: its queue is full (listen(2))."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody be waited for as long as usual."""
    monkeypatch.setattr(tcp_connect, "CONNECT", 0.3)
    monkeypatch.setattr(reachability, "_GLANCE", 0.3)


def test_ipv6_without_an_answer_is_said(world: World, ca: trustme.CA, two_families: list[int], impatient: None) -> None:
    """Programs go on to IPv4 by themselves, but late: no failure, and named."""
    with ImapServer(ca, {"LIST": LISTED}) as server, silent("127.0.0.2", int(server.address.rpartition(":")[2])):
        found = examine(subject_at(server.address))

    assert all(check.ok for check in found.values())
    assert "not over IPv6, so programs that try that first are slow" in found["imap-connect"].meaning


def test_a_port_that_drops_what_comes(world: World, impatient: None) -> None:
    """Who gives no answer is not waited for."""
    with silent("127.0.0.1") as port:
        check = failed(subject_at(f"localhost:{port}"))

    assert "gives no answer" in check.meaning


def test_a_name_without_an_address(world: World) -> None:
    """A server that cannot be found is named."""
    check = failed(subject_at("nobody.invalid:993"))

    assert "The name of the mail server cannot be found: nobody.invalid" in check.meaning


def test_an_address_that_is_none(world: World) -> None:
    """A profile that somebody edited is told what belongs there."""
    check = failed(subject_at("nonsense"))

    assert check.remedy == f"Run: offlineimap-m365 login {ALICE} --imap outlook.office365.com:993"


def test_a_foreign_certificate_names_who_issued_it(world: World, ca: trustme.CA) -> None:
    """Who looks into connections is named, and where its certificate belongs; nothing is sent there."""
    foreign = trustme.CA(organization_name="Acme Inspection")

    with ImapServer(foreign) as server:
        check = failed(subject_at(server.address))

    assert check.name == "imap-connect"
    assert "was issued by “Acme Inspection" in check.meaning
    assert str(world.root / "ca.pem") in check.remedy
    assert server.received == b""


def test_the_certificate_of_another_host(world: World, ca: trustme.CA) -> None:
    """A name that does not fit is not a matter of trust."""
    with ImapServer(ca, host="elsewhere.example") as server:
        check = failed(subject_at(server.address))

    assert "localhost showed a certificate for “elsewhere.example”" in check.meaning
    assert check.remedy.endswith(f"Run: offlineimap-m365 login {ALICE} --imap HOST:PORT")
    assert server.received == b""


def test_certificates_that_cannot_be_read_are_another_rooms_matter(
    world: World, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails for Microsoft's sign-in as well is not said twice."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")

    with ImapServer(ca) as server:
        found = examine(subject_at(server.address))

    assert [check.ok for check in found.values()] == [None] * 4


@pytest.mark.parametrize(
    ("command", "answer", "said"),
    [
        ("LIST", b"TAG NO Request is throttled. Suggested Backoff Time: 12500 milliseconds", ("is busy", "12 s")),
        ("LIST", b"TAG NO Server Unavailable. 15", ("is busy (Server Unavailable. 15)", "60 s")),
        ("AUTHENTICATE", b"TAG NO Server Unavailable. 21", ("is busy", "60 s")),
        ("EXAMINE", b"* BYE Session invalidated - AccessTokenExpired", ("its token expired", "a little")),
        ("EXAMINE", b"TAG NO no", ("refused EXAMINE (no)", "a little")),
        ("CAPABILITY", b"* BYE Connection closed. 14", ("broke off", "a little")),
        ("LIST", b"<html>\x1b[31m", ("", "a little")),
    ],
)
def test_what_may_pass_is_called_so(
    world: World, ca: trustme.CA, command: str, answer: bytes, said: tuple[str, str]
) -> None:
    """A busy server, a dead token, a hang-up: temporary, with the time that the server asks for."""
    with ImapServer(ca, {"LIST": LISTED, command: answer + b"\r\n"}, last=command) as server:
        check = failed(subject_at(server.address))

    fact, pause = said
    assert check.name == {"AUTHENTICATE": "imap-sign-in", "CAPABILITY": "imap-connect"}.get(command, "imap-mailbox")
    assert fact in check.meaning
    assert check.remedy.startswith(f"This can pass by itself: wait {pause}, then look again")
    assert check.remedy.endswith(f"Run: offlineimap-m365 doctor {ALICE}")


def test_a_server_that_drips_is_left(world: World, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """However steadily the bytes come, the doctor comes to its end."""
    monkeypatch.setattr(bounded_reader, "READ", 0.6)
    monkeypatch.setattr(bounded_reader, "WHOLE", 1.0)

    with ImapServer(ca, drip=0.1) as server:
        check = failed(subject_at(server.address))

    assert "did not answer in time" in check.meaning


@pytest.mark.parametrize("cause", ["issuer “Acme Inspection”", "every issuer"])
def test_an_issuer_that_was_named_is_not_named_again(world: World, ca: trustme.CA, cause: str) -> None:
    """Who looks into all connections is one cause, which the sign-in service's certificate told."""
    with ImapServer(trustme.CA(organization_name="Acme Inspection")) as server:
        subject = subject_at(server.address)
        subject.causes.add(cause)
        found = examine(subject)

    assert [check.ok for check in found.values()] == [None] * 4


def test_another_issuer_is_another_cause(world: World, ca: trustme.CA) -> None:
    """What was named before explains nothing else."""
    with ImapServer(trustme.CA(organization_name="Acme Inspection")) as server:
        subject = subject_at(server.address)
        subject.causes |= {"issuer Somebody else", "offline", "validity"}
        check = failed(subject)

    assert "Acme Inspection" in check.meaning


def test_no_network_is_named_once(world: World) -> None:
    """If the sign-in service was not found either, the mail server is not blamed."""
    subject = subject_at("nobody.invalid:993")
    subject.causes |= {"offline", "every name"}

    found = examine(subject)

    assert [check.ok for check in found.values()] == [None] * 4


def test_a_wrong_token_is_not_the_mailboxs_fault(world: World, ca: trustme.CA) -> None:
    """What the token itself told is not told again by the refusal that it meets."""
    with ImapServer(ca, opens=[]) as server:
        subject = subject_at(server.address)
        subject.failed.add("token")
        found = examine(subject)

    assert [check.ok for check in found.values()] == [True, True, True, None]


def test_a_hostile_greeting_is_shown_harmless(world: World, ca: trustme.CA) -> None:
    """Nothing of what a server says reaches a terminal as it is."""
    with ImapServer(ca, greeting=b"* BYE \x1b]0;x\x07 \xe2\x80\xae\r\n", last="greeting") as server:
        check = failed(subject_at(server.address))

    assert check.meaning.isprintable()


LEARNT = {"not_mail": ["Kalender"], "mail": [], "languages": ["de"], "names": {}, "learnt_at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(("folder", "fits"), [(b"Kalender", True), (b"Kalendarium", False)])
def test_what_was_learnt_of_folders(world: World, ca: trustme.CA, folder: bytes, fits: bool) -> None:
    """A folder without mail that is gone under its name makes what was learnt out of date."""
    listed = b'* LIST () "/" ' + folder + b"\r\n" + LISTED

    with ImapServer(ca, {"LIST": listed}) as server:
        found = examine(subject_at(server.address, SHARED, mailboxes={SHARED: LEARNT}))

    check = found["imap-folders"]
    assert check.ok is fits
    if not fits:
        assert "Kalender" in check.meaning
        assert check.remedy.endswith(f"Run: offlineimap-m365 folders {ALICE} --mailbox {SHARED} --learn")


def test_one_mailbox_over_one_connection(world: World, ca: trustme.CA) -> None:
    """Another room can ask whether a mailbox opens: one check, which names it."""
    with ImapServer(ca, {"LIST": LISTED}, opens=[ALICE, SHARED]) as server:
        subject = subject_at(server.address)
        good, bad = room.open_mailbox(subject, SHARED), room.open_mailbox(subject, BOB)

    assert (good.name, good.ok, good.mailbox) == ("imap-mailbox", True, SHARED)
    assert (bad.name, bad.ok, bad.mailbox) == ("imap-mailbox", False, BOB)
    assert f"-Identity {BOB} -User {ALICE}" in bad.remedy
    assert server.users == [SHARED, BOB, ALICE]


@pytest.mark.parametrize("why", ["token", "account", "failed"])
def test_one_mailbox_is_not_tried_in_vain(world: World, ca: trustme.CA, why: str) -> None:
    """Without a token, an account or a connection the answer is that it was not tried."""
    with ImapServer(ca) as server:
        subject = subject_at(server.address, token=None if why == "token" else TOKEN)
        if why == "account":
            subject.account = None
        subject.failed |= {"imap-connect"} if why == "failed" else set()
        check = room.open_mailbox(subject, SHARED)

    assert (check.ok, check.mailbox, server.received) == (None, SHARED, b"")


def test_words_of_powershell() -> None:
    """What is not plain stands in single quotes, which are doubled, so that nothing else runs."""
    found = [powershell.quoted(text) for text in ("alice@example.org", "o'brien@example.org", "a;b", "@x", "$x", "")]

    assert found == ["alice@example.org", "'o''brien@example.org'", "'a;b'", "'@x'", "'$x'", "''"]


@pytest.mark.parametrize("quote", ["\u2018", "\u2019", "\u201a", "\u201b"])
def test_powershell_takes_typographic_quotes_for_quotes(quote: str) -> None:
    """An address with one of them ends no word of what an administrator copies."""
    assert powershell.quoted(f"o{quote};x@example.org") == f"'o{quote}{quote};x@example.org'"


def test_an_address_is_no_parameter_of_powershell() -> None:
    """What begins with a dash stands in quotes, which make it a text."""
    assert powershell.quoted("-WhatIf") == "'-WhatIf'"
