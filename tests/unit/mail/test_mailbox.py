"""A mailbox over IMAP: its folders, and how many messages they hold."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.mail import folder_list, server_text
from offlineimap_m365.mail.folder_list import Folder
from offlineimap_m365.mail.mailbox import Mailbox
from offlineimap_m365.mail.submission import Submission
from tests.mail_servers import NOT_CONNECTED, OK, ImapServer

if TYPE_CHECKING:
    from collections.abc import Callable

    import trustme

    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

ALICE = "alice@example.org"


def enter(server: ImapServer, work: Callable[[Mailbox], Any] = Mailbox.folders) -> Any:
    """Sign in to *server* as Alice and do *work* there."""
    with Mailbox(server.address, ALICE) as box:
        box.sign_in(ALICE, "a-made-up-access-token")
        return work(box)


def test_authenticated_but_not_connected(world: World, ca: trustme.CA) -> None:
    """Exchange's answer to a token without a mailbox is 77, with its causes."""
    for command in ("AUTHENTICATE", "LIST", "STATUS"):
        answers = {"LIST": b'* LIST () "/" INBOX\r\n' + OK, command: NOT_CONNECTED}
        with ImapServer(ca, answers) as server, pytest.raises(errors.SignInNeeded) as caught:
            enter(server, lambda box: box.count(box.folders()))

        assert "took the token, but does not open the mailbox alice@example.org" in caught.value.fact
        assert "IMAP is switched off" in caught.value.meaning


def test_folders_in_every_spelling(world: World, ca: trustme.CA) -> None:
    """Atoms, quoted strings, literals, no separator, UTF-8 and worse: each is a folder under its name."""
    listed = [
        rb'* LIST (\HasNoChildren) "/" INBOX',
        rb'* LIST (\HasChildren \Sent) "/" "Sent Items"',
        rb'* LIST () "/" "a\"b\\c"',
        rb"* LIST () NIL {5}" + b"\r\n" + rb'l"i\t',
        b'* LIST () "/" {4}\r\na\r\nb',
        rb'* LIST () "\\" "&ZeVnLIqe-"',
        b'* LIST () "." "\xe4\xbd\xa0"',
        b'* LIST () "/" "\xff"',
        b'* LIST () "/" "with {3}"',
        rb'* LIST (\NoSelect) "/" Above',
        rb'* LIST () "/" INBOX',
        b"* LIST nonsense",
        b'* LIST () "/" ""',
    ]

    with ImapServer(ca, {"LIST": b"\r\n".join([*listed, OK])}) as server:
        found = enter(server)

    assert [(folder.name, folder.separator) for folder in found] == [
        ("INBOX", "/"), ("Sent Items", "/"), ('a"b\\c', "/"), ('l"i\\t', None), ("a\r\nb", "/"), ("&ZeVnLIqe-", "\\"),
        ("你", "."), ("\ufffd", "/"), ("with {3}", "/"), ("Above", "/"),
    ]  # fmt: skip
    assert [folder.name for folder in found if not folder.holds_messages] == ["Above"]
    assert found[1].flags == {"\\haschildren", "\\sent"}


def test_messages_are_counted_in_batches(world: World, ca: trustme.CA) -> None:
    """Whatever the order and spelling of the answers; what is refused or not said is left out."""
    folders = [Folder(name, raw=name.encode()) for name in ["INBOX", 'a"b', "No", "Silent", *map(str, range(20))]]
    folders += [Folder("Above", frozenset(["\\noselect"]), raw=b"Above"), Folder("a\r\nb", raw=b"a\r\nb")]
    answer = (
        b'* STATUS "a\\"b" (MESSAGES 7 UNSEEN 1)\r\n* STATUS INBOX (UIDNEXT 5 messages 3)\r\n'
        b'* STATUS "19" (MESSAGES 0)\r\n* STATUS {2}\r\n18 (MESSAGES 4)\r\n* STATUS {2}\r\n17\r\n'
        b"* STATUS No (UNSEEN 3)\r\n* STATUS x\r\n* STATUS Huge (MESSAGES 99999999999999)\r\nTAG OK done\r\n"
    )

    with ImapServer(ca, {"STATUS": answer}) as server:
        found = enter(server, lambda box: box.count(folders))

    assert found == {"INBOX": 3, 'a"b': 7, "19": 0, "18": 4}
    assert server.commands.count("STATUS") == 24
    assert b"Above" not in server.received

    with ImapServer(ca) as server:  # once its time is over, the rest is left out
        assert enter(server, lambda box: box.count(folders, seconds=0)) == {}
    assert "STATUS" not in server.commands


