"""
The report for a public place: which checks failed, with which codes, versions and platform.

It is an allow list. Text of a check (meaning, remedy, account, file) is never part of it, since it can name somebody.
"""

from __future__ import annotations

import contextlib
import platform
import re
import ssl
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.base.version import __version__
from offlineimap_m365.doctor.local import versions
from offlineimap_m365.knowledge import tables
from offlineimap_m365.recipes import PROGRAMS, limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.doctor.check import Check

_AADSTS = re.compile(r"AADSTS\d{4,9}")


def document(checks: Sequence[Check]) -> dict[str, Any]:
    """Return the JSON of *checks* (schema 1); accounts are numbered in the order in which they were checked."""
    accounts = list(dict.fromkeys(check.account for check in checks if check.account is not None))
    return {
        "schema": 1,
        "versions": {
            errors.COMMAND: __version__,
            "python": platform.python_version(),
            "openssl": ssl.OPENSSL_VERSION,
            **{name: versions.library_version(name) for name in versions.LIBRARIES},
            **_program_versions(),
        },
        "platform": _platform(),
        "checks": [_fields(check, accounts) for check in checks],
    }


def _fields(check: Check, accounts: Sequence[str]) -> dict[str, Any]:
    """Return what may be published of *check*: of codes Microsoft's and OAuth's, none that a server made up."""
    fields: dict[str, Any] = {"name": check.name, "ok": check.ok}
    if check.account is not None:
        fields["account"] = accounts.index(check.account) + 1
    if check.code is not None:
        is_known = _AADSTS.fullmatch(check.code) or check.code in tables.load("aadsts")["errors"]
        fields["code"] = check.code if is_known else "other"
    return fields


def _program_versions() -> dict[str, str]:
    """Return the versions of the mail programs that are installed."""
    installed = {program.name: limits.version(program.name) for program in PROGRAMS.values()}
    path = versions.which(versions.OFFLINEIMAP)
    if path:
        installed[versions.OFFLINEIMAP] = versions.start_offlineimap(path)[0]
    return {name: version for name, version in installed.items() if version}


def _platform() -> str:
    """Return system, version, machine and distribution; of a kernel's name only the numbers: users can name theirs."""
    kernel = re.match(r"\d+(?:\.\d+)*", platform.release())
    parts = [platform.system(), kernel[0] if kernel else "", platform.machine(), platform.mac_ver()[0]]
    with contextlib.suppress(OSError):
        release = platform.freedesktop_os_release()
        parts += [release.get("ID", ""), release.get("VERSION_ID", "")]
    return " ".join(filter(None, parts))
