"""
What was heard from a mail server, or not heard, in words fit for a message: nothing that it sends is trusted.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl

from offlineimap_m365.base import errors

_LONGEST_TEXT = 200
_MARKS = str.maketrans("“”", '""')
#: What we say before a command, which nobody else may say.
_LEAD = re.compile(r"\b(run(?: again)?|powershell)\s*:", re.IGNORECASE)


class Endless(OSError):
    """What the server sends does not end; the text says what that is."""


def clean(text: str) -> str:
    """Return a server's words fit for a message: in one line, and with no command that seems to be advice of ours."""
    found = _LEAD.sub(r"\1", " ".join(errors.printable(text).split()))
    return found if len(found) <= _LONGEST_TEXT else found[:_LONGEST_TEXT] + "…"


def cited(text: str) -> str:
    """Return a stranger's words in quotation marks, in a sentence of ours."""
    return f"“{clean(text).translate(_MARKS)}”"


def refusal(challenge: bytes) -> dict[str, str]:
    """Return what the JSON of a refused XOAUTH2 says (``status``, ``schemes``, ``scope``), nothing if it is none."""
    try:
        found = json.loads(base64.b64decode(challenge))
        return {clean(name): clean(str(value)) for name, value in found.items() if isinstance(value, str | int)}
    except (ValueError, AttributeError, RecursionError):
        return {}


def reason(error: OSError) -> str:
    """Return what became of a connection, as the rest of a sentence that begins with the host's name."""
    if isinstance(error, Endless):
        return f"sent {error} that does not end"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"showed a TLS certificate that is not trusted here ({clean(error.verify_message)})"
    if isinstance(error, ssl.SSLError):
        return "broke off the TLS handshake or the connection"
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, socket.gaierror):
        return "cannot be found (no network, or its name cannot be resolved)"
    return "cannot be reached (no connection, or it was cut)"
