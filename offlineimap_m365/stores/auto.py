"""
The store ``auto``: the desktop's keyring where it works without a question, else a closed file; chosen once, at login.
"""

from __future__ import annotations

from offlineimap_m365.base import environment, errors
from offlineimap_m365.stores import keyring


def choose(folder: str, account: str) -> tuple[str, str]:
    """
    Return the store for *account* in *folder*, and why, as a sentence without an end stop.

    The keyring is tried by a write, a read-back and a removal of something that is no secret. A session over ssh gets
    the file even if a keyring is unlocked now: it is the desktop's, and locked as soon as nobody is logged in there.
    """
    if environment.over_ssh():
        return "file", "This is a session over ssh, which has no keyring of its own"
    try:
        kind = keyring.probe(folder, account)
    except errors.M365Error as error:
        return "file", f"The keyring cannot be used without a question: {error.fact.removeprefix(account + ': ')}"
    return "keyring", f"The desktop's keyring ({kind}) took something and gave it back without a question"
