"""
The folders that an IMAP server's LIST names, and the numbers of its STATUS (RFC 3501 §7.2.2, §7.2.4).

Every pattern takes time in proportion to the length of the answer, which the server decides.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LISTED = re.compile(
    rb'\((?P<flags>[^()]*)\) (?:NIL|"(?P<separator>(?:\\.|[^"\\])*)") (?P<name>.*)', re.IGNORECASE | re.DOTALL
)
_MESSAGES = re.compile(rb"(?:^| )MESSAGES (\d{1,10})(?: |$)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Folder:
    """
    A folder as LIST shows it: *name* as the server spells it (modified UTF-7), *flags* in small letters.

    *raw* is the name in the bytes that came.
    """

    name: str
    flags: frozenset[str] = frozenset()
    separator: str | None = "/"
    raw: bytes = b""

    @property
    def holds_messages(self) -> bool:
        r"""Can it be opened? (not \Noselect, RFC 3501 §7.2.2, and not \NonExistent, RFC 5258 §3)."""
        return not self.flags & {"\\noselect", "\\nonexistent"}

    @property
    def argument(self) -> bytes:
        """The name as an argument of a command, nothing if it cannot be one (RFC 3501 §9, quoted)."""
        if set(self.raw) & set(b"\r\n\0"):
            return b""
        return b'"' + re.sub(rb'(["\\])', rb"\\\1", self.raw) + b'"'


def listed(answers: Sequence[Any]) -> list[Folder]:
    """Return the folders in LIST's *answers* as imaplib gives them, each once, in their order."""
    folders = [folder for folder in map(_folder, answers) if folder is not None]
    return list({folder.raw: folder for folder in folders}.values())


def _folder(answer: Any) -> Folder | None:
    """Return the folder in an *answer*, bytes or a tuple with a literal; None if there is none."""
    head, literal = answer if isinstance(answer, tuple) else (answer, None)
    match = _LISTED.match(head or b"")
    raw = _name(match["name"], literal) if match else b""
    if match is None or not raw:
        return None
    flags = frozenset(match["flags"].decode("utf-8", "replace").lower().split())
    separator = None if match["separator"] is None else _unescape(match["separator"]).decode("utf-8", "replace")
    return Folder(raw.decode("utf-8", "replace"), flags, separator, raw)


def messages(answers: Sequence[Any]) -> Iterator[tuple[bytes, int]]:
    """Yield names and numbers of messages in STATUS's *answers*: bytes, or a tuple with a literal and what follows."""
    for answer, following in itertools.pairwise([*answers, b""]):
        literal = answer[1] if isinstance(answer, tuple) else None
        line = (answer if literal is None else answer[0] + bytes(following)) or b""
        name, bracket, items = line.rpartition(b"(")
        match = _MESSAGES.search(items[:-1]) if bracket and items.endswith(b")") else None
        if match:
            yield _name(name.removesuffix(b" "), literal), int(match[1])


def _name(spelled: bytes, literal: bytes | None) -> bytes:
    """Return the name behind an atom, a quoted string or a literal (RFC 3501 §9, astring)."""
    if literal is not None:
        return literal
    is_quoted = len(spelled) > 1 and spelled.startswith(b'"') and spelled.endswith(b'"')
    return _unescape(spelled[1:-1]) if is_quoted else spelled


def _unescape(quoted: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL)
