"""
Checks the options of a login, merges those typed now with those of the last login, and repeats them as a command.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from offlineimap_m365.accounts import client_credential, profiles
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.stores import selection

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

#: What a person may choose and is remembered, by the names of login's options.
CHOICES = (
    "flow", "port", "client_id", "redirect_uri", "tenant", "cloud", "authority", "scope", "store", "imap", "smtp",
    "identity", "app_only", *profiles.CREDENTIALS, profiles.PASSPHRASE,
)  # fmt: skip
#: Commands of the user's that print a secret. They may contain one, so a word is shown instead.
_SECRET_COMMANDS = ("client_secret_command", profiles.PASSPHRASE)
#: What an organisation is called in an address: an id, a domain, or one of Microsoft's words such as common.
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
#: Options about a person who signs in.
_PERSONS = ("flow", "port", "redirect_uri", "scope", "identity")


def typed(options: argparse.Namespace) -> dict[str, Any]:
    """Return what was chosen now, on the command line of ``login`` or of a command that takes its options."""
    if options.authority and (options.tenant or options.cloud):
        raise errors.WrongUsage(
            "--authority names the organisation (tenant) itself: it does not go with --tenant or --cloud",
            remedy=Remedy("Leave one of them out"),
        )
    return _for_client({choice: getattr(options, choice, None) for choice in CHOICES})


def merge(typed: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was typed, over what was remembered and does not contradict it."""
    now = {key: value for key, value in typed.items() if key in CHOICES and value not in (None, [])}
    remembered = {key: value for key, value in before.items() if key in CHOICES}
    elsewhere = "authority" in now and now["authority"] != remembered.get("authority")
    if "authority" in now:
        remembered.pop("tenant", None)
        remembered.pop("cloud", None)
    if "tenant" in now or "cloud" in now:
        elsewhere = remembered.pop("authority", None) is not None
    if elsewhere:  # a token is never sent to the mail hosts of another provider
        remembered.pop("imap", None)
        remembered.pop("smtp", None)
    if now.get("client_id", remembered.get("client_id")) != remembered.get("client_id"):
        remembered.pop("redirect_uri", None)
        elsewhere = True
    _forget(remembered, now, is_elsewhere=elsewhere)
    return {**remembered, **now}


def _for_client(options: dict[str, Any]) -> dict[str, Any]:
    """Return the *options* with absolute paths; raises WrongUsage for some that do not go together."""
    # a passphrase alone may belong to the certificate of the last login
    client_credential.from_options(options if options["certificate"] else {**options, profiles.PASSPHRASE: None})
    for choice in ("client_secret_file", "certificate"):
        if options[choice]:
            options[choice] = str(Path(options[choice]).expanduser().absolute())
    wrong = [choice for choice in _PERSONS if options[choice]]
    if options["app_only"] and wrong:
        name = str(options["flow"] if wrong[0] == "flow" else wrong[0]).replace("_", "-")
        raise errors.WrongUsage(
            f"--app-only signs nobody in, so it does not go with --{name}", remedy=Remedy("Leave one of them out")
        )
    return options


def _forget(remembered: dict[str, Any], now: Mapping[str, Any], *, is_elsewhere: bool) -> None:
    """
    Remove from what was *remembered* what does not go with what was chosen *now*.

    A secret belongs to one registration and is sent nowhere else; another one of any kind replaces it.
    *is_elsewhere*: another client id or provider is asked.
    """
    is_other_cloud = now.get("cloud", remembered.get("cloud")) != remembered.get("cloud")
    if is_elsewhere or is_other_cloud or any(name in now for name in profiles.CREDENTIALS):
        for name in (*profiles.CREDENTIALS, profiles.PASSPHRASE):
            remembered.pop(name, None)
    if "flow" in now or "port" in now:  # a person signs in
        remembered.pop("app_only", None)
    if "app_only" in now:
        for name in _PERSONS:
            remembered.pop(name, None)


def check(chosen: Mapping[str, Any]) -> None:
    """Raise WrongUsage for a choice that cannot work."""
    tenant = chosen.get("tenant")
    if tenant and not _TENANT.fullmatch(str(tenant)):
        raise errors.WrongUsage(
            f"--tenant {tenant} is neither an id nor a domain",
            remedy=Remedy("Give the organisation's id or its domain, such as example.org"),
        )
    store = str(chosen.get("store") or "file")
    if not selection.is_known(store):
        raise errors.WrongUsage(
            f"The store {store} is not known",
            remedy=Remedy(
                f"Give --store with one of: {', '.join(selection.KNOWN)}, such as --store gpg:you@example.org"
            ),
        )
    uri = chosen.get("redirect_uri")
    if uri and not _is_address(str(uri)):
        raise errors.WrongUsage(
            f"--redirect-uri {uri} is not an address",
            remedy=Remedy("Give it as it is registered, such as http://localhost"),
        )


def _is_address(text: str) -> bool:
    try:
        where = urlsplit(text)
        return bool(where.scheme and (where.netloc or where.path) and (where.port is None or where.port))
    except ValueError:
        return False


def check_owner(chosen: Mapping[str, Any]) -> None:
    """Raise WrongUsage for a secret or certificate without the client id that it belongs to."""
    if client_credential.from_options(chosen) and not chosen.get("client_id"):
        raise errors.WrongUsage(
            "A client secret or certificate belongs to a client id of your own, and none is named",
            remedy=Remedy("Name it with --client-id ID"),
        )


def check_app_only(chosen: Mapping[str, Any], *, with_proof: bool) -> None:
    """
    Raise WrongUsage for an app-only login that lacks an option, or names no single organisation.

    *with_proof*: the application's secret or certificate is needed, too; a letter about it needs none.
    """
    place = str(chosen.get("tenant") or str(chosen.get("authority") or "").rstrip("/").rpartition("/")[2])
    missing = [
        option
        for option, is_there in (
            ("--tenant T", place),
            ("--client-id ID", chosen.get("client_id")),
            ("--client-secret-file F or --certificate FILE", client_credential.from_options(chosen) or not with_proof),
        )
        if not is_there
    ]
    if missing:
        raise errors.WrongUsage(
            f"--app-only also needs {' and '.join(missing)}",
            remedy=Remedy("All of them are in the application's registration, in Microsoft Entra"),
        )
    if place.lower() in ("common", "consumers", "organizations", profiles.personal_tenant()):
        raise errors.WrongUsage(
            f"--app-only does not work with {place}: an application signs in to one organisation (tenant), so name it",
            remedy=Remedy("Give its id or its domain: --tenant example.org"),
        )


def command_line(command: str, *words: str, chosen: Mapping[str, Any]) -> str:
    """Return our *command* for a shell, with its *words* and the options for what was *chosen*; nothing secret."""
    parts = [errors.COMMAND, command, *map(errors.quoted, words)]
    if command == "login" and chosen.get("app_only"):
        parts.append("--app-only")
    for name in CHOICES:
        value = None if name in ("flow", "port", "app_only") else chosen.get(name)
        for text in value if isinstance(value, list) else [value] if value else []:
            parts += [f"--{name.replace('_', '-')}", "CMD" if name in _SECRET_COMMANDS else errors.quoted(str(text))]
    return " ".join(parts)
