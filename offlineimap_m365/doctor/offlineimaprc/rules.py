"""
The rules for the options of a Microsoft mailbox: the table is rules.json, and this applies it.

The functions that its rows name return what mends the value of an option, None if it is right. Those about the folders
are in folder_rules.py.
"""

from __future__ import annotations

import functools
import json
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.offlineimaprc import folder_rules, python_lines
from offlineimap_m365.doctor.offlineimaprc.findings import Fix, as_value, show
from offlineimap_m365.doctor.offlineimaprc.mailboxes import TOKEN_LINE
from offlineimap_m365.doctor.offlineimaprc.python_lines import expanded
from offlineimap_m365.recipes import template_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.offlineimaprc.document import Section
    from offlineimap_m365.doctor.offlineimaprc.mailboxes import Mailbox

_ADDRESS = re.compile(r"[^\s\"'<>;,#=()][^\s\"<>;,#=()]*@[^\s\"'<>;,#=()]+")
_PLACEHOLDERS = ("", "you@example.org")


@functools.cache
def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))["rules"]
    return rows


def mend(box: Mailbox) -> None:
    """Mend each option of *box* that a rule finds wrong."""
    sections = {"remote": box.remote, "local": box.local, "account": box.account_section}
    for row in _rows():
        section = sections[row["section"]]
        for option in row["options"]:
            fix = _fix(row, box, section, option)
            if fix is not None and fix.value is None:
                box.review.remove(section, option, fix.reason or row["reason"])
            elif fix is not None and fix.value is not None:
                box.review.set(section, option, fix.value, fix.reason or row["reason"], fix.fact)


def _fix(row: dict[str, Any], box: Mailbox, section: Section, option: str) -> Fix | None:
    value = box.document.get(section, option)
    test = row["fix"]
    if test == "set":
        is_wrong = box.document.find(section, option) is not None
    elif test == "one_of":
        is_wrong = value not in row["values"]
    elif test == "unset_or":
        is_wrong = value is not None and value.lower() not in row["values"]
    else:
        return _FIXES[test](box, value)
    return Fix(row["wanted"]) if is_wrong else None


def _host(box: Mailbox, value: str | None) -> Fix | None:
    right = box.account.imap.rpartition(":")[0].strip("[]")
    return None if (value or "").lower() == right.lower() else Fix(as_value(right))


def _port(box: Mailbox, value: str | None) -> Fix | None:
    right = box.account.imap.rpartition(":")[2]
    return None if (value or "993").strip() == right else Fix(right)


def _certificates(_: Mailbox, value: str | None) -> Fix | None:
    return None if value and _is_usable(value) else Fix(as_value(template_values.certificates() or "OS-DEFAULT"))


@functools.cache
def _is_usable(certificates: str) -> bool:
    """Is it a file of certificates? ``OS-DEFAULT`` lets OfflineIMAP look for one."""
    try:
        return certificates == "OS-DEFAULT" or bool(ssl.create_default_context(cafile=str(expanded(certificates))))
    except (OSError, ValueError):
        return False


def _constant(box: Mailbox, value: str | None) -> Fix | None:
    """``remoteusereval`` with a fixed text: ``remoteuser`` says the same."""
    text = getattr(python_lines.parse(value or ""), "value", None)
    if not isinstance(text, str):
        return None
    box.review.set(box.remote, "remoteuser", as_value(text), "remoteusereval is a fixed text")
    return Fix(None)


def _user(box: Mailbox, value: str | None) -> Fix | None:
    """``remoteuser``: the whole address of the mailbox and nothing else."""
    is_set = box.document.find(box.remote, "remoteuser") is not None
    if box.document.find(box.remote, "remoteusereval") or (is_set and value is None):
        return None  # Python of the user's, or a reference that cannot be resolved, which is another finding
    right = _right_user(box, value or "")
    if right != (value or ""):
        return Fix(as_value(right), reason=f"{right} is the address of the mailbox")
    if "@" not in right:
        remedy = Remedy("Write the mail address of the mailbox there")
        box.review.report(box.remote, "remoteuser", "is missing, or is not a mail address", remedy)
    return None


