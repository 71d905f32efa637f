"""
Where the token comes from: a line that is evaluated, or secrets that lie in the file, which are never shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.doctor.offlineimaprc import evals, ours, writing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offlineimap_m365.doctor.check import Check
    from offlineimap_m365.doctor.offlineimaprc.boxes import Box
    from offlineimap_m365.doctor.offlineimaprc.pythonfile import Names
    from offlineimap_m365.doctor.offlineimaprc.reading import Rc

#: The line that gives a token.
LINE = "oauth2_access_token_eval"
#: What M365-IMAP has its users put into the file (its README), and what OfflineIMAP's own refresh needs.
_OLD = (
    "oauth2_request_url",
    "oauth2_client_id",
    "oauth2_client_id_eval",
    "oauth2_client_secret",
    "oauth2_client_secret_eval",
    "oauth2_refresh_token",
    "oauth2_refresh_token_eval",
)
_PASSWORDS = ("remotepass",)
_SECRETS = ("oauth2_access_token", "oauth2_refresh_token", "oauth2_client_secret", *_PASSWORDS)
_NOTHING = frozenset({"", "none", '""', "''"})


def secrets(rc: Rc) -> list[str]:
    """Return every secret that lies in the file, so that none of them is ever shown."""
    found = [rc.raw_or_nothing(section, option) for section in rc.sections() for option in _SECRETS]
    return [value for value in dict.fromkeys(found) if len(value) > 3 and value.lower() not in _NOTHING]  # noqa: PLR2004


def is_secret(option: str, value: str) -> bool:
    """Is what *option* holds a secret, as it stands?"""
    return option in _SECRETS or writing.looks_secret(value)


def examine(rc: Rc, box: Box, names: Names) -> Iterator[Check]:
    """Yield what is wrong with where the token of *box* comes from."""
    has_line = rc.has(box.remote, LINE)
    old = [option for option in _OLD if rc.has(box.remote, option)]
    if rc.has(box.remote, "oauth2_access_token"):
        yield _literal_token(rc, box, has_line=has_line)
    elif not has_line:
        yield _no_line(rc, box, old)
        return
    if has_line and rc.get(box.remote, LINE) is not None:
        yield from _line(rc, box, names)
    if has_line:
        yield from _leftovers(rc, box)


def comments(rc: Rc) -> Iterator[Check]:
    """Yield the comments that still hold a secret: a line that was switched off is as good as one that was not."""
    for number, line in enumerate(rc.lines, 1):
        text = line.strip()
        if text.startswith(("#", ";")) and not writing.is_clean(text):
            said = "This comment holds a token or another secret"
            yield writing.instead(rc, "config-secret", (number, number), ["# A secret was here."], said, _REVOKE)


_REVOKE = "Who has read it can use it: sign out everywhere at mysignins.microsoft.com if others could"


def _literal_token(rc: Rc, box: Box, *, has_line: bool) -> Check:
    option = "oauth2_access_token"
    if has_line:
        said = f"{option} takes the place of {LINE}, and the token in it is good for an hour"
        return writing.struck(rc, "config-access-token-beside", box.remote, option, said, _REVOKE)
    place = rc.place(box.remote, option)
    right = f"{LINE} = {ours.line(box.account, box.mailbox, LINE)}"
    said = f"{option} holds a token, which is good for an hour"
    return writing.instead(rc, "config-access-token", (place.line, place.last), [right], said, _REVOKE)


def _no_line(rc: Rc, box: Box, old: Sequence[str]) -> Check:
    right = ours.line(box.account, box.mailbox, LINE)
    if not old:
        said = "Nothing in this section gives OfflineIMAP a token"
        return writing.added(rc, "config-token", box.remote, LINE, right, said)
    if old == ["oauth2_refresh_token_eval"] or not {"oauth2_request_url", "oauth2_refresh_token"} & set(old):
        said = "OfflineIMAP 8.0.3 signs in once with a refresh token and then with none (offlineimap3#250)"
        name = "config-refresh-token-eval"
    else:
        said = f"{', '.join(old)} let OfflineIMAP refresh the token itself, which loses every new refresh token"
        name = "config-predecessor"
    return _section(rc, box, name, [*old, *_PASSWORDS], f"{LINE} = {right}", said)


def _section(  # noqa: PLR0913, PLR0917 - the parts of a finding
    rc: Rc, box: Box, name: str, options: Sequence[str], line: str, said: str
) -> Check:
    """Return the finding *name* with the whole section as it should be: without *options*, with *line* instead."""
    first, last = rc.place(box.remote).line, rc.end(box.remote)
    gone = [rc.place(box.remote, option) for option in options if option in rc.options(box.remote)]
    lines = []
    for number in range(first, last + 1):
        if not any(place.line <= number <= place.last for place in gone):
            lines.append(rc.lines[number - 1])
        elif number == min(place.line for place in gone):
            lines.append(line)
    if not gone:
        lines.insert(1, line)
    return writing.instead(rc, name, (first, last), lines, said, _REVOKE if "oauth2_refresh_token" in options else "")


def _leftovers(rc: Rc, box: Box) -> Iterator[Check]:
    """Secrets of OfflineIMAP's own refresh beside the line that needs none."""
    if rc.has(box.remote, "oauth2_refresh_token"):
        said = "A refresh token lies in the file, which is as good as a password for 90 days"
        yield writing.struck(rc, "config-refresh-token", box.remote, "oauth2_refresh_token", said, _REVOKE)
    for option in ("oauth2_client_secret", "oauth2_client_secret_eval"):
        if not rc.has(box.remote, option):
            continue
        value = (rc.get(box.remote, option) or "").strip()
        if value.lower() == "none":
            said = "OfflineIMAP sends the word None as client secret, which Microsoft refuses (AADSTS700025)"
            yield writing.struck(rc, "config-client-secret-none", box.remote, option, said)
        elif value.lower() not in _NOTHING and option == "oauth2_client_secret":
            said = "A client secret lies in the file, and nothing here needs one"
            yield writing.struck(rc, "config-client-secret", box.remote, option, said)


