"""
What differs between builds of OfflineIMAP: how often they ask for a token, and which exception skips one account.

A build is known by a feature, never by its version: Debian's says 8.0.0 whatever it is. Python 3.9.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from offlineimap_m365.base import errors


def evaluates_once() -> bool:
    """Does this OfflineIMAP evaluate oauth2_access_token_eval once per process, as all before 8.0.3 do?"""
    module = sys.modules.get("offlineimap.repository.IMAP")
    return module is not None and not hasattr(module.IMAPRepository, "getoauth2_access_token_getter")


def for_repository(error: errors.M365Error) -> errors.M365Error:
    """Return *error*, in OfflineIMAP also an OfflineImapError of severity REPO: only this account is skipped."""
    module = sys.modules.get("offlineimap.error")
    if module is None:
        return error
    base = module.OfflineImapError
    kind: Any = type(type(error).__name__, (type(error), base), {"__init__": lambda *_: None})
    both: errors.M365Error = kind(*error.args)
    vars(both).update(vars(error), severity=base.ERROR.REPO, errcode=None)
    return both


def current_token(token: str, renew: Callable[[], str]) -> str:
    """Return *token* as a str that *renew* replaces by a current one each time it is formatted."""
    return _CurrentToken(token, renew)


class _CurrentToken(str):
    """
    An access token that turns into a current one each time it is formatted.

    Builds before 8.0.3 use what oauth2_access_token_eval gave for the whole process, strip() it once, and format it
    with ``%s`` into each XOAUTH2 string.
    """

    __slots__ = ("_renew",)
    _renew: Callable[[], str]

    def __new__(cls, token: str, renew: Callable[[], str]) -> _CurrentToken:  # noqa: PYI034 - 3.9
        self = super().__new__(cls, token)
        self._renew = renew
        return self

    def __str__(self) -> str:
        return self._renew()

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __repr__(self) -> str:
        return "<access token>"

    def strip(self, chars: str | None = None, /) -> _CurrentToken:  # noqa: ARG002
        return self
