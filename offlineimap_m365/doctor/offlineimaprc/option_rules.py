"""
The table of rules for plain options of a Microsoft mailbox: which value is wrong, what it should be, and why.
"""

from __future__ import annotations

import configparser
import dataclasses
import functools
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.doctor.offlineimaprc.findings import as_value
from offlineimap_m365.folders import learned
from offlineimap_m365.learn import folder_table
from offlineimap_m365.recipes import template_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.doctor.offlineimaprc.findings import Review
    from offlineimap_m365.doctor.offlineimaprc.mailboxes import Mailbox

    Test = Callable[[str | None, Mailbox], bool]

#: Connections of one user at once. Exchange allows 16 by default, those of telephones and of Outlook among them
#: (Set-ImapSettings, MaxConnectionsPerUser), and throttles earlier (imapsync#198, offlineimap#666).
_MOST_CONNECTIONS, _CONNECTIONS = 8, "4"
BOOLEANS = configparser.RawConfigParser.BOOLEAN_STATES
_NO = ("no", "false", "off", "0")


@dataclasses.dataclass(frozen=True)
class Rule:
    """
    One row: *option* of the *side* (``remote``, ``local`` or ``account``) is wrong if *is_wrong* says so of its value.

    The value is None where it is not set. *wanted* is the right value for the file; None: the option is removed.
    """

    side: str
    option: str
    is_wrong: Test
    wanted: Callable[[Mailbox], str | None] | str | None
    reason: str


def check(review: Review, box: Mailbox) -> None:
    """Mend each option of *box* that a rule finds wrong."""
    sections = {"remote": box.remote, "local": box.local, "account": box.section}
    for rule in RULES:
        section = sections[rule.side]
        if not rule.is_wrong(review.document.get(section, rule.option), box):
            continue
        value = rule.wanted(box) if callable(rule.wanted) else rule.wanted
        name = f"config-{rule.option.replace('_', '-')}"
        if value is None:
            review.remove(name, section, rule.option, rule.reason)
        else:
            review.set(name, section, rule.option, value, rule.reason)


def flag(value: str | None, *, otherwise: bool) -> bool:
    """Return a yes or no as OfflineIMAP reads it; *otherwise* if it is neither."""
    return BOOLEANS.get((value or "").lower(), otherwise)


def expanded(value: str) -> Path:
    """Return a path as OfflineIMAP expands it: first ``~``, then variables."""
    return Path(os.path.expandvars(os.path.expanduser(value)))  # noqa: PTH111


def folder_lines(box: Mailbox) -> dict[str, str]:
    """Return the values that ``folders`` prints for ``folderfilter``, ``nametrans_remote`` and ``nametrans_local``."""
    is_learned = learned.key(box.address) in box.account.mailboxes
    lines = folder_table.lines(box.account.name, box.address, is_learnt=is_learned)
    return {name: as_value(line.partition(" = ")[2]) for name, line in lines.items()}


def _is_set(value: str | None, _: Mailbox) -> bool:
    return value is not None


def _is_missing(value: str | None, _: Mailbox) -> bool:
    return value is None


def _is_not(*right: str) -> Test:
    return lambda value, _: value not in right


def _is_set_but_not(*right: str) -> Test:
    return lambda value, _: value is not None and value.strip().lower() not in right


def _host(box: Mailbox) -> str:
    return as_value(box.account.imap.rpartition(":")[0].strip("[]"))


def _port(box: Mailbox) -> str:
    return box.account.imap.rpartition(":")[2]


@functools.cache
def is_usable(certificates: str) -> bool:
    """Is it a file of certificates? ``OS-DEFAULT`` lets OfflineIMAP look for one."""
    if certificates == "OS-DEFAULT":
        return True
    try:
        ssl.create_default_context(cafile=str(expanded(certificates)))
    except (OSError, ValueError):
        return False
    return True


def _is_too_many(value: str | None, _: Mailbox) -> bool:
    is_number = value is not None and value.isascii() and value.isdecimal()
    return value is not None and not (is_number and 0 < int(value) <= _MOST_CONNECTIONS)


def _loses_mail(value: str | None, box: Mailbox) -> bool:
    readonly = box.remote.option("readonly")
    return not flag(value, otherwise=True) and not flag(readonly.raw if readonly else None, otherwise=False)


