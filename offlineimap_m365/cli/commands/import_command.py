"""
``import``: take over a refresh token of another tool. One refresh proves it; only then it is kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.console.prompt import say
from offlineimap_m365.knowledge import tables
from offlineimap_m365.provider import next_step
from offlineimap_m365.signin import import_file, import_formats, login, login_request
from offlineimap_m365.signin.command_line import command_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

#: What a confidential client proves itself with, by the names of login's options.
_CREDENTIALS = ("client_secret_file", "client_secret_command", "certificate")


def run(options: argparse.Namespace) -> int:
    """Take over what the file holds; raises M365Error, and then nothing was kept."""
    name = profiles.clean_name(options.account)
    typed = {key: value for key, value in login_request.typed(options).items() if value not in (None, [])}
    again = command_line("import", name, options.file, chosen=typed)
    with _told(name, again):
        before = profiles.load(name)
        name = before.name if before else name
        given = import_file.read(options.file)
        found = _found(given, typed, before, name)
        made = login_request.make(name, _merge(found, typed, before, given.name), before, defaults=options.defaults)
        with _hint(found, typed, again):
            account = login.take_over(made, found.refresh_token, again)
    who = f" as {account.identity}" if account.identity and account.identity.lower() != account.name.lower() else ""
    say(
        errors.printable(
            f"{account.name} is signed in{who}: {given.name} held {found.what}, and one refresh proved it."
        )
    )
    if made.client_name:
        say(f'For Microsoft it is "{made.client_name}" that signs in, whose client id is used.')
    where = "the desktop's keyring" if account.store == "keyring" else account.folder
    say(f"Kept in {where} (store: {account.store}), which only you can read.")
    for line in [*made.remarks, *next_step.after_sign_in(account, made.provider.scopes), *_warnings(given)]:
        say(errors.printable(line))
    say(f"Next: {errors.COMMAND} config {shlex.quote(account.name)}")
    return 0


def _found(
    given: import_file.Origin, typed: Mapping[str, Any], before: profiles.Account | None, name: str
) -> import_formats.Found:
    """Return the refresh token that is meant, if it can be used at all."""
    names = [name, typed.get("identity"), before.identity if before else None]
    found = import_formats.choose(
        import_formats.read(given.data, given.name, given.config),
        [one for one in names if one],
        typed.get("client_id"),
        given.name,
    )
    if "client_id" in typed:  # whoever names it knows it better than the file
        return found
    client = tables.load("clients")["clients"].get(found.client_id, {})
    if client.get("dead"):
        raise errors.Misconfigured(
            f"{given.name} was made with the client id {found.client_id} ({client['name']}), which is switched off",
            code=f"AADSTS{client['dead']}",
            meaning="Nobody can use its refresh tokens any more, and they cannot be carried over to another client id",
            remedy=f"Sign in anew: {errors.login_command(name)}",
        )
    if found.has_secret and not client and not any(typed.get(option) for option in _CREDENTIALS):
        raise errors.Misconfigured(
            f"{given.name} was made with a client secret for the client id {found.client_id}",
            meaning="A secret is not copied from there: it is read anew each time from a place of your choice",
            remedy="Put it alone into a file that only you can read, and run it again with --client-secret-file FILE",
        )
    return found


def _merge(
    found: import_formats.Found, typed: Mapping[str, Any], before: profiles.Account | None, source: str
) -> dict[str, Any]:
    """Return what was typed over what the file says; a default is not remembered as if somebody had chosen it."""
    if {"authority", "tenant", "cloud"} & set(typed):
        found = dataclasses.replace(found, authority=None)
    said = import_formats.choices(found, tables.load("clouds")["clouds"], source)
    kept = before.chosen if before else {}
    if said.get("client_id") == tables.load("clients")["default"] and not kept.get("client_id"):
        said.pop("client_id")
    if found.authority and kept.get("authority"):
        said.setdefault("tenant", "common")  # the sign-in was kept for another provider
    return {**said, **typed}


@contextlib.contextmanager
def _told(name: str, again: str) -> Iterator[None]:
    """Let every error name the account, and what can be tried again."""
    try:
        yield
    except errors.M365Error as error:
        remedy = error.remedy.replace("ACCOUNT", shlex.quote(name))
        if isinstance(error, errors.Temporary) and errors.COMMAND not in remedy:
            remedy = f"{remedy.rstrip('.') or 'Try again'}: {again}"
        fact = error.fact if name in error.fact else f"{name}: {error.fact}"
        raise error.replaced(fact=fact, account=name, remedy=remedy) from error


@contextlib.contextmanager
def _hint(found: import_formats.Found, typed: Mapping[str, Any], again: str) -> Iterator[None]:
    """Say of a refusal that the client id may be the wrong one, where neither the file nor the person named it."""
    try:
        yield
    except (errors.SignInNeeded, errors.Misconfigured) as error:
        if error.code is None or found.client_id or "client_id" in typed:
            raise
        raise error.replaced(
            remedy=f"If another client id got that token, name it: {again} --client-id ID. Otherwise: {error.remedy}"
        ) from error


def _warnings(given: import_file.Origin) -> list[str]:
    """Return what the person should know of the file, which stays as it was."""
    if given.path is None:
        return ["Wherever it came from, it still lies there: a key to the mailbox. Delete it there."]
    file = errors.quoted(given.name)
    found = [
        f"{given.name} is as it was: it still holds a key to the mailbox. Stop the tool that uses it, and: rm {file}"
    ]
    if given.readers:
        found.append(f"Until then {given.readers} can read it: chmod 600 {file}")
    return found
