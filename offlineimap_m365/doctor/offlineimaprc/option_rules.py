"""
The rules for plain options of a Microsoft mailbox: the table is option_rules.json, its tests and values are here.
"""

from __future__ import annotations

import configparser
import functools
import json
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365.doctor.offlineimaprc.findings import as_value
from offlineimap_m365.folders import learned
from offlineimap_m365.learn import folder_table
from offlineimap_m365.recipes import template_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.doctor.offlineimaprc.findings import Review
    from offlineimap_m365.doctor.offlineimaprc.mailboxes import Mailbox

_BOOLEANS = configparser.RawConfigParser.BOOLEAN_STATES


@functools.cache
def _rules() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))["rules"]
    return rules


def check(review: Review, box: Mailbox) -> None:
    """Mend each option of *box* that a rule finds wrong."""
    sections = {"remote": box.remote, "local": box.local, "account": box.section}
    for rule in _rules():
        section, option, wanted = sections[rule["side"]], rule["option"], rule["wanted"]
        if not _is_wrong(rule, review.document.get(section, option), box):
            continue
        if wanted is None:
            review.remove(section, option, rule["reason"])
        else:
            value = _VALUES[wanted](box) if wanted in _VALUES else wanted
            review.set(section, option, value, rule["reason"])


def _is_wrong(rule: dict[str, Any], value: str | None, box: Mailbox) -> bool:
    if rule["wrong"] in _TESTS:
        return _TESTS[rule["wrong"]](value, box)
    return {
        "set": value is not None,
        "missing": value is None,
        "not": value not in rule.get("values", ()),
        "set-not": value is not None and value.strip().lower() not in rule.get("values", ()),
    }[rule["wrong"]]


def flag(value: str | None, *, otherwise: bool) -> bool:
    """Return a yes or no as OfflineIMAP reads it; *otherwise* if it is neither."""
    return _BOOLEANS.get((value or "").lower(), otherwise)


def expanded(value: str) -> Path:
    """Return a path as OfflineIMAP expands it: first ``~``, then variables."""
    return Path(os.path.expandvars(os.path.expanduser(value)))  # noqa: PTH111


def folder_line(box: Mailbox, name: str) -> str:
    """Return the value that ``folders`` prints for ``folderfilter``, ``nametrans_remote`` or ``nametrans_local``."""
    is_learned = learned.key(box.address) in box.account.mailboxes
    line = folder_table.lines(box.account.name, box.address, is_learnt=is_learned)[name]
    return as_value(line.partition(" = ")[2])


def _server(box: Mailbox) -> tuple[str, str]:
    host, _, port = box.account.imap.rpartition(":")
    return host.strip("[]"), port


@functools.cache
def _is_usable(certificates: str) -> bool:
    """Is it a file of certificates? ``OS-DEFAULT`` lets OfflineIMAP look for one."""
    try:
        return certificates == "OS-DEFAULT" or bool(ssl.create_default_context(cafile=str(expanded(certificates))))
    except (OSError, ValueError):
        return False


def _loses_mail(value: str | None, box: Mailbox) -> bool:
    readonly = box.remote.option("readonly")
    return not flag(value, otherwise=True) and not flag(readonly.raw if readonly else None, otherwise=False)


def _is_maildir(box: Mailbox) -> bool:
    kind = box.local.option("type")
    return kind is None or kind.raw != "IMAP"


def _maildir(box: Mailbox) -> str:
    part = box.local.option("localfolders")
    text = (part.raw if part else "").strip("\"'<> ") or f"Mail/{as_value(box.name)}"
    return text if expanded(text).is_absolute() else f"~/{text}"


#: The tests and the values that the table names.
_TESTS: dict[str, Callable[[str | None, Mailbox], bool]] = {
    "@is_other_host": lambda value, box: (value or "").lower() != _server(box)[0].lower(),
    "@is_other_port": lambda value, box: (value or "993").strip() != _server(box)[1],
    "@is_unusable": lambda value, _: not _is_usable(value or "/"),
    "@loses_mail": _loses_mail,
    "@is_no_boolean": lambda value, _: value is not None and value.lower() not in _BOOLEANS,
    "@is_relative": lambda value, box: _is_maildir(box) and not (value and expanded(value).is_absolute()),
    "@is_no_sep": lambda value, box: _is_maildir(box) and value is not None and len(value) != 1,
}
_VALUES: dict[str, Callable[[Mailbox], str]] = {
    "@host": lambda box: as_value(_server(box)[0]),
    "@port": lambda box: _server(box)[1],
    "@certificates": lambda _: as_value(template_values.certificates() or "OS-DEFAULT"),
    "@folderfilter": lambda box: folder_line(box, "folderfilter"),
    "@maildir": _maildir,
}
