"""
Microsoft's permissions for mail, and the protocol that each is for.

learn.microsoft.com, "Authenticate an IMAP, POP or SMTP connection using OAuth".
"""

from __future__ import annotations

#: Our name of a protocol and its permission, for people and for applications.
DELEGATED = {"imap": "IMAP.AccessAsUser.All", "smtp": "SMTP.Send", "pop": "POP.AccessAsUser.All"}
APPLICATION = {"imap": "IMAP.AccessAsApp", "smtp": "SMTP.SendAsApp", "pop": "POP.AccessAsApp"}
_PROTOCOLS = {name.lower(): protocol for kind in (DELEGATED, APPLICATION) for protocol, name in kind.items()}


def protocol(scope: str) -> str | None:
    """Return ``imap``, ``smtp`` or ``pop`` for a *scope* or role in any spelling, with or without its resource."""
    return _PROTOCOLS.get(scope.rpartition("/")[2].lower())
