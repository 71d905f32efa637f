"""
The configuration of each mail program, filled in for an account.

To add a program, write its row in ``knowledge/data/programs.json``, its template, and its function in ``quoting.py``.
The shipped sample is OfflineIMAP's recipe with chevrons for the values; write it with
``python -c 'from offlineimap_m365 import recipes; print(recipes.sample(), end="")' >sample-offlineimaprc``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.recipes import limits, quoting, template_values, timers
from offlineimap_m365.recipes.template_values import Program, certificates, token_command

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account

__all__ = ["PROGRAMS", "certificates", "render", "sample", "token_command"]

#: Every program with a recipe, by name, in the order of ``config --list``.
PROGRAMS = {
    name: Program(
        name,
        row["purpose"],
        row["file"],
        is_private=row["is_private"],
        has_many=row["has_many"],
        quote=quoting.QUOTE[name],
        head=quoting.HEAD.get(name, Program.head),
    )
    for name, row in limits.rows().items()
} | {program.name: program for program in timers.PROGRAMS}
#: What Exchange takes as an address: letters, digits and these characters before the @, no dot at either end
#: (learn.microsoft.com: Set-Mailbox, -EmailAddresses; RFC 5321 §4.1.2, RFC 6531 §3.3 for other alphabets).
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(\.{_ATOM})*@[\w-]+(\.[\w-]+)*")


def render(program: str, account: Account, mailboxes: Sequence[str] = (), existing: str | None = None) -> str:
    """
    Return the configuration of *program* for *account*: for its own mailbox, or for all of *mailboxes*.

    Values are quoted for the program. Commands are absolute, and name the home where an empty environment would look
    elsewhere. With the text of an *existing* configuration of OfflineIMAP, what can be added to it.

    Raises WrongUsage for an address that Exchange or the program does not take, and for more mailboxes than the
    program can have; Misconfigured if something that the program needs is missing.
    """
    recipe, wanted = PROGRAMS[program], list(dict.fromkeys(mailboxes)) or [account.name]
    command = f"{errors.COMMAND} config {shlex.quote(account.name)} {program}"
    if account.is_app_only and not mailboxes and "@" not in account.name:
        option = "--mailbox @FILE" if recipe.has_many else "--mailbox ADDRESS"
        raise profiles.no_mailbox(account, f"{command} {option}")
    if len(wanted) > 1 and not recipe.has_many:
        raise errors.WrongUsage(
            f"{program} has one mailbox in {recipe.file}, not {len(wanted)}",
            remedy=errors.Remedy("Print one for each mailbox", f"{command} --mailbox {shlex.quote(wanted[0])}"),
        )
    for address in wanted if account.is_app_only else [*wanted, account.name]:
        check_address(address)
    return recipe.fill(template_values.of(account, wanted, existing), is_addition=existing is not None)


def sample() -> str:
    """Return the shipped ``sample-offlineimaprc``: OfflineIMAP's recipe with chevrons for what differs per user."""
    return PROGRAMS["offlineimap"].fill([template_values.CHEVRONS])


def check_address(address: str) -> None:
    """Raise WrongUsage if *address* is none that a mailbox of Exchange can have."""
    if _ADDRESS.fullmatch(address) is None:
        raise errors.WrongUsage(
            f"{address} is not an address that Exchange takes",
            remedy=errors.Remedy("Give the mailbox's address, such as team@example.org"),
        )
