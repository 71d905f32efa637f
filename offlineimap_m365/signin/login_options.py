"""
The options of a login: the form of each, which are remembered, and how a command repeats them.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.folders import learned

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

_CREDENTIALS = (*profiles.CREDENTIALS, profiles.PASSPHRASE)
#: Options about a person who signs in.
_PERSONS = ("flow", "port", "redirect_uri", "scope", "identity")
#: What a person may choose and is remembered, by the names of login's options.
CHOICES = ("app_only", "client_id", "tenant", "cloud", "authority", "store", "imap", "smtp", *_PERSONS, *_CREDENTIALS)
#: Commands of the user's that print a secret. They may contain one, so a word is shown instead.
_SECRET_COMMANDS = ("client_secret_command", profiles.PASSPHRASE)
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#:@\[\]]+)"
_PORT = r":(?P<port>\d{1,5})"
#: The pattern of an option's value, and its form in words.
_FORMS = {
    "tenant": (r"[A-Za-z0-9][A-Za-z0-9.-]*", "an organisation's id or domain, such as example.org"),
    "authority": (rf"https://{_HOST}(?:{_PORT})?/[^\s?#]*[^\s?#/]/*", "of the form https://HOST[:PORT]/TENANT"),
    "redirect_uri": (rf"[A-Za-z][\w+.-]*://{_HOST}(?:{_PORT})?(?:[/?#]\S*)?", "an address, such as http://localhost"),
    "scope": (
        r"imap|smtp|pop|openid|profile|offline_access|\S*[/:]\S*",
        "imap, smtp, pop or a full name with its https://…",
    ),
    "store": (r"file|keyring|auto|gpg:.+", "file, keyring, auto or gpg:KEY, such as gpg:you@example.org"),
    "imap": (rf"\S+{_PORT}", "of the form HOST:PORT, such as localhost:993"),
    "smtp": (rf"\S+{_PORT}", "of the form HOST:PORT, such as localhost:587"),
}


def typed(options: argparse.Namespace) -> dict[str, Any]:
    """
    Return what was typed, on the command line of ``login`` or of a command that takes its options.

    Paths are absolute. Raises WrongUsage for options that do not go together.
    """
    choices = {name: getattr(options, name, None) for name in CHOICES}
    chosen = {name: value for name, value in choices.items() if value not in (None, [])}
    excluded: tuple[tuple[str, tuple[str, ...]], ...] = (("authority", ("tenant", "cloud")), ("app_only", _PERSONS))
    for name, others in excluded:
        wrong = [other for other in others if name in chosen and other in chosen]
        if wrong:
            other = str(chosen["flow"]) if wrong[0] == "flow" else wrong[0]
            raise errors.WrongUsage(
                f"{_flag(name)} does not go with {_flag(other)}", remedy=Remedy("Leave one of them out")
            )
    if "certificate" in chosen:  # without it, the passphrase may belong to the certificate of the last login
        credential(chosen)
    for name in {"client_secret_file", "certificate"} & chosen.keys():
        chosen[name] = str(Path(chosen[name]).expanduser().absolute())
    return chosen


def merge(typed: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was typed, over what was remembered and does not contradict it."""
    now = {key: value for key, value in typed.items() if key in CHOICES and value not in (None, [])}
    remembered = {key: value for key, value in before.items() if key in CHOICES}
    changed = {key for key in now if now[key] != remembered.get(key)}
    is_elsewhere = "authority" in changed or bool({"tenant", "cloud"} & now.keys() and "authority" in remembered)
    forgotten: set[str] = set()
    if "authority" in now:
        forgotten |= {"tenant", "cloud"}
    if {"tenant", "cloud"} & now.keys():
        forgotten |= {"authority"}
    if is_elsewhere:  # a token is never sent to the mail hosts of another provider
        forgotten |= {"imap", "smtp"}
    if "client_id" in changed:
        forgotten |= {"redirect_uri"}
    # A secret belongs to one registration and is sent nowhere else; another one of any kind replaces it.
    if is_elsewhere or {"client_id", "cloud"} & changed or now.keys() & set(profiles.CREDENTIALS):
        forgotten |= set(_CREDENTIALS)
    if {"flow", "port"} & now.keys():  # a person signs in
        forgotten |= {"app_only"}
    if "app_only" in now:
        forgotten |= set(_PERSONS)
    return {**{key: value for key, value in remembered.items() if key not in forgotten}, **now}


