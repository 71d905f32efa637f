"""
A mailbox over IMAP: its folders, how many messages they hold, and the headers of a few; nothing is ever changed.

What can go wrong has a type: Temporary, SignInNeeded, Misconfigured.
"""

from __future__ import annotations

import contextlib
import dataclasses
import imaplib
import itertools
import re
import time
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.mail import imap
from offlineimap_m365.mail.server_text import clean, reason, refusal
from offlineimap_m365.provider import trusted_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from email.message import Message

    from typing_extensions import Self

#: STATUS commands on their way at once; isync's manual warns of Exchange with many ("PipelineDepth").
_BATCH = 8
_FIELDS = "(BODY.PEEK[HEADER.FIELDS (CONTENT-TYPE SUBJECT RECEIVED)])"
_LISTED = re.compile(
    rb'\((?P<flags>[^()]*)\) (?:NIL|"(?P<separator>(?:\\.|[^"\\])*)") (?P<name>.*)', re.IGNORECASE | re.DOTALL
)
_STATUS = re.compile(
    rb"(?P<name>.*?) ?\((?:[^()]* )?MESSAGES (?P<messages>\d{1,10})[^()]*\)$", re.IGNORECASE | re.DOTALL
)
_LITERAL = re.compile(rb"\{\d+\+?\}$")
#: Exchange's answer to a busy client (imapsync#198, #212, #272).
_BACKOFF = re.compile(r"Backoff Time:? (\d{1,7}) millisec", re.IGNORECASE)
#: The same without a time, and its servers' way to say that one of them is down (offlineimap#291).
_BUSY = re.compile(r"throttled|server unavailable|server busy|try again", re.IGNORECASE)
_PAUSE = 60.0  # seconds


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder as LIST shows it: *name* as the server spells it (modified UTF-7), *flags* in small letters."""

    name: str
    flags: frozenset[str] = frozenset()
    separator: str | None = "/"
    raw: bytes = b""

    @property
    def holds_messages(self) -> bool:
        r"""Can it be opened? (not \Noselect, RFC 3501 §7.2.2, and not \NonExistent, RFC 5258 §3)."""
        return not self.flags & {"\\noselect", "\\nonexistent"}


class NotOpened(errors.SignInNeeded):
    """The server took the token, but opens no mailbox with it."""


class Mailbox:
    """
    A connection to *address* (``host:port``) on behalf of *account*; as a context manager it leaves at the end.

    *refusal* is what the server said of a token that it did not take, as far as that was JSON (XOAUTH2).
    """

    def __init__(self, address: str, account: str, family: int = 0) -> None:
        """
        Connect, verified, within a bounded time; over one address *family* (socket.AF_INET) if it is given.

        Raises Temporary if that fails now, Misconfigured for an address that is none and for certificates that are not
        there.
        """
        self.host, port = split(address)
        if not port:
            raise errors.Misconfigured(
                f"{account}: not the address of an IMAP server: {address}",
                account=account,
                remedy=f"Sign in again with --imap HOST:PORT: {errors.login_command(account)}",
            )
        self.account = account
        self.refusal: dict[str, str] = {}
        context = trusted_certificates.context()
        with self._understood():
            self._connection = imap.Connection(self.host, port, context, family)

    def __enter__(self) -> Self:
        """Use it in a ``with`` statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the server; whatever it says to that."""
        with contextlib.suppress(Exception):
            self._connection.begin(1.0)
            self._connection.command("LOGOUT")
        self._connection.shutdown()

    @property
    def family(self) -> int:
        """The address family that the connection came over."""
        return self._connection.family

    @property
    def mechanisms(self) -> list[str]:
        """The ways to sign in that the server offers, such as ``XOAUTH2``."""
        found = self._connection.capabilities
        return [clean(name.removeprefix("AUTH=")) for name in found if name.startswith("AUTH=")]

    @property
    def offers_xoauth2(self) -> bool:
        """Can one sign in here with a token?"""
        return self._connection.offers_xoauth2

    def sign_in(self, mailbox: str, token: str) -> None:
        """
        Open *mailbox* with an access token.

        Raises SignInNeeded if the server takes them not, with what it said; Temporary; Misconfigured if it offers no
        XOAUTH2: then it gets no token, and nobody a password.
        """
        self._mailbox = mailbox
        if not self._connection.offers_xoauth2:
            raise errors.Misconfigured(
                f"{self.account}: {self.host} does not let anybody sign in with a token (no AUTH=XOAUTH2)",
                account=self.account,
                remedy=f"If that is the wrong server, name the right one: {errors.login_command(self.account)}"
                " --imap HOST:PORT",
            )
        with self._understood():
            self._connection.begin()
            status, text = self._connection.sign_in(mailbox, token)
        if status != "OK":
            self.refusal = refusal(self._connection.refusal)
            details = clean(", ".join(f"{name} {value}" for name, value in self.refusal.items()))
            said = "; ".join(filter(None, [_readable(text), details]))
            raise self._typed(said) or errors.SignInNeeded(
                f"{self.host} does not let {self.account} into the mailbox {mailbox} ({said or status})",
                account=self.account,
                meaning="IMAP may be switched off for it, the permission on it missing, or the token not be for IMAP",
                remedy=f"Ask whoever runs the mailbox, or sign in again: {errors.login_command(self.account)}",
            )

    def folders(self) -> list[Folder]:
        """Return all folders, as the server orders them; raises Temporary, SignInNeeded."""
        self._do("LIST", '""', "*")
        found = [folder for folder in map(_folder, self._connection.answers("LIST")) if folder is not None]
        return list({folder.raw: folder for folder in found}.values())

    def open_inbox(self) -> None:
        """Open INBOX without changing anything, as every mail program opens it; raises Temporary, SignInNeeded."""
        self._connection.is_readonly = True
        self._do("EXAMINE", "INBOX")

    def count(self, folders: Sequence[Folder], seconds: float = imap.WHOLE) -> dict[str, int]:
        """
        Return how many messages *folders* hold, by name, as far as that can be told in so many *seconds*.

        What the server does not tell is left out. Raises Temporary, SignInNeeded.
        """
        found: dict[bytes, int] = {}
        wanted = [folder for folder in folders if folder.holds_messages and _argument(folder)]
        deadline = time.monotonic() + seconds
        for start in range(0, len(wanted), _BATCH):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            with self._understood():
                self._connection.begin(max(left, imap.READ))
                lines = [(_argument(folder), "(MESSAGES)") for folder in wanted[start : start + _BATCH]]
                refused = [text for status, text in self._connection.pipeline("STATUS", lines) if status != "OK"]
                found.update(_statuses(self._connection.answers("STATUS")))
            for text in refused:
                self._raise_typed(_readable(text))
        return {folder.name: found[folder.raw] for folder in wanted if folder.raw in found}

    def sample(self, folder: Folder, most: int = 5) -> list[Message]:
        """
        Return the content type, subject and Received lines of the *most* recent messages of *folder*.

        Nothing for a folder that is empty or cannot be opened. Raises Temporary, SignInNeeded.
        """
        argument = _argument(folder)
        if not argument or not folder.holds_messages:
            return []
        with self._understood():
            self._connection.begin()
            messages = self._connection.examine(argument)
            if not messages:
                return []
            self._connection.answers("FETCH")
            status, text = self._connection.command("FETCH", f"{max(1, messages - most + 1)}:{messages}", _FIELDS)
            parts = [part[1] for part in self._connection.answers("FETCH") if isinstance(part, tuple)]
        if status != "OK":
            self._raise_typed(_readable(text))
        return [BytesHeaderParser().parsebytes(part) for part in parts[-most:]]

    def _do(self, name: str, *arguments: str | bytes) -> None:
        with self._understood():
            self._connection.begin()
            status, text = self._connection.command(name, *arguments)
        if status != "OK":
            said = _readable(text)
            self._raise_typed(said)
            raise errors.Temporary(
                f"{self.account}: {self.host} refused {name} ({said or status})",
                account=self.account,
                remedy="Try again later",
            )

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        """Turn whatever comes out of the network into an error with a type."""
        try:
            yield
        except errors.M365Error:
            raise
        except imaplib.IMAP4.error as error:  # its abort is one, too
            said = clean(str(error))
            raise self._typed(said) or self._unreachable(f"broke off ({said})") from None
        except OSError as error:
            raise self._unreachable(reason(error)) from None
        except Exception as error:  # noqa: BLE001 - imaplib takes for granted that a server keeps to the grammar
            raise self._unreachable(f"sent something that is not IMAP ({type(error).__name__})") from None

    def _unreachable(self, what: str, remedy: str = "Check the network and try again") -> errors.Temporary:
        return errors.Temporary(f"{self.account}: {self.host} {what}", account=self.account, remedy=remedy)

    def _raise_typed(self, said: str) -> None:
        found = self._typed(said)
        if found:
            raise found

    def _typed(self, said: str) -> errors.M365Error | None:
        """Return the error behind what the server *said*, None for what is not known here."""
        if "authenticated but not connected" in said.lower():
            mailbox = getattr(self, "_mailbox", self.account)
            return NotOpened(
                f"{self.account}: {self.host} took the token, but does not open the mailbox {mailbox} ({said})",
                account=self.account,
                meaning="IMAP is switched off for it, it does not exist, or the permission on it is missing",
                remedy=f"Check the address ({errors.COMMAND} folders {errors.quoted(self.account)} --mailbox ADDRESS),"
                " IMAP in the settings of Outlook.com, and who may open a shared mailbox",
            )
        wait = _BACKOFF.search(said)
        if wait or _BUSY.search(said):
            busy = self._unreachable(f"is busy ({said})", remedy="Try again later")
            busy.retry_after = int(wait[1]) / 1000 if wait else _PAUSE
            return busy
        if "AccessTokenExpired" in said:
            return self._unreachable(f"ended the session, since its token died ({said})", remedy="Try again")
        return None


def split(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port``; the port is 0 if that is no address of a server."""
    host, _, port = address.rpartition(":")
    is_port = bool(host) and port.isascii() and port.isdecimal() and 0 < int(port) < 65536  # noqa: PLR2004 - 16 bits
    return host.strip("[]"), int(port) if is_port else 0


