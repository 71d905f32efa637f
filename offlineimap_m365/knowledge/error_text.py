"""What identifies a refusal in Microsoft's text: codes, correlation id, time; and that text, fit to show."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offlineimap_m365.base.errors import printable

#: How much of Microsoft's own words is shown, in characters: two lines of a terminal and a half.
LONGEST = 300

_GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

#: Where codes stand, the surest first: with their prefix; alone; behind a label, in any language.
_CODES = (
    re.compile(r"\bAADSTS\s?(\d{4,9})\b", re.IGNORECASE),
    re.compile(r"^\s*(\d{5,9})\s*$"),
    re.compile(r"(?<![a-z])codes?\b[\"']?\s*[:=]?\s*\[?\s*(\d{5,9})\b", re.IGNORECASE),
    re.compile(r"^[^\d\n]{3,40}[:\uff1a][ \t\u00a0]*(\d{5,9})\s*$", re.MULTILINE),
)
_CORRELATION = re.compile(rf"[ck]orr[^\n]{{0,40}}?({_GUID})", re.IGNORECASE)
_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?\s?(?:Z|\+00:00)")
_TAIL = re.compile(r"\s*\b(?:Trace ID|Correlation ID|Timestamp|Request Id)\s*:", re.IGNORECASE)
#: Our words for what Microsoft's text may name: permissions, on pages by what they allow; and clouds, by their hosts.
_NAMED = {
    "imap": re.compile(r"\bIMAP\.AccessAsUser|mailboxes via IMAP", re.IGNORECASE),
    "smtp": re.compile(r"\bSMTP\.Send\b|using SMTP AUTH", re.IGNORECASE),
    "pop": re.compile(r"\bPOP\.AccessAsUser|mailboxes via POP", re.IGNORECASE),
    "usgov": re.compile(r"\bmicrosoftonline\.us\b", re.IGNORECASE),
    "china": re.compile(r"\b(?:microsoftonline|chinacloudapi)\.cn\b", re.IGNORECASE),
}
#: A word this long is not prose; it could be a token that the service echoes.
_LONG_WORD = re.compile(r"\S{80,}")


@dataclass(frozen=True)
class Reference:
    """What a help desk needs to find a sign-in; *time* is RFC 3339, UTC."""

    correlation_id: str | None = None
    time: str | None = None


def find_codes(text: str) -> list[str]:
    """Return the numbers, without prefix, that stand in *text* where Microsoft puts its codes."""
    found = [code for pattern in _CODES for code in pattern.findall(text)]
    return list(dict.fromkeys(found))


def find_reference(text: str) -> Reference:
    """Return the correlation id and the time (UTC only) that stand in *text*."""
    correlation, time = _CORRELATION.search(text), _TIME.search(text)
    return Reference(
        correlation.group(1).lower() if correlation else None,
        f"{time.group(1)}T{time.group(2)}Z" if time else None,
    )


def find_named(text: str) -> frozenset[str]:
    """Return which of our own words stand for what is named in *text*: ``imap``, ``smtp``, ``pop``; a ``--cloud``."""
    return frozenset(word for word, pattern in _NAMED.items() if pattern.search(text))


def own_words(description: str) -> str:
    """Return what Microsoft says in an ``error_description``, without its tail of ids, fit to be shown."""
    tail = _TAIL.search(description)
    words = description[: tail.start()] if tail else description
    words = " ".join(_LONG_WORD.sub("\u2026", printable(words)).split())
    if not words:
        return ""
    shown = words if len(words) <= LONGEST else words[: LONGEST - 1].rstrip() + "\u2026"
    return f"Microsoft says: {shown}"
