"""
Checks the options about the client itself: its secret or certificate, and whether it signs in by itself (app-only).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import client_credential, profiles
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Options about a person who signs in.
_PERSONS = ("flow", "port", "redirect_uri", "scope", "identity")


def typed(options: dict[str, Any]) -> dict[str, Any]:
    """Return the *options* with absolute paths; raises WrongUsage for some that do not go together."""
    # a passphrase alone may belong to the certificate of the last login
    client_credential.kept(options if options["certificate"] else {**options, profiles.PASSPHRASE: None})
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


def forget(kept: dict[str, Any], now: Mapping[str, Any], *, is_elsewhere: bool) -> None:
    """
    Remove from *kept*, what was remembered, what does not go with what was chosen *now*.

    A secret belongs to one registration and is sent nowhere else; another one of any kind replaces it.
    *is_elsewhere*: another client id or provider is asked.
    """
    is_other_cloud = now.get("cloud", kept.get("cloud")) != kept.get("cloud")
    if is_elsewhere or is_other_cloud or any(name in now for name in profiles.CREDENTIALS):
        for name in (*profiles.CREDENTIALS, profiles.PASSPHRASE):
            kept.pop(name, None)
    if "flow" in now or "port" in now:  # a person signs in
        kept.pop("app_only", None)
    if "app_only" in now:
        for name in _PERSONS:
            kept.pop(name, None)


def check_owner(chosen: Mapping[str, Any]) -> None:
    """Raise WrongUsage for a secret or certificate without the client id that it belongs to."""
    if client_credential.kept(chosen) and not chosen.get("client_id"):
        raise errors.WrongUsage(
            "A client secret or certificate belongs to a client id of your own, and none is named",
            remedy=Remedy("Name it with --client-id ID"),
        )


def check(chosen: Mapping[str, Any], *, with_proof: bool) -> None:
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
            ("--client-secret-file F or --certificate FILE", client_credential.kept(chosen) or not with_proof),
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