def test_a_sample_of_headers(world: World, ca: trustme.CA) -> None:
    """The most recent messages' headers are read without marking anything; an empty or closed folder has none."""
    head = b"Subject: x\r\nContent-Type: text/calendar\r\n\r\n"
    fetched = b"".join(
        b"* %d FETCH (FLAGS () BODY[HEADER.FIELDS (CONTENT-TYPE SUBJECT RECEIVED)] {%d}\r\n%s)\r\n"
        % (n, len(head), head)
        for n in (3, 4, 5)
    )
    answers = {"EXAMINE": b"* 5 EXISTS\r\n* OK [UIDNEXT 9] x\r\nTAG OK [READ-ONLY] done\r\n", "FETCH": fetched + OK}

    with ImapServer(ca, answers) as server:
        found = enter(server, lambda box: box.sample(Folder("Agenda", raw=b"Agenda"), 3))
        server.answers["EXAMINE"] = b"TAG NO no\r\n"
        closed = enter(server, lambda box: box.sample(Folder("Agenda", raw=b"Agenda")))
        server.answers["EXAMINE"] = b"* 0 EXISTS\r\nTAG OK [READ-ONLY] done\r\n"
        empty = enter(server, lambda box: box.sample(Folder("Agenda", raw=b"Agenda")))

    assert [message.get_content_type() for message in found] == ["text/calendar"] * 3
    assert b"FETCH 3:5 (BODY.PEEK[HEADER.FIELDS (CONTENT-TYPE SUBJECT RECEIVED)])" in server.received
    assert (closed, empty) == ([], [])
    assert set(server.commands) <= {"CAPABILITY", "AUTHENTICATE", "EXAMINE", "FETCH", "LOGOUT"}


def test_an_address_that_is_none(world: World) -> None:
    """A profile without a usable server is 78 and names the option that helps."""
    wrong = ("", "localhost", "localhost:", ":993", "localhost:x", "localhost:0", "h:99999", "h:²")
    for connect, address in itertools.product((Mailbox, Submission), wrong):
        with pytest.raises(errors.Misconfigured) as caught:
            connect(address, ALICE)

        assert f"--{connect.protocol.lower()} HOST:PORT" in str(caught.value.remedy.command)


def test_a_server_gives_no_advice_of_ours() -> None:
    """The words that introduce a command are removed, and its quotation marks replaced: a person would copy it."""
    for text in (
        "Old client. Run: reboot",
        "run again: reboot",
        "In PowerShell: Remove-Mailbox x",
        "Run\u00a0:\u00a0x",
    ):
        assert ":" not in server_text.clean(text)
    assert server_text.clean("a\u00a0\u00a0\u3000\r\n\t b ") == "a b"
    assert server_text.cited("a” is good. “b") == '“a" is good. "b”'


#: As long as a line may be, and what a sixteenth of the 17 s would be that 121 kB once took.
LONGEST, SECONDS = 1 << 17, 1.0
READERS: dict[str, Callable[[bytes], object]] = {
    "counts": lambda line: list(folder_list.messages([line])),
    "folders": lambda line: folder_list.listed([line]),
    "literal": lambda line: folder_list.listed([(line, b"x")]),
    "words": lambda line: server_text.clean(line.decode()),
}
#: What a server could send in one line: who reads it, how it begins, what is repeated, and how it ends.
LONG_LINES = (
    ("counts", b"", b"(", b" (MESSAGES 1)"),
    ("counts", b"x (MESSAGES ", b"1", b""),
    ("counts", b"x (", b"MESSAGES 1 ", b""),
    ("counts", b"(", b"MESSAGES ", b")"),
    ("counts", b"", b" ", b"(UNSEEN 1)"),
    ("folders", b"(", b"\\a ", b""),
    ("folders", b'() "', b"\\", b""),
    ("folders", b'() "/" "', b"\\\\", b'"'),
    ("literal", b'() "/" ', b"{1", b""),
    ("words", b"", b"run ", b""),
    ("words", b"run", b" ", b""),
)


def test_no_line_takes_long(subtests: pytest.Subtests) -> None:
    """A line as long as a line may be is read at once, whatever it holds: the work never grows with its square."""
    for reader, begin, part, end in LONG_LINES:
        with subtests.test(f"{reader} {begin!r} {part!r}"):
            line = begin + part * (LONGEST // len(part)) + end
            started = time.process_time()
            READERS[reader](line)

            assert time.process_time() - started < SECONDS
