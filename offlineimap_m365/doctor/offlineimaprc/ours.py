"""
How the lines that belong to this program should be: out of the recipe that ``config`` prints, and of ``folders``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from offlineimap_m365 import recipes
from offlineimap_m365.base import errors
from offlineimap_m365.folders import learned
from offlineimap_m365.learn import folder_table
from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes import targets

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account


def line(account: Account, mailbox: str, option: str) -> str:
    """Return the value of *option* in the recipe for *mailbox*, quoted for the file."""
    try:
        text = recipes.render("offlineimap", account, [mailbox])
    except errors.WrongUsage:  # a name in the file that is no address
        text = recipes.render("offlineimap", targets.defaults("you@example.org"))
    found = re.search(rf"^{re.escape(option)} = (.*)$", text, re.MULTILINE)
    if found is None:
        raise KeyError(option)
    return found[1]


def folder_line(account: Account, mailbox: str, which: str) -> str:
    """Return the value of ``folderfilter``, ``nametrans_remote`` or ``nametrans_local`` that ``folders`` prints."""
    lines = folder_table.lines(account.name, mailbox, is_learnt=learned.key(mailbox) in account.mailboxes)
    return lines[which].partition(" = ")[2]


def pythonfile() -> str:
    """Return the path of the stub, quoted for the file."""
    return str(stub.stub_path()).replace("%", "%%")
