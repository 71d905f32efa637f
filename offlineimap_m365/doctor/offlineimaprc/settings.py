"""
The plain settings of a remote repository: host, port, TLS, how to sign in, and what must not be there.
"""

from __future__ import annotations

import ast
import os
import re
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.offlineimaprc import evals, ours, pythonfile, reading, writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.doctor.check import Check
    from offlineimap_m365.doctor.offlineimaprc.boxes import Box
    from offlineimap_m365.doctor.offlineimaprc.reading import Rc

#: Connections at once. Exchange lets a user have 16 by default, those of telephones and of Outlook's among them
#: (Set-ImapSettings, MaxConnectionsPerUser), and throttles before (imapsync#198, offlineimap#666).
MANY, FEW = 8, 4
_PASSWORDS = ("remotepass", "remotepassfile", "remotepasseval")


def examine(rc: Rc, box: Box) -> Iterator[Check]:
    """Yield what is wrong with the plain settings of *box*."""
    elsewhere = list(_host(rc, box))
    yield from elsewhere or _port(rc, box)  # another host's port may be right for it
    yield from _user(rc, box)
    yield from _tls(rc, box)
    yield from _mechanisms(rc, box)
    yield from _passwords(rc, box)
    yield from _connections(rc, box)
    yield from _encodings(rc, box)
    yield from _readonly(rc, box)


def _readonly(rc: Rc, box: Box) -> Iterator[Check]:
    """A local repository that is readonly gets nothing, and OfflineIMAP ends well (its accounts.py)."""
    if box.local and rc.flag(box.local, "readonly", otherwise=False):
        said = "With readonly here, in the local repository, no mail comes; a backup has it in the remote one"
        yield writing.switched_off(rc, "config-readonly", box.local, "readonly", said)


def _host(rc: Rc, box: Box) -> Iterator[Check]:
    right = writing.quoted(box.account.imap.rpartition(":")[0].strip("[]"))
    if rc.has(box.remote, "remotehosteval"):
        said = "The host is the result of Python, so that nobody can say where a token goes"
        option = "remotehosteval"
        place = rc.place(box.remote, option)
        is_there = rc.has(box.remote, "remotehost")
        lines = ["# remotehosteval was here: nothing needs it" if is_there else f"remotehost = {right}"]
        yield writing.instead(rc, "config-host", (place.line, place.last), lines, said)
        return
    found = rc.get(box.remote, "remotehost")
    if found is None:
        yield writing.added(rc, "config-host", box.remote, "remotehost", right, "No remotehost is named")
    elif found.lower() != right.lower():
        said = f"{writing.show(found)} is not where the mail of {box.account.name} is"
        yield writing.replaced(rc, "config-host", box.remote, "remotehost", right, said)


def _port(rc: Rc, box: Box) -> Iterator[Check]:
    right = box.account.imap.rpartition(":")[2]
    if rc.has(box.remote, "remoteporteval"):
        return
    found = rc.get(box.remote, "remoteport")
    is_usual = found is None and right == "993"
    if not is_usual and (found or "").strip() != right:
        said = (
            f"The port is {writing.show(found)}, and IMAP over TLS is at {right}" if found else f"The port is {right}"
        )
        yield writing.set_to(rc, "config-port", box.remote, "remoteport", right, said)


def _user(rc: Rc, box: Box) -> Iterator[Check]:
    right = writing.quoted(box.account.name)
    if rc.has(box.remote, "remoteusereval"):
        text = rc.get(box.remote, "remoteusereval") or ""
        tree = evals.parse(text)
        if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
            right = writing.quoted(errors.printable(tree.value))
        place = rc.place(box.remote, "remoteusereval")
        is_there = rc.has(box.remote, "remoteuser")
        lines = ["# remoteusereval was here: nothing needs it" if is_there else f"remoteuser = {right}"]
        said = "remoteusereval takes the place of remoteuser, so that nobody can say whose mail this is"
        yield writing.instead(rc, "config-remoteuser", (place.line, place.last), lines, said)
    elif not rc.get(box.remote, "remoteuser"):
        said = "No remoteuser says whose mail this is"
        yield writing.set_to(rc, "config-remoteuser", box.remote, "remoteuser", right, said)


def user(rc: Rc, section: str) -> Iterator[Check]:
    """Yield what stands around the address in a remoteuser, which OfflineIMAP takes for a part of it."""
    found = (rc.get(section, "remoteuser") or "").strip()
    addresses = re.findall(r'[^\s"<>;,]+@[^\s"<>;,]+', found)
    if len(addresses) != 1:
        return
    right = addresses[0].strip("'")
    if found == right:
        return
    said = f"OfflineIMAP takes all of {writing.show(found)} for the name of the mailbox"
    yield writing.replaced(rc, "config-remoteuser", section, "remoteuser", writing.quoted(right), said)


