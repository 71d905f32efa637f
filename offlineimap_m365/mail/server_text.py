"""
What a mail server said, or what became of a connection to it, in words fit for a message. Nothing it sends is trusted.
"""

from __future__ import annotations

import json
import re
import socket
import ssl

from offlineimap_m365.base import errors
from offlineimap_m365.mail.bounded_socket import TooLong

_LONGEST_TEXT = 200
_QUOTATION_MARKS = str.maketrans("“”", '""')
#: What our own messages put before a command; a server must not give such advice.
_LEAD = re.compile(r"\b(run(?: again)?|powershell)\s*:", re.IGNORECASE)


def clean(text: str) -> str:
    """Return a server's *text* fit for a message: one line, not too long, and nothing that looks like our advice."""
    line = " ".join(errors.printable(text[: 10 * _LONGEST_TEXT]).split())
    line = _LEAD.sub(r"\1", line)
    return line if len(line) <= _LONGEST_TEXT else line[:_LONGEST_TEXT] + "…"


def cited(text: str) -> str:
    """Return a server's *text* in quotation marks, for a sentence of ours."""
    return f"“{clean(text).translate(_QUOTATION_MARKS)}”"


def refusal(challenge: bytes) -> dict[str, str]:
    """Return what the JSON of a refused XOAUTH2 says (``status``, ``schemes``, ``scope``), nothing if it is no JSON."""
    try:
        parts = json.loads(challenge)
        return {clean(name): clean(str(value)) for name, value in parts.items() if isinstance(value, str | int)}
    except (ValueError, AttributeError, RecursionError):
        return {}


def reason(error: OSError) -> str:
    """Return what became of a connection, to follow the host's name in a sentence."""
    if isinstance(error, TooLong):
        return f"sent {error} that does not end"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"showed a TLS certificate that is not trusted here ({clean(error.verify_message)})"
    if isinstance(error, ssl.SSLError):
        return "does not speak TLS here, or closed the connection"
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, socket.gaierror):
        return "cannot be found (no network, or its name cannot be resolved)"
    return "cannot be reached (no connection, or it was cut)"