def _folder(listed: Any) -> Folder | None:
    """Return a folder out of LIST's answer, bytes or a tuple with a literal; None for what is none."""
    head, literal = listed if isinstance(listed, tuple) else (listed, None)
    found = _LISTED.match(head or b"")
    if found is None:
        return None
    raw = _name(found["name"], literal)
    if not raw:
        return None
    separator = found["separator"]
    flags = found["flags"].decode("ascii", "replace").lower().split()
    return Folder(
        _text(raw), frozenset(flags), None if separator is None else _text(re.sub(rb"\\(.)", rb"\1", separator)), raw
    )


def _statuses(answers: Sequence[Any]) -> Iterator[tuple[bytes, int]]:
    """Yield names and messages out of STATUS's answers: bytes, or a tuple with a literal and the rest behind it."""
    for answer, following in itertools.pairwise([*answers, b""]):
        literal = answer[1] if isinstance(answer, tuple) else None
        found = _STATUS.match((answer if literal is None else answer[0] + bytes(following)) or b"")
        if found:
            yield _name(found["name"], literal), int(found["messages"])


def _name(spelled: bytes, literal: bytes | None) -> bytes:
    """Return the name behind an atom, a quoted string or a literal (RFC 3501 §9, astring)."""
    if literal is not None and _LITERAL.search(spelled):
        return literal
    if len(spelled) > 1 and spelled.startswith(b'"') and spelled.endswith(b'"'):
        return re.sub(rb"\\(.)", rb"\1", spelled[1:-1], flags=re.DOTALL)
    return spelled


def _text(raw: bytes) -> str:
    """Return a name as text; bytes that no server should send stand for themselves."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _argument(folder: Folder) -> bytes:
    """Return the folder's name as an argument, nothing if it cannot be one (RFC 3501 §9, quoted)."""
    if set(folder.raw) & set(b"\r\n\0"):
        return b""
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", folder.raw) + b'"'


def _readable(text: Sequence[Any]) -> str:
    last = text[-1] if text else b""
    return clean(last.decode("utf-8", "replace") if isinstance(last, bytes) else "")
