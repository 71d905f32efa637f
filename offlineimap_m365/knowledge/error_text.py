"""
What a text of Microsoft's holds: codes, correlation id, time, and its own sentence, fit to be shown.

The text comes from pages and logs that people paste, so every pattern takes time linear in its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from offlineimap_m365.base.errors import printable

#: How many characters of Microsoft's own words are shown: two and a half lines of a terminal.
LONGEST = 300

_GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UTC = r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d{1,9})?\s?(?:Z|\+00:00)"

#: Where codes are, the surest place first: behind their prefix; alone; behind a label, in any language.
_CODES = (
    re.compile(r"\bAADSTS\s?(\d{4,9})\b", re.IGNORECASE),
    re.compile(r"\A\s*(\d{5,9})\s*\Z"),
    re.compile(r"(?<![a-z])codes?\b[\"']?[\s:=\[]{0,6}(\d{5,9})\b", re.IGNORECASE),
    re.compile(r"^[^\d\n]{3,40}[:\uff1a][ \t\u00a0]{0,4}(\d{5,9})[ \t\r]{0,4}$", re.MULTILINE),
)
#: What our own error messages and commands look like: code, correlation id, time.
_OURS = re.compile(rf"AADSTS\d{{4,9}},? (?:correlation id )?({_GUID})(?:,? {_UTC})?", re.IGNORECASE)
_CORRELATION = re.compile(rf"[ck]orr[^\n]{{0,40}}?({_GUID})", re.IGNORECASE)
#: Other times in a text are those of tokens and certificates. The label of a page may be in any language.
_TIMES = (
    re.compile(rf"timestamp[\"'\s:=]{{1,6}}{_UTC}", re.IGNORECASE),
    re.compile(rf"^[^\d\n]{{3,40}}[:\uff1a][ \t\u00a0]{{0,4}}{_UTC}[ \t\r]{{0,4}}$", re.MULTILINE),
)
_TAIL = re.compile(r"\b(?:Trace ID|Correlation ID|Timestamp|Request Id)\s?:|\"", re.IGNORECASE)
#: JSON inside JSON: its quotes and line breaks are escaped, once or several times.
_ESCAPED = re.compile(r"\\{1,8}(?:([\"/])|[nrt])")
#: Our words for what Microsoft's text may name: permissions, on pages by what they allow; and clouds, by their hosts.
_NAMED = {
    "imap": re.compile(r"\bIMAP\.AccessAsUser|mailboxes via IMAP", re.IGNORECASE),
    "smtp": re.compile(r"\bSMTP\.Send\b|using SMTP AUTH", re.IGNORECASE),
    "pop": re.compile(r"\bPOP\.AccessAsUser|mailboxes via POP", re.IGNORECASE),
    "usgov": re.compile(r"\bmicrosoftonline\.us\b", re.IGNORECASE),
    "china": re.compile(r"\b(?:microsoftonline|chinacloudapi)\.cn\b", re.IGNORECASE),
}
#: A word this long could be a token that the service repeats.
_LONG_WORD = re.compile(r"\S{80,}")


@dataclass(frozen=True)
class Reference:
    """What a help desk needs to find a sign-in; *time* is RFC 3339, UTC."""

    correlation_id: str | None = None
    time: str | None = None


def unescape(text: str) -> str:
    """Return *text* with the quotes and line breaks of JSON inside JSON as they were meant."""
    return _ESCAPED.sub(lambda match: match[1] or "\n", text)


def find_codes(text: str) -> list[str]:
    """Return the numbers, without prefix, that are in *text* where Microsoft puts its codes."""
    return list(dict.fromkeys(code for pattern in _CODES for code in pattern.findall(text)))


def find_reference(text: str) -> Reference:
    """Return the correlation id and the time (UTC only, of the refusal itself) that are in *text*."""
    ours = _OURS.search(text)
    if ours:
        return Reference(ours[1].lower(), f"{ours[2]}T{ours[3]}Z" if ours[2] else None)
    correlation = _CORRELATION.search(text)
    time = next((match for pattern in _TIMES if (match := pattern.search(text))), None)
    return Reference(correlation[1].lower() if correlation else None, f"{time[1]}T{time[2]}Z" if time else None)


def find_named(text: str) -> frozenset[str]:
    """Return which of our words *text* names in Microsoft's: ``imap``, ``smtp``, ``pop``, or a ``--cloud``."""
    return frozenset(word for word, pattern in _NAMED.items() if pattern.search(text))


def own_words(text: str, code: str = "") -> str:
    """Return Microsoft's sentence in *text*, from *code* on, without its tail of ids; empty if there is none."""
    start = text.find(f"AADSTS{code}") if code else 0
    if start < 0:
        return ""
    tail = _TAIL.search(text, start)
    words = _LONG_WORD.sub("\u2026", printable(text[start : tail.start() if tail else start + 2 * LONGEST])).split()
    sentence = " ".join(words)
    if len(sentence) > LONGEST:
        sentence = sentence[: LONGEST - 1].rstrip() + "\u2026"
    return f"Microsoft says: {sentence}" if sentence and sentence != f"AADSTS{code}" else ""
