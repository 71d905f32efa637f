"""
The report for a public place: what the doctor found, and what it was found with, without what tells who somebody is.
"""

from __future__ import annotations

import contextlib
import getpass
import locale
import os
import platform
import re
import sys
import urllib.request
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, paths
from offlineimap_m365.base.version import __version__
from offlineimap_m365.doctor.local import interpreters, mail_programs
from offlineimap_m365.doctor.offlineimaprc import reading
from offlineimap_m365.doctor.output.pseudonyms import Pseudonyms
from offlineimap_m365.knowledge import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check

#: Microsoft's codes, names of OAuth's errors, and what mail servers answer: nobody's own.
_CODE = re.compile(r"AADSTS\d{4,9}|[a-z]+(?:_[a-z]+)*|\d\.\d{1,3}\.\d{1,3}|\d{3}")
#: Names of users and machines that say nothing of anybody, and would be missed in a sentence.
_NOBODY = frozenset({"root", "user", "mail", "nobody", "localhost", "debian", "ubuntu", "linux", "runner"})


def document(checks: Sequence[Check], config: Path | None = None) -> dict[str, Any]:
    """
    Return the JSON of *checks* (schema 1) with pseudonyms, and ``about``: versions, platform, kinds of accounts.

    *config* is the offlineimaprc that was looked at, whose own names have to go as well.
    """
    found = _accounts()
    names = Pseudonyms()
    _know(names, found, checks)
    if config is not None:
        with contextlib.suppress(reading.Unreadable):
            names.learn_file(reading.contents(config).decode("utf-8", "replace"))
    for check in checks:
        for field in ("meaning", "remedy", "corrected"):
            names.learn(getattr(check, field) or "")
    return {
        "schema": 1,
        "about": {
            "offlineimap-m365": __version__,
            "python": platform.python_version(),
            "msal": _version("msal"),
            "platform": _platform(),
            "encoding": locale.getpreferredencoding(do_setlocale=False),
            "stdout_encoding": getattr(sys.stdout, "encoding", None),
            "accounts": [_about(account, names) for account in found],
        },
        "checks": [_scrubbed(check, names) for check in checks],
    }


def _accounts() -> list[Account]:
    """Return the accounts whose profiles can be read; of the others the checks tell."""
    found = []
    for name in profiles.names_if_readable():
        with contextlib.suppress(errors.M365Error):
            found.append(profiles.load(name))
    return [account for account in found if account is not None]


def _about(account: Account, names: Pseudonyms) -> dict[str, Any]:
    """Return of what kind an account is, without whose."""
    clouds = tables.load("clouds")["clouds"]
    login = account.authority.removeprefix("https://").partition("/")[0]
    known = next((name for name, cloud in clouds.items() if cloud["login"] == login), "other")
    return {
        "account": names.account(account.name),
        "kind": account.kind if account.kind in (profiles.DELEGATED, profiles.APP_ONLY) else "other",
        "store": account.store.partition(":")[0],
        "cloud": account.cloud if account.cloud in clouds else known,
        "personal": account.is_personal,
        "client_id": names.id(account.client_id),
        "credential": next((option for option in account.credential or {} if option in profiles.CREDENTIALS), None),
        "signed_in": account.is_signed_in,
    }


def _scrubbed(check: Check, names: Pseudonyms) -> dict[str, Any]:
    """Return the fields of *check* with pseudonyms; its name is ours."""
    ways: dict[str, Callable[[str], str]] = {
        "name": str,
        "account": names.account,
        "mailbox": names.account,
        "file": names.path,
        "corrected": names.scrub_lines,
        "code": lambda code: _code(code, names),
        "correlation_id": names.id,
    }
    scrub = str if check.name == mail_programs.NAME and _is_shipped("programs") else names.scrub
    return {
        field: ways.get(field, scrub)(value) if isinstance(value, str) else value
        for field, value in check.as_dict().items()
    }


def _is_shipped(table: str) -> bool:
    """Is the *table* the one of this release, so that nothing in it is anybody's own?"""
    try:
        return tables.override(table, Path(paths.directory())) is None
    except errors.M365Error:
        return False


def _code(code: str, names: Pseudonyms) -> str:
    return code if _CODE.fullmatch(code) else names.scrub(code)


def _know(names: Pseudonyms, found: Iterable[Account], checks: Iterable[Check]) -> None:
    """Let *names* know what only the profiles and this machine tell: accounts first, so that their numbers stay."""
    for account in found:
        names.know("account", [account.name, account.identity, *account.mailboxes])
        names.know("id", [account.client_id, account.tenant, account.home_tenant, *account.person.values()])
        names.know("id", [account.store.partition(":")[2]])
        names.know("host", [_host(account.imap), _host(account.smtp), _host(account.authority.partition("://")[2])])
        names.know("path", _paths(*(account.credential or {}).values()))
        names.know("name", (account.credential or {}).values())
    for check in checks:
        names.know("account", [check.account, check.mailbox])
        names.know("id", [check.correlation_id])
        names.know("path", _paths(check.file))
    program = interpreters.which("offlineimap")
    ours = (sys.executable, sys.prefix, str(program) if program else None)
    names.know("path", _paths(paths.directory(), str(Path.home()), str(Path.cwd()), *ours, *_environment()))
    machine = platform.node()
    names.know("host", [name for name in (machine, machine.partition(".")[0]) if name.lower() not in _NOBODY])
    names.know("host", [_host(proxy.rpartition("@")[2].rpartition("//")[2]) for proxy in _proxies()])
    names.know("user", [name for name in _user() if name.lower() not in _NOBODY])


def _host(address: str) -> str:
    """Return the host of ``host:port``, with or without a port or a path."""
    first = address.partition("/")[0]
    return first[1:].partition("]")[0] if first.startswith("[") else first.partition(":")[0]


def _paths(*texts: str | None) -> list[str]:
    """Return those of *texts* that are paths, with the folders that they are in, since a message may name these."""
    found = [Path(text) for text in texts if text and text.startswith("/")]
    everything = [str(folder) for path in found for folder in (path, *path.parents) if len(folder.parts) > 2]  # noqa: PLR2004 - /home is everybody's
    return list(dict.fromkeys(everything))


def _environment() -> list[str]:
    return [value for value in os.environ.values() if value.startswith("/") and ":" not in value]


def _proxies() -> list[str]:
    return [str(address) for name, address in urllib.request.getproxies().items() if name != "no"]


def _user() -> list[str]:
    """Return the name of the person who runs this, as the machine knows it."""
    try:
        return [getpass.getuser()]
    except (OSError, KeyError):  # a container whose user has no name
        return []


def _platform() -> str:
    """Return system, version, machine, distribution; of a kernel's name the numbers only, since it may be anybody's."""
    numbers = re.match(r"\d+(?:\.\d+)*", platform.release())
    found = [platform.system(), numbers[0] if numbers else "", platform.machine(), platform.mac_ver()[0]]
    with contextlib.suppress(OSError):
        release = platform.freedesktop_os_release()
        found.append(f"({release.get('ID', '')} {release.get('VERSION_ID', '')})".replace(" )", ")"))
    return " ".join(filter(None, found))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
