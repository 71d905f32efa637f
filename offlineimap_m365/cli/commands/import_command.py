"""
``import``: take over a refresh token of another tool. One refresh proves it; only then it is saved.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.console.prompt import say
from offlineimap_m365.knowledge import tables
from offlineimap_m365.signin import import_file, import_formats, login, login_options, login_request, login_session
from offlineimap_m365.signin.login_options import command_line


def run(options: argparse.Namespace) -> int:
    """Take over what the file holds; raises M365Error, and then nothing was saved."""
    name = profiles.clean_name(options.account)
    typed = login_options.typed(options)
    again = command_line("import", name, options.file, chosen=typed)
    with login.naming(name, typed, again):
        before = profiles.load(name)
        name = before.name if before else name
        origin = import_file.read(options.file)
        sign_in = _choose(origin, typed, before, name)
        chosen = _merge(sign_in, typed, before, origin.name)
        plan = login_request.make(name, chosen, before, defaults=options.defaults)
        with _doubting_client(sign_in, typed, again):
            account = login.take_over(plan, sign_in.refresh_token, again)
    login_session.report(account, plan, f": {origin.name} held {sign_in.what}, and one refresh proved it")
    if plan.client_name:
        say(f'Microsoft\'s sign-in log names "{plan.client_name}", whose client id is used.')
    for remark in plan.remarks:
        say(remark)
    _warn(origin)
    login_session.say_next(account)
    return 0


def _choose(
    origin: import_file.Origin, typed: Mapping[str, Any], before: profiles.Account | None, name: str
) -> import_formats.Imported:
    """Return the refresh token that is meant, unless its client id is switched off."""
    names = [name, typed.get("identity"), before.identity if before else None]
    sign_ins = import_formats.read(origin.data, origin.name, name, origin.config)
    sign_in = import_formats.choose(sign_ins, [text for text in names if text], typed.get("client_id"), origin.name)
    client = tables.load("clients")["clients"].get(sign_in.client_id, {})
    if "dead" in client and "client_id" not in typed:  # M365-IMAP's of 2022: only another client id helps
        raise errors.Misconfigured(
            f"{origin.name} was made with the client id {sign_in.client_id} ({client['name']}), which is switched off",
            code=f"AADSTS{client['dead']}",
            meaning="Its refresh tokens do not work any more, and cannot be used with another client id",
            remedy=Remedy("Sign in again", errors.login_command(name)),
        )
    return sign_in


def _merge(
    sign_in: import_formats.Imported, typed: Mapping[str, Any], before: profiles.Account | None, source: str
) -> dict[str, Any]:
    """Return what was typed over what the file says; a default is not remembered as if somebody had chosen it."""
    if {"authority", "tenant", "cloud"} & set(typed):
        sign_in = dataclasses.replace(sign_in, authority=None)
    from_file = import_formats.choices(sign_in, tables.load("clouds")["clouds"], source)
    earlier = before.chosen if before else {}
    if from_file.get("client_id") == tables.load("clients")["default"] and not earlier.get("client_id"):
        from_file.pop("client_id")
    if sign_in.authority and earlier.get("authority"):
        from_file.setdefault("tenant", "common")  # the last sign-in was to another provider
    return {**from_file, **typed}


@contextlib.contextmanager
def _doubting_client(sign_in: import_formats.Imported, typed: Mapping[str, Any], again: str) -> Iterator[None]:
    """Add to a refusal what the client lacks: its secret, or the right id where neither file nor person named one."""
    try:
        yield
    except (errors.SignInNeeded, errors.Misconfigured) as error:
        if error.topic == "secret" and sign_in.has_secret:
            advice = "The tool that wrote it has a client secret. Put that into a file that only you can read, then run"
            raise error.replaced(remedy=Remedy(advice, f"{again} --client-secret-file FILE")) from error
        if error.code is None or sign_in.client_id or "client_id" in typed:
            raise
        otherwise = f". Otherwise: {error.remedy.advice}" if error.remedy.advice else ". Otherwise sign in"
        advice = f"If another client id got that token, run: {again} --client-id ID{otherwise}"
        raise error.replaced(remedy=Remedy(advice, error.remedy.command)) from error


def _warn(origin: import_file.Origin) -> None:
    """Say that the file, which stays as it was, still opens the mailbox."""
    if origin.path is None:
        say("The place that the token came from still has it, and it opens the mailbox. Delete it there.")
        return
    file = errors.quoted(origin.name)
    say(f"{origin.name} was not changed: it still opens the mailbox. Stop the tool that uses it, then:", f"rm {file}")
    if origin.readers:
        say(f"Until then {origin.readers} can read it. Run:", f"chmod 600 {file}")
