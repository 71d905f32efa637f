"""
PowerShell commands of an administrator of the test bed's Exchange.

As learn.microsoft.com has them: Set-CASMailbox, Add-MailboxPermission, New-ServicePrincipal.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.m365.exchange import Exchange


class NotFoundError(Exception):
    """There is no such object."""


def commands(exchange: Exchange) -> dict[str, Callable[[list[str]], None]]:
    """Return the commands of an administrator of *exchange*; each takes its arguments."""
    #: The applications that Exchange knows, by the object id of the enterprise application.
    applications: dict[str, str] = {}

    def find(mailbox: str) -> str:
        if not exchange.has_mailbox(mailbox):
            raise NotFoundError(f"The operation couldn't be performed because object '{mailbox}' couldn't be found")
        return mailbox.lower()

    def set_cas_mailbox(words: list[str]) -> None:
        given = _pairs(words)
        mailbox = find(given.pop("-Identity"))
        switches = {"-ImapEnabled": (exchange.imap_off, "$false")}
        switches["-SmtpClientAuthenticationDisabled"] = (exchange.smtp_off, "$true")
        for name, value in given.items():
            closed, off = switches[name]
            assert value in ("$true", "$false")
            (closed.add if value == off else closed.discard)(mailbox)

    def add_mailbox_permission(words: list[str]) -> None:
        given = _pairs(words)
        assert given["-AccessRights"] == "FullAccess"
        exchange.grant(applications.get(given["-User"], given["-User"]), find(given["-Identity"]))

    def new_service_principal(words: list[str]) -> None:
        given = _pairs(words)
        known = str(uuid.uuid5(uuid.NAMESPACE_URL, given["-AppId"]))  # as tests.m365.entra.tokens has it
        if given["-ObjectId"] != known:
            raise NotFoundError(f"no enterprise application {given['-ObjectId']}")
        applications[known] = given["-AppId"]

    return {
        "Set-CASMailbox": set_cas_mailbox,
        "Add-MailboxPermission": add_mailbox_permission,
        "New-ServicePrincipal": new_service_principal,
    }


def _pairs(words: list[str]) -> dict[str, str]:
    """Return the arguments of a command by their names."""
    assert len(words) % 2 == 0, words
    return dict(zip(words[::2], words[1::2], strict=True))
