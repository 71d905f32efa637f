"""
What to put into a mail program's configuration: one recipe per program, filled in for an account.

``program.py`` says what a recipe is, ``values.py`` what it is filled in with; the programs are in rooms by what they
are for. To add one: a ``Program`` in a room's ``PROGRAMS``, its template, its row in ``data/programs.json``.

The shipped sample is the recipe of OfflineIMAP with chevrons for the values; it is written by
``python -c 'from offlineimap_m365 import recipes; print(recipes.sample(), end="")' >sample-offlineimaprc``.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.recipes import emacs, mail_fetchers, mail_readers, mail_senders, template_values, timers
from offlineimap_m365.recipes.mail_fetchers import sample
from offlineimap_m365.recipes.template_values import certificates, token_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.accounts.profiles import Account

__all__ = ["PROGRAMS", "certificates", "render", "sample", "token_command"]

#: Every program with a recipe, by name, in the order in which they are listed.
PROGRAMS = {
    program.name: program
    for program in (
        *mail_fetchers.PROGRAMS,
        *mail_senders.PROGRAMS,
        *mail_readers.PROGRAMS,
        *emacs.PROGRAMS,
        *timers.PROGRAMS,
    )
}


def render(program: str, account: Account, mailboxes: Sequence[str] = ()) -> str:
    """
    Return the snippet of *program* for *account*, for its own mailbox or all of *mailboxes*.

    The values are quoted for the program; commands are absolute, and name the store's place where an empty
    environment would look elsewhere. Raises WrongUsage for an address that the program cannot be told, and for more
    mailboxes than it can have; Misconfigured if something that the program needs is not there.
    """
    recipe, wanted = PROGRAMS[program], list(dict.fromkeys(mailboxes)) or [account.name]
    command = f"{errors.COMMAND} config {shlex.quote(account.name)} {program}"
    named = "@FILE" if recipe.has_many else "ADDRESS"
    if account.is_app_only and not recipe.is_for_applications:
        raise errors.WrongUsage(
            f"{account.name} is app-only, and {program} cannot open a mailbox for an application",
            remedy=f"See what can: {errors.COMMAND} config --list",
        )
    if account.is_app_only and not mailboxes and "@" not in account.name:
        raise errors.WrongUsage(
            f"{account.name} is app-only, so it has no mailbox of its own",
            remedy=f"Name which: {command} --mailbox {named}",
        )
    if len(wanted) > 1 and not recipe.has_many:
        raise errors.WrongUsage(
            f"{program} has one mailbox in {recipe.file}, not {len(wanted)}",
            remedy=f"Ask once for each: {command} --mailbox {shlex.quote(wanted[0])}",
        )
    return recipe.fill(template_values.of(account, wanted))