def _tls(rc: Rc, box: Box) -> Iterator[Check]:
    if rc.has(box.remote, "ssl") and not rc.flag(box.remote, "ssl", otherwise=False):
        said = "Without TLS the server is not asked for a token, and everybody on the way could read it"
        yield writing.replaced(rc, "config-ssl", box.remote, "ssl", "yes", said)
    yield from _old_tls(rc, box)
    if rc.get(box.remote, "cert_fingerprint"):
        yield _pinned(rc, box)
        return
    right = ours.line(box.account, box.mailbox, "sslcacertfile")
    found = rc.get(box.remote, "sslcacertfile")
    if not found:
        said = "No sslcacertfile says whom to trust, without which OfflineIMAP does not connect"
        yield writing.set_to(rc, "config-certificates", box.remote, "sslcacertfile", right, said)
    elif found != "OS-DEFAULT" and not pythonfile.expanded(found).is_file():
        wrong = "is no file" if pythonfile.expanded(found).exists() else "is not there"
        said = f"The file of trusted certificates {writing.show(found)} {wrong}"
        yield writing.replaced(rc, "config-certificates", box.remote, "sslcacertfile", right, said)
    elif found != "OS-DEFAULT" and not os.access(pythonfile.expanded(found), os.R_OK):
        said = f"The file of trusted certificates {writing.show(found)} cannot be read"
        yield writing.replaced(rc, "config-certificates", box.remote, "sslcacertfile", right, said)


def _old_tls(rc: Rc, box: Box) -> Iterator[Check]:
    """TLS before 1.2 ended at Microsoft's servers in 2022 (learn.microsoft.com, Exchange, "TLS 1.0 and 1.1")."""
    found = (rc.get(box.remote, "ssl_version") or "").strip()
    if found and found != "tls1_2":
        said = f"{writing.show(found)} is a TLS that Microsoft's servers do not speak"
        yield writing.replaced(rc, "config-tls", box.remote, "ssl_version", "tls1_2", said)


def _pinned(rc: Rc, box: Box) -> Check:
    """With a fingerprint no other certificate is taken, and Microsoft's change (OfflineIMAP's imaplibutil.py)."""
    said = "cert_fingerprint takes one certificate alone, and Microsoft's servers change theirs several times a year"
    if rc.get(box.remote, "sslcacertfile"):
        return writing.struck(rc, "config-certificates", box.remote, "cert_fingerprint", said)
    place = rc.place(box.remote, "cert_fingerprint")
    right = ours.line(box.account, box.mailbox, "sslcacertfile")
    lines = [f"sslcacertfile = {right}"]
    return writing.instead(rc, "config-certificates", (place.line, place.last), lines, said)


def _mechanisms(rc: Rc, box: Box) -> Iterator[Check]:
    found = rc.get(box.remote, "auth_mechanisms")
    if found is not None and re.split(r",\s*", found.strip()) == ["XOAUTH2"]:
        return
    said = (
        "Without auth_mechanisms OfflineIMAP goes on with other ways to sign in when a token is refused"
        if found is None
        else f"auth_mechanisms names {writing.show(found)}, and a token is for XOAUTH2 alone"
    )
    yield writing.set_to(rc, "config-auth-mechanisms", box.remote, "auth_mechanisms", "XOAUTH2", said)


def _passwords(rc: Rc, box: Box) -> Iterator[Check]:
    for option in _PASSWORDS:
        if rc.has(box.remote, option):
            said = f"{option} gives a password, which Microsoft takes from nobody"
            yield writing.struck(rc, "config-password", box.remote, option, said)


def _connections(rc: Rc, box: Box) -> Iterator[Check]:
    found = rc.get(box.remote, "maxconnections")
    if found is None:
        return
    is_number = found.strip().isascii() and found.strip().isdecimal()
    if not is_number or not 0 < int(found) <= MANY:
        said = (
            f"{writing.show(found)} connections at once are {'more than Exchange bears' if is_number else 'no number'}"
        )
        yield writing.replaced(rc, "config-maxconnections", box.remote, "maxconnections", str(FEW), said)


def _encodings(rc: Rc, box: Box) -> Iterator[Check]:
    if rc.flag(box.remote, "decodefoldernames", otherwise=False):
        said = "decodefoldernames ends OfflineIMAP with an error: it is a rest of Python 2"
        advice = "Who wants folders' names in Unicode has utf8foldernames = yes in the section of the account"
        yield writing.replaced(rc, "config-decodefoldernames", box.remote, "decodefoldernames", "no", said, advice)
    for section, option in (
        (box.section, "utf8foldernames"),
        (box.remote, "createfolders"),
        (box.remote, "readonly"),
        (box.remote, "decodefoldernames"),
    ):
        found = rc.get(section, option)
        if found is not None and found.lower() not in reading.BOOLEANS:
            said = f"{option} is neither yes nor no"
            yield writing.replaced(
                rc, "config-boolean", section, option, "yes" if option == "createfolders" else "no", said
            )