def _is_relative(value: str | None, box: Mailbox) -> bool:
    return _is_maildir(box) and not (value and expanded(value).is_absolute())


def _maildir(box: Mailbox) -> str:
    part = box.local.option("localfolders")
    text = (part.raw if part else "").strip("\"'<> ") or f"Mail/{as_value(box.name)}"
    return text if expanded(text).is_absolute() else f"~/{text}"


def _is_maildir(box: Mailbox) -> bool:
    kind = box.local.option("type")
    return kind is None or kind.raw != "IMAP"


def _is_no_sep(value: str | None, box: Mailbox) -> bool:
    return _is_maildir(box) and value is not None and len(value) != 1


def _is_no_boolean(value: str | None, _: Mailbox) -> bool:
    return value is not None and value.lower() not in BOOLEANS


_NO_PASSWORD = "Microsoft accepts no password over IMAP"  # noqa: S105 - a sentence
_WRITTEN = "so nobody can tell where the token is sent"
RULES = (
    Rule("remote", "type", _is_not("IMAP"), "IMAP", "a Microsoft mailbox needs type = IMAP"),
    Rule("remote", "remotehosteval", _is_set, None, f"it replaces remotehost, {_WRITTEN}"),
    Rule(
        "remote",
        "remotehost",
        lambda value, box: (value or "").lower() != _host(box).lower(),
        _host,
        "the mail of this account is on another server",
    ),
    Rule("remote", "remoteporteval", _is_set, None, f"it replaces remoteport, {_WRITTEN}"),
    Rule(
        "remote",
        "remoteport",
        lambda value, box: (value or "993").strip() != _port(box),
        _port,
        "this server has IMAP over TLS on another port",
    ),
    Rule("remote", "ssl", _is_set_but_not("yes", "true", "on", "1"), "yes", "a token must only be sent over TLS"),
    Rule("remote", "ssl_version", _is_set_but_not("tls1_2"), "tls1_2", "Microsoft ended older versions of TLS in 2022"),
    Rule(
        "remote", "cert_fingerprint", _is_set, None, "Microsoft's servers change their certificate several times a year"
    ),
    Rule(
        "remote",
        "sslcacertfile",
        lambda value, _: not is_usable(value or "/"),
        lambda _: as_value(template_values.certificates() or "OS-DEFAULT"),
        "OfflineIMAP does not connect without a readable file of certificates",
    ),
    Rule(
        "remote",
        "auth_mechanisms",
        _is_not("XOAUTH2"),
        "XOAUTH2",
        "only XOAUTH2 takes a token; OfflineIMAP would go on to send a password",
    ),
    Rule("remote", "remotepass", _is_set, None, _NO_PASSWORD),
    Rule("remote", "remotepassfile", _is_set, None, _NO_PASSWORD),
    Rule("remote", "remotepasseval", _is_set, None, _NO_PASSWORD),
    Rule("remote", "maxconnections", _is_too_many, _CONNECTIONS, "Exchange throttles many connections at once"),
    Rule(
        "remote",
        "decodefoldernames",
        _is_set_but_not(*_NO),
        None,
        "OfflineIMAP ends with an error; see utf8foldernames",
    ),
    Rule("remote", "createfolders", _loses_mail, None, "mail that you move into a new local folder is lost"),
    Rule("remote", "createfolders", _is_no_boolean, None, "it is neither yes nor no"),
    Rule("remote", "readonly", _is_no_boolean, None, "it is neither yes nor no"),
    Rule(
        "remote",
        "folderfilter",
        _is_missing,
        lambda box: folder_lines(box)["folderfilter"],
        "calendars, contacts and tasks are synced as folders of broken mail",
    ),
    Rule("account", "utf8foldernames", _is_no_boolean, None, "it is neither yes nor no"),
    Rule("local", "type", _is_not("Maildir", "GmailMaildir", "IMAP"), "Maildir", "OfflineIMAP ends with an error"),
    Rule("local", "localfolders", _is_relative, _maildir, "it must be a whole path, or begin with ~"),
    Rule(
        "local",
        "readonly",
        _is_set_but_not(*_NO),
        None,
        "no mail arrives; for a backup set it in the remote repository",
    ),
    Rule("local", "sep", _is_no_sep, "/", "it must be one character"),
)
