"""
What a confidential client authenticates with: a secret from a file or a command, or a certificate with its key.

It is read at each use and never copied into the store, a log or the profile, which has only the path or the command.
So a renewed secret is used at once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import errors, process, safe_file
from offlineimap_m365.base.errors import Remedy, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offlineimap_m365.accounts.profiles import Account

#: Seconds for a command that prints a secret.
SECONDS = 20.0
#: From this many days before a certificate's end on, a person is told: an administrator needs time to replace it.
SOON = 30
#: Bytes of a file or of a command's output; a certificate with its chain and key has some ten thousand.
_MOST_BYTES = 262_144


@dataclasses.dataclass(frozen=True)
class Proof:
    """
    What one request sends to the provider, in MSAL's form.

    *fingerprint* changes when the credential is renewed, and reveals nothing. *ends* is when a certificate expires, in
    seconds since 1970, None for a secret.
    """

    for_msal: str | dict[str, str] = dataclasses.field(repr=False)
    fingerprint: str
    ends: float | None = None


def read(credential: Mapping[str, str] | None, name: str) -> Proof | None:
    """
    Read the *credential* of the account *name*; None for a public client.

    Raises Misconfigured for what is missing, unsafe or unfit, Temporary for a command that cannot answer now.
    """
    if credential is None:
        return None
    if "certificate" not in credential:
        text = secret(credential, name)
        return Proof(text, hashlib.sha256(text.encode()).hexdigest())
    from offlineimap_m365.accounts import certificate_file  # noqa: PLC0415 - cryptography is slow to import

    path = credential["certificate"]
    data = _contents(path, name, "certificate")
    has_command = profiles.PASSPHRASE in credential
    passphrase = _printed(credential, profiles.PASSPHRASE, name, encoding="utf-8") if has_command else None
    try:
        for_msal, ends = certificate_file.read(data, passphrase)
    except certificate_file.Unusable as error:
        reason, advice = error.args
        raise errors.Misconfigured(
            f"{name}: the certificate {path} cannot be used: {reason}", account=name, remedy=Remedy(advice)
        ) from None
    return Proof(for_msal, hashlib.sha256(data).hexdigest(), ends)


def secret(credential: Mapping[str, str] | None, name: str) -> str:
    """Return the client secret of the account *name*: ``""`` for a public client; raises as read() does."""
    if credential is None:
        return ""
    if "client_secret_file" in credential:
        path = credential["client_secret_file"]
        return _first_line(_contents(path, name, "client_secret_file"), f"the file {path}", name)
    if "client_secret_command" in credential:
        return _printed(credential, "client_secret_command", name)
    raise errors.Misconfigured(
        f"{name} authenticates with a certificate, so it has no client secret",
        account=name,
        remedy=Remedy("Use the access token", f'oauth2_access_token_eval = get_access_token("{name}", 1800)', "file"),
    )


def end(account: Account) -> float | None:
    """
    Return when the account's certificate expires, in seconds since 1970, without running a command; None without one.

    Where a passphrase is needed to look, what the last use found counts. Raises Misconfigured if the certificate, or
    the file of a secret, is missing or unsafe.
    """
    credential = account.credential or {}
    if "client_secret_file" in credential:
        secret(credential, account.name)
    if "certificate" not in credential:
        return None
    from offlineimap_m365.accounts import certificate_file  # noqa: PLC0415 - cryptography is slow to import

    expires = certificate_file.end(_contents(credential["certificate"], account.name, "certificate"))
    return account_state.certificate_ends(account.folder) if expires is None else expires


def _contents(path: str, name: str, kind: str) -> bytes:
    """Return the bytes of the file *path*, the value of login's option *kind*, which nobody else may read or write."""
    try:
        return safe_file.read(path, most_bytes=_MOST_BYTES, judge=lambda state: _check(state, path))
    except FileNotFoundError:
        raise errors.Misconfigured(
            f"{name}: there is no file {path}",
            account=name,
            remedy=Remedy("Name the file", f"{errors.login_command(name)} {_option(kind)} FILE"),
        ) from None
    except errors.M365Error as error:
        raise error.replaced(fact=f"{name}: {error.fact}", account=name) from None


def _check(state: os.stat_result, path: str) -> None:
    """
    Refuse a file of another user, or one that others may read or write.

    A group may read root's file: systemd hands credentials to a service so (systemd.exec(5), "Credentials").
    """
    own = os.geteuid()
    if state.st_uid not in (0, own) or state.st_mode & (0o077 if state.st_uid == own else 0o027):
        raise errors.Misconfigured(
            f"Others may read or write {path} (user id {state.st_uid}, mode {stat.S_IMODE(state.st_mode):04o})",
            remedy=Remedy("As its owner, close it to others", f"chmod 600 {quoted(path)}"),
        )


def _printed(credential: Mapping[str, str], kind: str, name: str, *, encoding: str = "ascii") -> str:
    """
    Return the first line that the user's command prints. Neither the command nor its output is ever shown.

    A command that fails is Temporary (a pinentry has no terminal in cron), one that does not exist Misconfigured.
    """
    source = f"the command of {_option(kind)}"
    result = process.run([*process.SHELL, credential[kind]], seconds=SECONDS, most_bytes=_MOST_BYTES)
    if result.is_success:
        return _first_line(result.out, source, name, encoding=encoding)
    end = f"ended with exit code {result.code}" if result.ended == process.ENDED else f"failed: {result.ended}"
    raise (errors.Misconfigured if result.code in process.NO_SUCH_COMMAND else errors.Temporary)(
        f"{name}: {source} {end}",
        account=name,
        remedy=Remedy("Type the command in a terminal to see what it says or asks, then try again"),
    )


def _first_line(data: bytes, source: str, name: str, *, encoding: str = "ascii") -> str:
    """Return the first line without its newline; spaces may be part of the secret."""
    line = data.split(b"\n", 1)[0].removesuffix(b"\r").decode(encoding, "replace")
    if not line.strip() or not line.isprintable() or "\ufffd" in line:
        raise errors.Misconfigured(
            f"{name}: {source} gives no secret: its first line is empty or not text",
            account=name,
            remedy=Remedy("Give the secret itself, which the portal calls Value (not the Secret ID)"),
        )
    return line


def _option(kind: str) -> str:
    return "--" + kind.replace("_", "-")
