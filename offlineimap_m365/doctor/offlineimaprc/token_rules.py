"""
Whose mail it is, and whether the line that gives the token asks for the right account.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.offlineimaprc import eval_lines
from offlineimap_m365.doctor.offlineimaprc.findings import as_value, show
from offlineimap_m365.doctor.offlineimaprc.mailboxes import TOKEN_LINE

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.offlineimaprc.document import Section
    from offlineimap_m365.doctor.offlineimaprc.findings import Review
    from offlineimap_m365.doctor.offlineimaprc.mailboxes import Known, Mailbox
    from offlineimap_m365.doctor.offlineimaprc.own_pythonfile import Names

#: What OfflineIMAP's own refresh needs, and M365-IMAP has its users write (its README).
_OWN_REFRESH = (
    "oauth2_refresh_token",
    "oauth2_refresh_token_eval",
    "oauth2_request_url",
    "oauth2_client_id",
    "oauth2_client_id_eval",
    "oauth2_client_secret",
    "oauth2_client_secret_eval",
)
_REFRESH_REASON = "OfflineIMAP's own refresh loses new refresh tokens, and 8.0.3 signs in only once (offlineimap3#250)"
_ADDRESS = re.compile(r"[^\s\"'<>;,#=()][^\s\"<>;,#=()]*@[^\s\"'<>;,#=()]+")


def user(review: Review, remote: Section, known: Known) -> None:
    """Mend ``remoteuser``: it must be the whole address of the mailbox and nothing else."""
    document = review.document
    part = document.find(remote, "remoteuser")
    value = document.get(remote, "remoteuser")
    if document.find(remote, "remoteusereval"):
        fixed = getattr(eval_lines.parse(document.get(remote, "remoteusereval") or ""), "value", None)
        if isinstance(fixed, str):
            review.set(remote, "remoteuser", as_value(fixed), "remoteusereval is a fixed text")
            review.remove(remote, "remoteusereval", "remoteuser takes its place")
    elif part is None or value is not None:  # else it cannot be resolved, which is another finding
        value = (value or "").strip()
        right = _right_user(review, remote, value, known)
        if right != value:
            review.set(remote, "remoteuser", as_value(right), f"{right} is the address of the mailbox")
        elif "@" not in value:
            remedy = Remedy("Write the mail address of the mailbox there")
            review.report((part or remote).line, "remoteuser", "is missing, or is not a mail address", remedy)


def _right_user(review: Review, remote: Section, value: str, known: Known) -> str:
    """Return the address that *value* means, *value* itself if that cannot be told."""
    accounts = list(known.signed_in.values())
    if known.account(value) or (any(account.is_app_only for account in accounts) and "@" in value):
        return value
    addresses: list[str] = _ADDRESS.findall(value)
    if len(addresses) == 1 and addresses[0] != value:
        return addresses[0]
    part = review.document.find(remote, TOKEN_LINE)
    line = part.raw if part else ""
    named = known.account(next(iter(_ADDRESS.findall(line)), ""))  # not where it says %(remoteuser)s
    if value in ("", "you@example.org") and (named or len(accounts) == 1):
        return (named or accounts[0]).name
    similar = known.similar(value) if named is None else None
    by_name = [account for account in accounts if account.name.partition("@")[0].lower() == value.lower()]
    return similar.name if similar else by_name[0].name if len(by_name) == 1 else value


def check(review: Review, box: Mailbox, known: Known, names: Names) -> None:
    """Mend where OfflineIMAP gets the token of *box* from."""
    _literal_token(review, box)
    part = review.document.find(box.remote, TOKEN_LINE)
    text = review.document.get(box.remote, TOKEN_LINE)
    if part is None and not _is_own_refresh(review, box, known, names):
        review.set(box.remote, TOKEN_LINE, _call(box.account, box), "nothing else gives OfflineIMAP a current token")
    elif part is not None and text is not None:
        line = eval_lines.examine(text, "token", names)
        if line.fault:
            review.set(box.remote, TOKEN_LINE, _call(box.account, box), "this call gives the token", line.fault)
        elif line.is_ours:
            _check_account(review, box, known, line.account, part.line)
        elif known.account(box.address):
            call = 'get_access_token("%(remoteuser)s", 1800)'
            fact = f"is Python of your own; {box.address} is signed in here, and {call} renews its token"
            review.note(part.line, TOKEN_LINE, fact)
    if eval_lines.examine(review.document.get(box.remote, TOKEN_LINE) or "", "token", names).is_ours:
        for option in _OWN_REFRESH:
            if review.document.find(box.remote, option):
                review.remove(box.remote, option, _REFRESH_REASON)


def _literal_token(review: Review, box: Mailbox) -> None:
    """``oauth2_access_token`` is used as it stands: a call belongs to the other option, a token to no file."""
    part = box.remote.option("oauth2_access_token")
    if part is None:
        return
    if "(" in part.raw and eval_lines.parse(part.raw) is not None and box.remote.option(TOKEN_LINE) is None:
        box.remote.rename(part, TOKEN_LINE)
        review.edited(part.line, "oauth2_access_token", "is Python", f"only {TOKEN_LINE} is evaluated")
    else:
        reason = "an access token is valid for about an hour, and who can read the file can use it"
        review.remove(box.remote, "oauth2_access_token", reason)


def _is_own_refresh(review: Review, box: Mailbox, known: Known, names: Names) -> bool:
    """Does Python of the user's own give a refresh token, for a mailbox that nobody signed in to here?"""
    part = review.document.find(box.remote, "oauth2_refresh_token_eval")
    if part is None or known.account(box.address) or eval_lines.used(part.raw) - names.own:
        return False
    if eval_lines.examine(part.raw, "token", names).fault:
        return False
    review.note(part.line, part.name, f"is Python of your own; {_REFRESH_REASON}")
    return True


def _check_account(review: Review, box: Mailbox, known: Known, name: str | None, line: int) -> None:
    """Is the account that the line asks for signed in, and the right one for the mailbox?"""
    asked = known.account(name or "")
    owner = known.account(box.address)
    fact = f"asks for the token of {show(name)}" if name else "names no account"
    right = owner or (None if asked else known.similar(name or ""))
    if asked is not None and (owner in (None, asked) or asked.is_app_only):
        return
    if right is not None and (name or len(known.signed_in) > 1):
        review.set(box.remote, TOKEN_LINE, _call(right, box), f"{right.name} is signed in", fact)
    elif right is None and (name or len(known.signed_in) != 1):
        _not_signed_in(review, known, name or box.address, line)


def _not_signed_in(review: Review, known: Known, name: str, line: int) -> None:
    domain = name.rpartition("@")[2].lower()
    other = next((account.name for key, account in known.signed_in.items() if key.endswith(f"@{domain}")), None)
    call = f'get_access_token("{other}", 1800)'
    advice = (
        f"{other} is signed in: if that opens this mailbox, write {call} and keep remoteuser. If not" if other else ""
    )
    remedy = Remedy(advice, errors.login_command(show(name)))
    review.report(line, TOKEN_LINE, f"{show(name)} is not signed in, so OfflineIMAP gets no token", remedy)


def _call(account: Account, box: Mailbox) -> str:
    """Return the call for *account*, as it is written in the file."""
    is_own = account.name.lower() == box.address.lower()
    name = '"%(remoteuser)s"' if is_own else as_value(json.dumps(account.name, ensure_ascii=False))
    return f"get_access_token({name}, 1800)"
