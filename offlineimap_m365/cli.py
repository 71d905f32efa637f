"""
The commands: one function each, exit codes, and the only room that prints.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365 import accounts, arguments, errors, home, notices, person, tokens, warm
from offlineimap_m365.person import say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

_INTERRUPTED = 130
#: More than this of what ``explain -`` is given is not read, in characters: the longest page has a tenth of it.
_MOST_TEXT = 1 << 20


def main(argv: Sequence[str]) -> int:
    """Run the command line *argv* (without the program's name) and return its exit code."""
    notices.listen(lambda text: say(f"{errors.COMMAND}: {text}"))
    try:
        options = arguments.parser().parse_args(argv)
    except SystemExit as leaving:
        return _left(leaving.code)
    try:
        code = _COMMANDS[options.command](options)
        _renew_stub()
    except errors.M365Error as error:
        return _failed(error, verbose=options.verbose)
    except KeyboardInterrupt:
        say()
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door: a bug gets a line and 70, not a traceback
        where = traceback.extract_tb(error.__traceback__)[-1]
        bug = errors.M365Error(
            f"A bug: {type(error).__name__} in {Path(where.filename).name}, line {where.lineno}",
            remedy="Report it with the command that you ran; -v shows more",
        )
        bug.__traceback__ = error.__traceback__
        return _failed(bug, verbose=options.verbose)
    return code


def _renew_stub() -> None:
    """Let OfflineIMAP find this version, if an older one wrote the stub (contract §2)."""
    from offlineimap_m365 import installation  # noqa: PLC0415 - after the answer was given

    installation.renew_stub()


def _left(code: object) -> int:
    """Return the exit code of what argparse did itself: help, version, or an error of usage."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter tries again at its end, and complains
        return 0 if isinstance(error, BrokenPipeError) else errors.Temporary.exit_code
    return code if isinstance(code, int) else 0


def _failed(error: errors.M365Error, *, verbose: bool) -> int:
    first, *others = error.lines()
    say(f"{errors.COMMAND}: {first}")
    for line in others:
        say(f"  {line}")
    if verbose:
        say("".join(traceback.format_tb(error.__traceback__)))
    return error.exit_code


def _token(options: argparse.Namespace) -> int:
    name = None if options.account is None else accounts.clean_name(options.account)
    if options.what:
        return warm.hand_out(_other_value(name, options.what))
    is_demand = options.min_validity is not None
    wish = warm.MARGIN if options.prefer_validity is None else options.prefer_validity
    wanted = tokens.Wanted(
        seconds=options.min_validity if is_demand else wish,
        demand=is_demand,
        impatient=person.waits_for_answer(),
    )
    mailbox = None if options.mailbox is None else accounts.clean_name(options.mailbox)
    found = tokens.access_token(name, wanted).value
    if options.format == "xoauth2":
        user = mailbox or accounts.get(name).name
        found = base64.b64encode(f"user={user}\x01auth=Bearer {found}\x01\x01".encode()).decode("ascii")
    return warm.hand_out(found)


def _other_value(name: str | None, what: str) -> str:
    if what == "refresh-token":
        return tokens.refresh_token(name)
    account = accounts.get(name)
    return account.client_id if what == "client-id" else ""


def _refresh(options: argparse.Namespace) -> int:
    names = [accounts.clean_name(name) for name in options.accounts] or _all_signed_in()
    if not names:
        raise accounts.not_signed_in("you@example.org", "Nobody is signed in")
    return max(_refresh_one(name, verbose=options.verbose) for name in names)


def _all_signed_in() -> list[str]:
    """Return the accounts that a cron job is about: who signed out did so on purpose, who is broken shall be told."""
    return [name for name in accounts.names() if not _is_signed_out(name)]


def _is_signed_out(name: str) -> bool:
    try:
        account = accounts.load(name)
    except errors.M365Error:
        return False
    return account is not None and not account.is_signed_in


def _refresh_one(name: str, *, verbose: bool) -> int:
    try:
        tokens.access_token(name, tokens.Wanted(impatient=person.waits_for_answer()))
    except errors.M365Error as error:
        return _failed(error, verbose=verbose)
    return 0


def _status(options: argparse.Namespace) -> int:
    from offlineimap_m365 import status, table  # noqa: PLC0415 - not for the commands that give tokens

    found = status.report([accounts.clean_name(name) for name in options.accounts])
    if options.json:
        document = {"schema": 1, "accounts": [report.as_dict() for report in found]}
        code = warm.hand_out(json.dumps(document, indent=2))
    elif found:
        code = warm.hand_out("\n".join(errors.printable(line) for line in table.of_accounts(found)))
        for report in found:
            if report.reason:
                about = "" if report.account in report.reason else f"{report.account}: "
                say(errors.printable(f"{errors.COMMAND}: {about}{report.reason}"))
    else:
        code = 0
        say(f"Nobody is signed in (searched in {home.directory()}). Run: {errors.COMMAND} login you@example.org")
    return code or int(any(report.needs_somebody for report in found))


def _explain(options: argparse.Namespace) -> int:
    from offlineimap_m365 import question  # noqa: PLC0415 - not for the commands that give tokens

    asked = question.read(options.words, _standard_input)
    return warm.hand_out("\n".join(question.answer(asked)))


def _standard_input() -> str:
    """Return all of standard input, whatever its encoding."""
    if sys.stdin is None:
        return ""
    if person.is_there():
        say("Paste the page's text, then press Enter and Ctrl-D:")
    return sys.stdin.buffer.read(_MOST_TEXT).decode(errors="replace")


def _config(options: argparse.Namespace) -> int:
    from offlineimap_m365 import installation, recipes  # noqa: PLC0415 - not for the commands that give tokens
    from offlineimap_m365.recipes import order  # noqa: PLC0415

    if options.pythonfile:
        stub = installation.stub_path()
        if not stub.exists():
            say(f"It is not there yet: login writes it. Run: {errors.COMMAND} login you@example.org")
        return warm.hand_out(str(stub))
    if options.list:
        rows = (f"{name:12}  {what}: {where}" for name, (what, where) in recipes.PROGRAMS.items())
        return warm.hand_out("\n".join(rows))
    name, program = order.account_and_program(options.words)
    mailboxes = order.mailboxes(options.mailbox or [])
    account = accounts.load(name) if name else accounts.only() if accounts.names() else None
    if account is None:
        account = order.defaults(name or "you@example.org")
        run = f"{errors.COMMAND} login {shlex.quote(account.name)}"
        say(f"{account.name} is not signed in: these are the defaults. Run: {run}")
    text = recipes.render(program, account, mailboxes)
    where = recipes.PROGRAMS[program][1]
    say(f"Nothing was changed. Put this into {where}, which nobody else should read (chmod 600 {where}):")
    return warm.hand_out(text.rstrip("\n"))


def _login(options: argparse.Namespace) -> int:
    from offlineimap_m365 import login, plan  # noqa: PLC0415 - MSAL is for who signs in or refreshes

    if options.authority and (options.tenant or options.cloud):
        raise errors.WrongUsage(
            "--authority names the organisation (tenant) itself: it does not go with --tenant or --cloud",
            remedy="Leave one of them out",
        )
    name = person.ask_account(options.account)
    typed = {choice: getattr(options, choice) for choice in plan.CHOICES}
    with person.without_answer(), person.ended_by_signals(), login.trouble_told(name):
        before = accounts.load(name)
        found = plan.make(before.name if before else name, typed, before, defaults=options.defaults)
        account = login.sign_in(found, person, float(options.timeout))
    who = f" as {account.identity}" if account.identity and account.identity.lower() != account.name.lower() else ""
    say(errors.printable(f"{account.name} is signed in{who}."))
    say(f"Kept in {account.folder} (store: {account.store}), which only you can read.")
    say(f"Next: {errors.COMMAND} config {shlex.quote(account.name)}")
    return 0


def _logout(options: argparse.Namespace) -> int:
    from offlineimap_m365 import logout  # noqa: PLC0415 - not for the commands that give tokens

    name = accounts.clean_name(options.account)
    if not logout.sign_out(name, everything=options.all):
        say(f"{name} is not signed in; nothing to forget in {home.directory()}")
        return 0
    say(f"The tokens of {name} are gone from this machine.")
    say("Microsoft was not told: copies elsewhere stay good, an access token for about an hour, others for longer.")
    say("To revoke them all: https://mysignins.microsoft.com (Sign out everywhere), for a personal account")
    say("https://account.live.com/consent/Manage, or ask your administrator.")
    return 0


_COMMANDS: dict[str, Callable[[Any], int]] = {
    "login": _login,
    "token": _token,
    "refresh": _refresh,
    "status": _status,
    "explain": _explain,
    "config": _config,
    "logout": _logout,
}
