"""
What ``folders --learn`` found out about a mailbox, and what kind of mailbox it is: read from the profile.

Loaded by foreign interpreters too: standard library and Python 3.9 only.
"""

from __future__ import annotations

from offlineimap_m365.base import errors, paths, safe_file

TYPE_CHECKING = False  # importing typing would cost more than reading a profile
if TYPE_CHECKING:
    from typing import Any

#: The tenant of all personal accounts (learn.microsoft.com, "ID token claims reference", tid).
PERSONAL_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
#: What each part of a finding is: paths of folders as the server spells them, or codes of languages.
_LISTS = ("not_mail", "mail", "languages")


def find(account: str, mailbox: str | None = None) -> dict[str, Any] | None:
    """
    Return what was learned of *mailbox* (default: the account's own), None if that is nothing.

    ``{"not_mail": [path, …], "mail": [path, …], "languages": [code, …], "names": {server: local},
    "learnt_at": RFC 3339}``. Never raises: with an unusable profile nothing was learned.
    """
    profile = _profile(account)
    try:
        finding = profile["mailboxes"][key(mailbox or profile["account"])]
    except (KeyError, TypeError, AttributeError):
        return None
    return finding if is_finding(finding) else None


def is_personal(account: str) -> bool:
    """Is *account* a personal one (outlook.com)? Its mailbox has other folders; False if it is not signed in."""
    return _profile(account).get("tenant") == PERSONAL_TENANT


def _profile(account: str) -> dict[str, Any]:
    """Return the profile of *account*, empty if there is none that can be used."""
    import json  # noqa: PLC0415 - only for a call with an account
    import os  # noqa: PLC0415

    try:
        folder = paths.folder(account)
        paths.check(folder)
        profile = json.loads(safe_file.read(os.path.join(folder, "profile.json"), is_ours=True))
    except (errors.M365Error, OSError, ValueError, AttributeError, RecursionError):
        return {}
    return profile if isinstance(profile, dict) else {}


def key(mailbox: str) -> str:
    """Return what a *mailbox* is kept under: its address, compared without case."""
    return mailbox.strip().lower()


def is_finding(value: object) -> bool:
    """Is *value* what find() returns?"""
    if not isinstance(value, dict) or not isinstance(value.get("names", {}), dict):
        return False
    lists = [value.get(part, []) for part in _LISTS] + [[value.get("learnt_at", ""), *value.get("names", {}).values()]]
    return all(isinstance(part, list) and all(isinstance(text, str) for text in part) for part in lists)