def _line(rc: Rc, box: Box, names: Names) -> Iterator[Check]:
    """Is the line Python that gives a token of an account that is signed in?"""
    text = rc.get(box.remote, LINE) or ""
    right = ours.line(box.account, box.mailbox, LINE)
    fault = evals.fault(text, "token", names)
    if fault is not None:
        fixed = right if fault.fixed is None or writing.looks_secret(text) else writing.quoted(fault.fixed)
        yield writing.replaced(rc, f"config-eval-{fault.name}", box.remote, LINE, fixed, fault.meaning)
        return
    wanted = evals.asked_account(text)
    if wanted is not None and "get_access_token" in names.ours:
        yield from _account(rc, box, wanted)


def _account(rc: Rc, box: Box, wanted: str) -> Iterator[Check]:
    try:
        known = profiles.names()
    except errors.M365Error as error:
        yield writing.untold(rc, "config-account", f"Who is signed in cannot be told now: {error.fact}")
        return
    right = ours.line(box.account, box.mailbox, LINE)
    if not wanted and len(known) > 1:
        said = f"Several accounts are signed in ({', '.join(known)}), and this line does not say which is meant"
        yield writing.replaced(rc, "config-which-account", box.remote, LINE, right, said)
    if (not wanted and known) or wanted.lower() in (name.lower() for name in known):
        return
    name = wanted or box.account.name
    said = f"{writing.show(name)} is not signed in"
    if (
        wanted
        and box.account.name.lower() != wanted.lower()
        and box.account.name in known
        and _is_slip(rc, box, wanted)
    ):
        yield writing.replaced(rc, "config-account", box.remote, LINE, right, f"{said}, and {box.account.name} is")
        return
    line = rc.place(box.remote, LINE).line
    yield writing.commanded(rc.path, "config-account", said, f"Run: {errors.login_command(name)}", line)


def _is_slip(rc: Rc, box: Box, wanted: str) -> bool:
    """Is *wanted* so like an account that is signed in, or the mailbox its own, that it is a slip of the pen?"""
    user = (rc.get(box.remote, "remoteuser") or "").lower()
    return user == box.account.name.lower() or evals.are_alike(wanted, box.account.name)