def credential(options: Mapping[str, Any]) -> dict[str, str] | None:
    """
    Return the credential that *options* of ``login`` name, as the profile stores it; None for a public client.

    Raises WrongUsage for more than one, and for a passphrase without a certificate.
    """
    kinds = [name for name in profiles.CREDENTIALS if options.get(name)]
    if len(kinds) > 1 or (options.get(profiles.PASSPHRASE) and kinds != ["certificate"]):
        raise errors.WrongUsage(
            "These options cannot be combined: a client has one secret or one certificate",
            remedy=Remedy(
                f"Give one of {', '.join(map(_flag, profiles.CREDENTIALS))};"
                f" {_flag(profiles.PASSPHRASE)} goes with the last"
            ),
        )
    return {name: str(options[name]) for name in (*kinds, profiles.PASSPHRASE) if options.get(name)} or None


def check(chosen: Mapping[str, Any], *, with_proof: bool) -> None:
    """
    Raise WrongUsage for a choice that cannot work.

    *with_proof*: an application also needs its secret or certificate; a letter about it needs none.
    """
    for name, (pattern, form) in _FORMS.items():
        for text in _texts(chosen.get(name)):
            match = re.fullmatch(pattern, text)
            if match is None or not 0 < int(match.groupdict().get("port") or 1) < 65536:  # noqa: PLR2004 - 16 bits
                remedy = Remedy("Correct it, and run it again")
                raise errors.WrongUsage(f"{_flag(name)} {text} is not {form}", remedy=remedy)
    has_credential = credential(chosen) is not None
    if chosen.get("app_only"):
        _check_app_only(chosen, has_proof=has_credential or not with_proof)
    elif has_credential and not chosen.get("client_id"):
        raise errors.WrongUsage(
            "A client secret or certificate belongs to a client id of your own, and none is named",
            remedy=Remedy("Name it with --client-id ID"),
        )


def _check_app_only(chosen: Mapping[str, Any], *, has_proof: bool) -> None:
    place = str(chosen.get("tenant") or str(chosen.get("authority") or "").rstrip("/").rpartition("/")[2])
    needed = {
        "--tenant T": place,
        "--client-id ID": chosen.get("client_id"),
        "--client-secret-file F or --certificate FILE": has_proof,
    }
    missing = [option for option, is_there in needed.items() if not is_there]
    if missing:
        raise errors.WrongUsage(
            f"--app-only also needs {' and '.join(missing)}",
            remedy=Remedy("All of them are in the application's registration, in Microsoft Entra"),
        )
    if place.lower() in ("common", "consumers", "organizations", learned.PERSONAL_TENANT):
        raise errors.WrongUsage(
            f"--app-only does not work with {place}: an application signs in to one organisation (tenant), so name it",
            remedy=Remedy("Give its id or its domain: --tenant example.org"),
        )


def command_line(command: str, *words: str, chosen: Mapping[str, Any]) -> str:
    """Return our *command* for a shell, with its *words* and the options for what was *chosen*; nothing secret."""
    parts = [errors.COMMAND, command, *map(errors.quoted, words)]
    for name in CHOICES:
        if name == "app_only":
            parts += [_flag(name)] if chosen.get(name) and command != "import" else []
        elif name not in ("flow", "port"):
            for text in _texts(chosen.get(name)):
                parts += [_flag(name), "CMD" if name in _SECRET_COMMANDS else errors.quoted(text)]
    return " ".join(parts)


def repeat(command: str | None, typed: Mapping[str, Any]) -> str | None:
    """
    Return a *command* of a remedy with the options *typed* at the sign-in that failed: nothing of it was saved.

    Options that do not go with those of *command* are left out; so are all where it starts over with the defaults.
    """
    if not command or not command.startswith((f"{errors.COMMAND} login ", f"{errors.COMMAND} consent ")):
        return command
    words = shlex.split(command)
    if "--defaults" in words:
        return command
    given = {word[2:].replace("-", "_"): True for word in words if word.startswith("--")}
    more = {name: value for name, value in merge(given, typed).items() if name not in given}
    return command + command_line(words[1], chosen=more).removeprefix(f"{errors.COMMAND} {words[1]}")


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(text) for text in values if text]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
