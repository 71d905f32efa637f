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
    if document.find(remote, "remoteusereval"):
        tree = eval_lines.parse(document.get(remote, "remoteusereval") or "")
        value = getattr(tree, "value", None)
        if isinstance(value, str):
            review.set("config-remoteuser", remote, "remoteuser", as_value(value), "it is a fixed text", "is evaluated")
            review.remove("config-remoteuser", remote, "remoteusereval", "remoteuser takes its place")
        return
    part = document.find(remote, "remoteuser")
    value = document.get(remote, "remoteuser")
    if part is not None and value is None:
        return  # it cannot be resolved, which has a finding of its own
    value = (value or "").strip()
    right = _right_user(review, remote, value, known)
    if right is not None and right != value:
        reason = f"{right} is the address of the mailbox"
        review.set("config-remoteuser", remote, "remoteuser", as_value(right), reason)
    elif not value or "@" not in value:
        line = (part or remote).line
        remedy = Remedy("Write the mail address of the mailbox there")
        fact = f"is {show(value)}" if value else "is missing"
        review.report("config-remoteuser", line, "remoteuser", fact, "it must be a mail address", remedy)


def _right_user(review: Review, remote: Section, value: str, known: Known) -> str | None:
    """Return the address that *value* means, None if that cannot be told."""
    accounts = list(known.signed_in.values())
    named = _named(review, remote)
    if known.account(value) or (any(account.is_app_only for account in accounts) and "@" in value):
        return value
    addresses: list[str] = _ADDRESS.findall(value)
    if len(addresses) == 1 and addresses[0] != value:
        return addresses[0]
    by_name = [account.name for account in accounts if account.name.partition("@")[0].lower() == value.lower()]
    if "@" not in value and len(by_name) == 1:
        return by_name[0]
    account = known.account(named) if named else None
    is_placeholder = not value or value == "you@example.org"
    if is_placeholder and (account or len(accounts) == 1):
        return (account or accounts[0]).name
    similar = known.similar(value)
    return similar.name if similar and account is None else value or None


def _named(review: Review, remote: Section) -> str | None:
    """Return the address that the token's line names by itself, not as %(remoteuser)s."""
    part = review.document.find(remote, TOKEN_LINE)
    return next(iter(_ADDRESS.findall(part.raw)), None) if part else None


def check(review: Review, box: Mailbox, known: Known, names: Names) -> None:
    """Mend where OfflineIMAP gets the token of *box* from."""
    _literal_token(review, box)
    line = review.document.find(box.remote, TOKEN_LINE)
    if line is None:
        if _is_own_refresh(review, box, known, names):
            return
        reason = "nothing else gives OfflineIMAP a current token"
        review.set("config-token", box.remote, TOKEN_LINE, _token_line(box), reason)
    else:
        _check_line(review, box, known, names)
    text = review.document.get(box.remote, TOKEN_LINE) or ""
    if eval_lines.examine(text, "token", names).is_ours:
        for option in _OWN_REFRESH:
            if review.document.find(box.remote, option):
                review.remove(f"config-{option.replace('_', '-')}", box.remote, option, _REFRESH_REASON)
    elif (part := review.document.find(box.remote, TOKEN_LINE)) and known.account(box.address):
        reason = f'{box.address} is signed in here: get_access_token("%(remoteuser)s", 1800) would renew its token'
        review.note("config-own-token", part.line, TOKEN_LINE, "is Python of your own", reason)


def _literal_token(review: Review, box: Mailbox) -> None:
    """``oauth2_access_token`` is used as it stands: a call belongs to the other option, a token is in no file."""
    part = box.remote.option("oauth2_access_token")
    if part is None:
        return
    is_python = "(" in part.raw and eval_lines.parse(part.raw) is not None
    if is_python and box.remote.option(TOKEN_LINE) is None:
        box.remote.rename(part, TOKEN_LINE)
        reason = f"only {TOKEN_LINE} is evaluated"
        review.mended("config-access-token", part.line, "oauth2_access_token", "is Python", reason)
    else:
        reason = "an access token is valid for about an hour, and nobody else may read it"
        review.remove("config-access-token", box.remote, "oauth2_access_token", reason)


def _is_own_refresh(review: Review, box: Mailbox, known: Known, names: Names) -> bool:
    """Does Python of the user's own give a refresh token, for a mailbox that nobody signed in to here?"""
    part = review.document.find(box.remote, "oauth2_refresh_token_eval")
    if part is None or known.account(box.address):
        return False
    if eval_lines.used(part.raw) - names.own or eval_lines.examine(part.raw, "token", names).fault:
        return False
    review.note("config-own-token", part.line, part.name, "is Python of your own", _REFRESH_REASON)
    return True


def _check_line(review: Review, box: Mailbox, known: Known, names: Names) -> None:
    part = review.document.find(box.remote, TOKEN_LINE)
    text = review.document.get(box.remote, TOKEN_LINE)
    if part is None or text is None:
        return
    line = eval_lines.examine(text, "token", names)
    right = _token_line(box)
    if line.fault:
        review.set("config-token", box.remote, TOKEN_LINE, right, "this is the call that gives the token", line.fault)
    elif line.is_ours:
        _check_account(review, box, known, line.account, part.line)


def _check_account(review: Review, box: Mailbox, known: Known, name: str | None, line: int) -> None:
    """Is the account that the line asks for signed in, and the right one for the mailbox?"""
    asked = known.account(name) if name else None
    owner = known.account(box.address)
    fact = f"asks for the token of {show(name)}" if name else "names no account"
    if owner and (asked or owner) is not owner and not (asked and asked.is_app_only):
        reason = f"the mailbox is {show(box.address)}, which is signed in"
        review.set("config-account", box.remote, TOKEN_LINE, _token_line(box), reason, fact)
    elif asked or (name is None and len(known.signed_in) == 1):
        return
    elif owner or (similar := known.similar(name or "")):
        reason = f"{(owner or similar).name} is signed in"  # type: ignore[union-attr]
        review.set("config-account", box.remote, TOKEN_LINE, _call(owner or similar, box), reason, fact)  # type: ignore[arg-type]
    else:
        _not_signed_in(review, box, known, name or box.address, line)


def _not_signed_in(review: Review, box: Mailbox, known: Known, name: str, line: int) -> None:
    domain = name.rpartition("@")[2].lower()
    others = [account.name for key, account in known.signed_in.items() if key.endswith(f"@{domain}")]
    advice = ""
    if others:
        call = f'get_access_token("{others[0]}", 1800)'
        advice = f"{others[0]} is signed in: if that opens this mailbox, write {call} and keep remoteuser. If not"
    remedy = Remedy(advice, errors.login_command(show(name)))
    reason = f"OfflineIMAP gets no token for {show(box.address)}"
    review.report(
        "config-account",
        line,
        TOKEN_LINE,
        f"{show(name)} is not signed in",
        reason,
        remedy,
        name if show(name) == name else None,
    )


def _token_line(box: Mailbox) -> str:
    return _call(box.account, box)


def _call(account: Account, box: Mailbox) -> str:
    """Return the call for *account*, as it stands in the file."""
    is_own = account.name.lower() == box.address.lower()
    name = '"%(remoteuser)s"' if is_own else as_value(json.dumps(account.name, ensure_ascii=False))
    return f"get_access_token({name}, 1800)"