def _right_user(box: Mailbox, value: str) -> str:
    """Return the address that *value* means, *value* itself if that cannot be told."""
    known, accounts = box.known, list(box.known.signed_in.values())
    if known.account(value) or (any(account.is_app_only for account in accounts) and "@" in value):
        return value
    addresses: list[str] = _ADDRESS.findall(value)
    if len(addresses) == 1 and addresses[0] != value:
        return addresses[0]
    line = box.document.find(box.remote, TOKEN_LINE)
    named = known.account(next(iter(_ADDRESS.findall(line.raw if line else "")), None))  # not %(remoteuser)s
    if value in _PLACEHOLDERS and (named or len(accounts) == 1):
        return (named or accounts[0]).name
    similar = None if named else known.similar(value)
    return similar.name if similar else value


def _literal_token(box: Mailbox, value: str | None) -> Fix | None:
    """``oauth2_access_token`` is used as it stands: a call belongs to the other option, a token to no file."""
    part = box.remote.option("oauth2_access_token")
    if part and "(" in part.raw and python_lines.parse(part.raw) and not box.remote.option(TOKEN_LINE):
        box.remote.rename(part, TOKEN_LINE)
        box.review.edited(part.line, "oauth2_access_token", "is Python", f"only {TOKEN_LINE} is evaluated")
        return None
    return None if value is None else Fix(None)


def _token(box: Mailbox, value: str | None) -> Fix | None:
    """The line that gives the token: a call of our function for the right account, or Python of the user's own."""
    is_signed_in = box.known.account(box.address) is not None
    if box.document.find(box.remote, TOKEN_LINE) is None:
        refresh = box.document.get(box.remote, "oauth2_refresh_token_eval")
        is_own = refresh is not None and not python_lines.used(refresh) - box.names.own
        is_working = is_own and not is_signed_in and not python_lines.examine(refresh, "token", box.names).fault
        return None if is_working else Fix(_call(box, box.account))
    if value is None:
        return None
    line = python_lines.examine(value, "token", box.names)
    if line.fault:
        return Fix(_call(box, box.account), line.fault, "this call gives the token")
    if line.is_ours:
        return _right_account(box, line.account)
    if is_signed_in:
        call = 'get_access_token("%(remoteuser)s", 1800)'
        fact = f"is Python of your own; {box.address} is signed in here, and {call} renews its token"
        box.review.report(box.remote, TOKEN_LINE, fact)
    return None


def _own_refresh(box: Mailbox, value: str | None) -> Fix | None:
    """What OfflineIMAP's own refresh needs, and M365-IMAP has its users write (its README), beside our token."""
    line = python_lines.examine(box.document.get(box.remote, TOKEN_LINE), "token", box.names)
    return Fix(None) if value is not None and line.is_ours else None


def _right_account(box: Mailbox, name: str | None) -> Fix | None:
    """Is the account that the line asks for signed in, and the right one for the mailbox?"""
    known = box.known
    asked, owner = known.account(name), known.account(box.address)
    if asked is not None and (owner in (None, asked) or asked.is_app_only):
        return None
    right = owner or (None if asked else known.similar(name or ""))
    if right is not None and (name or len(known.signed_in) > 1):
        fact = f"asks for the token of {show(name)}" if name else "names no account"
        return Fix(_call(box, right), fact, f"{right.name} is signed in")
    if right is None and (name or len(known.signed_in) != 1):
        _report_not_signed_in(box, name or box.address)
    return None


def _report_not_signed_in(box: Mailbox, name: str) -> None:
    domain = name.rpartition("@")[2].lower()
    other = next((account.name for key, account in box.known.signed_in.items() if key.endswith(f"@{domain}")), None)
    advice = f'{other} is signed in: if that opens this mailbox, write get_access_token("{other}", 1800). If not'
    remedy = Remedy(advice if other else "", errors.login_command(show(name)))
    fact = f"{show(name)} is not signed in, so OfflineIMAP gets no token"
    box.review.report(box.remote, TOKEN_LINE, fact, remedy)


def _call(box: Mailbox, account: Account) -> str:
    """Return the call for *account*, as it is written in the file."""
    is_own = account.name.lower() == box.address.lower()
    name = '"%(remoteuser)s"' if is_own else as_value(json.dumps(account.name, ensure_ascii=False))
    return f"get_access_token({name}, 1800)"


_FIXES: dict[str, Callable[[Mailbox, str | None], Fix | None]] = {
    "constant": _constant,
    "user": _user,
    "host": _host,
    "port": _port,
    "certificates": _certificates,
    "literal_token": _literal_token,
    "token": _token,
    "own_refresh": _own_refresh,
    "folderfilter": folder_rules.folderfilter,
    "nametrans": folder_rules.nametrans,
    "nametrans_back": folder_rules.nametrans_back,
    "maildir": folder_rules.maildir,
    "separator": folder_rules.separator,
}
