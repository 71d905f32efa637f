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
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, process, safe_file
from offlineimap_m365.base.errors import Remedy, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offlineimap_m365.accounts.certificate_file import KeyPair
    from offlineimap_m365.accounts.profiles import Account

#: Seconds for a command that prints a secret.
SECONDS = 20.0
#: From this many days before a certificate's end on, a person is told: an administrator needs time to replace it.
SOON = 30
#: Bytes of a file or of a command's output; a certificate with its chain and key has some ten thousand.
_MOST_BYTES = 262_144
_PORTAL = "Give the secret itself, which the portal calls Value (not the Secret ID)"


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


def from_options(options: Mapping[str, Any]) -> dict[str, str] | None:
    """
    Return the credential that *options* of ``login`` name, as the profile stores it; None for a public client.

    Raises WrongUsage for more than one.
    """
    kinds = [name for name in profiles.CREDENTIALS if options.get(name)]
    if len(kinds) > 1:
        names = " and ".join(map(_option, kinds))
        raise errors.WrongUsage(f"{names} cannot be combined", remedy=Remedy("Give one of them"))
    if options.get(profiles.PASSPHRASE) and kinds != ["certificate"]:
        raise errors.WrongUsage(
            f"{_option(profiles.PASSPHRASE)} needs --certificate", remedy=Remedy("Give --certificate FILE as well")
        )
    return {name: str(options[name]) for name in (*kinds, profiles.PASSPHRASE) if options.get(name)} or None


def read(credential: Mapping[str, str] | None, name: str) -> Proof | None:
    """
    Read the *credential* of the account *name*; None for a public client.

    Raises Misconfigured for what is missing, unsafe or unfit, Temporary for a command that cannot answer now.
    """
    if credential is None:
        return None
    if "certificate" in credential:
        data, pair = _certificate(credential, name)
        for_msal = {"private_key": pair.key, "public_certificate": pair.certificate, "thumbprint": pair.thumbprint}
        return Proof(for_msal, hashlib.sha256(data).hexdigest(), pair.ends)
    text = secret(credential, name)
    return Proof(text, hashlib.sha256(text.encode()).hexdigest())


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


def end(account: Account, remembered: float | None = None) -> float | None:
    """
    Return when the account's certificate expires, in seconds since 1970, without running a command.

    *remembered* is what the last use found: it counts where a passphrase is needed to look. None without a certificate.
    Raises Misconfigured if the certificate, or the file of a secret, is missing or unsafe.
    """
    credential = account.credential or {}
    if "client_secret_file" in credential:
        secret(credential, account.name)
    if "certificate" not in credential:
        return None
    from offlineimap_m365.accounts import certificate_file  # noqa: PLC0415 - cryptography is slow to import

    expires = certificate_file.end(_contents(credential["certificate"], account.name, "certificate"))
    return remembered if expires is None else expires


def _certificate(credential: Mapping[str, str], name: str) -> tuple[bytes, KeyPair]:
    from offlineimap_m365.accounts import certificate_file  # noqa: PLC0415 - cryptography is slow to import

    path = credential["certificate"]
    data = _contents(path, name, "certificate")
    has_command = profiles.PASSPHRASE in credential
    passphrase = _printed(credential, profiles.PASSPHRASE, name, encoding="utf-8") if has_command else None
    try:
        return data, certificate_file.read(data, passphrase)
    except certificate_file.Unusable as error:
        raise errors.Misconfigured(
            f"{name}: the certificate {path} cannot be used: {error.args[0]}",
            account=name,
            remedy=Remedy(error.advice or "Export it again: PEM with key and certificate, or PFX"),
        ) from None


def _contents(path: str, name: str, kind: str) -> bytes:
    """Return the bytes of the file *path*, the value of login's option *kind*, which nobody else may read or write."""
    label = kind.replace("_", " ").removesuffix(" file")
    try:
        data = safe_file.read(path, most_bytes=_MOST_BYTES, judge=lambda state: _check(state, path, name, label))
    except FileNotFoundError:
        raise errors.Misconfigured(
            f"{name}: there is no file {path} for its {label}",
            account=name,
            remedy=Remedy("Name the file", f"{errors.login_command(name)} {_option(kind)} FILE"),
        ) from None
    except errors.M365Error as error:
        raise error.replaced(fact=f"{name}: {error.fact.removeprefix(f'{name}: ')}", account=name) from None
    if not data:
        raise errors.Misconfigured(
            f"{name}: the file {path} for its {label} is empty",
            account=name,
            remedy=Remedy("", f"ls -l {quoted(path)}"),
        )
    return data


def _check(state: os.stat_result, path: str, name: str, label: str) -> None:
    """
    Refuse a file that others may read or write.

    A group may read root's file: systemd hands credentials to a service so (systemd.exec(5), "Credentials").
    """
    if state.st_uid not in (0, os.geteuid()):
        raise errors.Misconfigured(
            f"{name}: its {label} {path} belongs to user id {state.st_uid}, and this runs as user id {os.geteuid()}",
            account=name,
            remedy=Remedy("Give it to this user", f"sudo chown $(id -un) {quoted(path)}"),
        )
    if state.st_mode & (0o077 if state.st_uid == os.geteuid() else 0o027):
        raise errors.Misconfigured(
            f"{name}: others may read or write its {label} {path} (mode {stat.S_IMODE(state.st_mode):04o})",
            account=name,
            remedy=Remedy("", f"chmod 600 {quoted(path)}"),
        )


def _printed(credential: Mapping[str, str], kind: str, name: str, *, encoding: str = "ascii") -> str:
    """
    Return the first line that the user's command prints. Neither the command nor its output is ever shown.

    A command that fails is Temporary (a pinentry has no terminal in cron), one that does not exist Misconfigured.
    """
    option = _option(kind)
    result = process.run([*process.SHELL, credential[kind]], seconds=SECONDS, most_bytes=_MOST_BYTES)
    if result.is_success:
        return _first_line(result.out, f"the command of {option}", name, encoding=encoding)
    failures = {
        process.TIMED_OUT: f"did not finish within {SECONDS:.0f} s",
        process.TOO_MUCH_OUTPUT: "printed too much",
        process.NOT_STARTED: "cannot be started",
    }
    is_missing = result.code in process.NO_SUCH_COMMAND
    raise (errors.Misconfigured if is_missing else errors.Temporary)(
        f"{name}: the command of {option} {failures.get(result.ended, f'ended with exit code {result.code}')}",
        account=name,
        meaning="It may have waited for a passphrase" if result.ended == process.TIMED_OUT else "",
        remedy=Remedy("Type the command in a terminal to see what it says, then try again"),
    )


def _first_line(data: bytes, source: str, name: str, *, encoding: str = "ascii") -> str:
    """Return the first line without its newline; spaces may be part of the secret."""
    line = data.split(b"\n", 1)[0].removesuffix(b"\r")
    try:
        text = line.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if not text.strip() or not text.isprintable():
        fault = "not text" if text.strip() else "empty"
        raise errors.Misconfigured(
            f"{name}: {source} gives no secret: its first line is {fault}", account=name, remedy=Remedy(_PORTAL)
        )
    return text


def _option(kind: str) -> str:
    return "--" + kind.replace("_", "-")
