"""
What ``folders --learn`` found out about a mailbox, as a filter and a renaming want it: read from the profile.

Loaded by foreign interpreters too: standard library and Python 3.9 only.
"""

from __future__ import annotations

from offlineimap_m365.base import errors, paths

TYPE_CHECKING = False  # importing typing would cost more than reading a profile
if TYPE_CHECKING:
    from typing import Any

#: What each part of a finding is: paths of folders as the server spells them, or codes of languages.
_LISTS = ("not_mail", "mail", "languages")


def find(account: str, mailbox: str | None = None) -> dict[str, Any] | None:
    """
    Return what was found out about *mailbox* (default: the account's own), None if it was never learnt.

    ``{"not_mail": [path, …], "mail": [path, …], "languages": [code, …], "names": {server: local},
    "learnt_at": RFC 3339}``. Whatever is wrong with the profile counts as never learnt: it never raises.
    """
    import json  # noqa: PLC0415 - only who names an account pays
    import os  # noqa: PLC0415

    try:
        folder = paths.folder(account)
        paths.check(folder)
        with open(os.path.join(folder, "profile.json"), encoding="utf-8") as file:
            profile = json.load(file)
        found = profile["mailboxes"][key(mailbox or profile["account"])]
        return found if is_finding(found) else None
    except (errors.M365Error, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def key(mailbox: str) -> str:
    """Return what a *mailbox* is kept under: its address, compared without case."""
    return mailbox.strip().lower()


def is_finding(value: object) -> bool:
    """Is *value* what find() returns?"""
    if not isinstance(value, dict):
        return False
    lists = [value.get(part, []) for part in _LISTS]
    names = value.get("names", {})
    return (
        all(isinstance(part, list) and all(isinstance(item, str) for item in part) for part in lists)
        and isinstance(names, dict)
        and all(isinstance(name, str) for name in names.values())
        and isinstance(value.get("learnt_at", ""), str)
    )
