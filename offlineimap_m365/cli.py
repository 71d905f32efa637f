"""
The commands: one function each, exit codes, and the only room that prints.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365 import accounts, arguments, errors, home, notices, tokens, warm

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

_INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run the command line *argv* (without the program's name) and return its exit code."""
    notices.listen(lambda text: say(f"{errors.COMMAND}: {text}"))
    try:
        options = arguments.parser().parse_args(argv)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    try:
        return _COMMANDS[options.command](options)
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


def say(text: str = "") -> None:
    """Say one line to the person, on stderr; somebody who does not listen is no error."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _failed(error: errors.M365Error, *, verbose: bool) -> int:
    first, *others = error.lines()
    say(f"{errors.COMMAND}: {first}")
    for line in others:
        say(f"  {line}")
    if verbose:
        say("".join(traceback.format_tb(error.__traceback__)))
    return error.exit_code


def _typed_on_terminal() -> bool:
    """Does a person wait who typed this command? Then a remembered failure does not count (contract §5.6)."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _token(options: argparse.Namespace) -> int:
    name = None if options.account is None else accounts.clean_name(options.account)
    if options.what:
        return warm.hand_out(_other_value(name, options.what))
    wanted = tokens.Wanted(
        seconds=options.min_validity or options.prefer_validity or warm.MARGIN,
        demand=options.min_validity is not None,
        impatient=_typed_on_terminal(),
    )
    found = tokens.access_token(name, wanted).value
    if options.format == "xoauth2":
        user = options.mailbox or accounts.get(name).name
        found = base64.b64encode(f"user={user}\x01auth=Bearer {found}\x01\x01".encode()).decode("ascii")
    return warm.hand_out(found)


def _other_value(name: str | None, what: str) -> str:
    if what == "refresh-token":
        return tokens.refresh_token(name)
    return accounts.get(name).client_id if what == "client-id" else ""


def _refresh(options: argparse.Namespace) -> int:
    names = [accounts.clean_name(name) for name in options.accounts] or accounts.names()
    if not names:
        raise accounts.not_signed_in("you@example.org", "Nobody is signed in")
    return max(_refresh_one(name, verbose=options.verbose) for name in names)


def _refresh_one(name: str, *, verbose: bool) -> int:
    try:
        tokens.access_token(name, tokens.Wanted(impatient=_typed_on_terminal()))
    except errors.M365Error as error:
        return _failed(error, verbose=verbose)
    return 0


def _status(options: argparse.Namespace) -> int:
    from offlineimap_m365 import status, table  # noqa: PLC0415 - not for the commands that give tokens

    found = status.report([accounts.clean_name(name) for name in options.accounts])
    if options.json:
        document = {"schema": 1, "accounts": [report.as_dict() for report in found]}
        code = warm.hand_out(json.dumps(document, indent=2, ensure_ascii=False))
    elif found:
        code = warm.hand_out("\n".join(table.of_accounts(found)))
        for report in found:
            if report.reason:
                say(f"{report.account}: {report.reason}")
    else:
        code = 0
        say(f"Nobody is signed in (searched in {home.directory()}). Run: {errors.COMMAND} login you@example.org")
    return code or int(any(report.needs_somebody for report in found))


def _explain(options: argparse.Namespace) -> int:
    from offlineimap_m365 import explain, history  # noqa: PLC0415 - not for the commands that give tokens

    words = list(options.words)
    account = None
    if words and "@" in words[0] and " " not in words[0]:
        account = accounts.load(words[0])
        name = words.pop(0)
    else:
        name = None
    text = _text_to_explain(words)
    if not text and account is not None:
        failure = history.last_failure(account.folder)
        text = (failure.code or "") if failure else ""
        if not text:
            say(f"{account.name}: no failure since the last success")
            return 0
    found = text and explain.explain(
        text,
        account=account.name if account else name,
        client_id=account.client_id if account else None,
        tenant=account.tenant if account else None,
        redirect_uri=account.redirect_uri if account else None,
        home=Path(home.directory()),
    )
    if not found:
        raise errors.WrongUsage(
            "Nothing in it is known: no code such as AADSTS50076, and no sentence of a page",
            remedy=f"Paste the whole page: {errors.COMMAND} explain -",
        )
    lines = [found.code, found.meaning, found.remedy]
    return warm.hand_out("\n".join(line for line in lines if line))


def _text_to_explain(words: list[str]) -> str:
    if words == ["-"] or (not words and not sys.stdin.isatty()):
        return sys.stdin.read(1 << 20)
    return " ".join(words)


def _config(options: argparse.Namespace) -> int:
    from offlineimap_m365 import installation, recipes  # noqa: PLC0415 - not for the commands that give tokens

    if options.pythonfile:
        return warm.hand_out(str(installation.write_stub()))
    if options.list:
        return warm.hand_out("\n".join(f"{name:12}  {what}" for name, what in recipes.PROGRAMS.items()))
    name, program = _account_and_program(options.words, recipes.PROGRAMS)
    account = accounts.load(name) if name else _only_or_none()
    if account is None:
        account = _defaults(name or "you@example.org")
        say(f"{account.name} is not signed in: these are the defaults. Run: {errors.COMMAND} login {account.name}")
    say(f"Nothing is changed: put this into {recipes.PROGRAMS[program].rpartition(': ')[2]}")
    return warm.hand_out(recipes.render(program, account, _mailboxes(options.mailbox or [])).rstrip("\n"))


def _account_and_program(words: list[str], programs: dict[str, str]) -> tuple[str | None, str]:
    rest = list(words)
    program = "offlineimap"
    if rest and rest[-1] in programs:
        program = rest.pop()
    name = accounts.clean_name(rest.pop(0)) if rest and "@" in rest[0] else None
    if rest:
        raise errors.WrongUsage(
            f"No recipe for {rest[0]!r}",
            remedy=f"There are: {', '.join(programs)}; see: {errors.COMMAND} config --list",
        )
    return name, program


def _only_or_none() -> accounts.Account | None:
    found = accounts.names()
    return accounts.only() if found else None


def _defaults(name: str) -> accounts.Account:
    from offlineimap_m365 import data  # noqa: PLC0415 - not for the commands that give tokens

    cloud = data.load("clouds", Path(home.directory()))["clouds"]["global"]
    return accounts.Account(
        name=name,
        client_id="",
        authority="",
        scopes=(),
        imap=cloud["imap"],
        smtp=cloud["smtp"],
        redirect_uri="",
    )


def _mailboxes(given: list[str]) -> list[str]:
    found = []
    for text in given:
        if not text.startswith("@"):
            found.append(text)
            continue
        try:
            lines = Path(text[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise errors.WrongUsage(f"The list of mailboxes cannot be read: {text[1:]}") from error
        found += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [accounts.clean_name(name) for name in found]


def _login(options: argparse.Namespace) -> int:
    from offlineimap_m365 import login, plan  # noqa: PLC0415 - MSAL is for who signs in or refreshes

    if options.authority and (options.tenant or options.cloud):
        raise errors.WrongUsage(
            "--authority names the organisation (tenant) itself: it does not go with --tenant or --cloud",
            remedy="Leave one of them out",
        )
    name = _whom(options.account)
    typed = {choice: getattr(options, choice) for choice in plan.CHOICES}
    with _answerless(), _ended_by_signals():
        before = accounts.load(name)
        found = plan.make(before.name if before else name, typed, before, defaults=options.defaults)
        account = login.sign_in(found, before, _Person(), float(options.timeout))
    who = f" as {account.identity}" if account.identity and account.identity != account.name else ""
    say(f"{account.name} is signed in{who}.")
    say(f"Kept in {account.folder} (store: {account.store}, readable by you only).")
    say(f"Next: {errors.COMMAND} config {account.name}")
    return 0


def _whom(given: str | None) -> str:
    if given is not None:
        return accounts.clean_name(given)
    if sys.stdin is not None and sys.stdin.isatty():
        sys.stderr.write("Mail address: ")
        sys.stderr.flush()
        return accounts.clean_name(sys.stdin.readline())
    found = accounts.names()
    if len(found) == 1:
        return found[0]
    raise errors.WrongUsage("Which account?", remedy=f"Run: {errors.COMMAND} login you@example.org")


@contextlib.contextmanager
def _answerless() -> Iterator[None]:
    """Login has no answer for stdout; what a browser prints there must not look like one."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a login as an exception, so that the terminal is put back as it was."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclasses.dataclass
class _Person:
    """The person at the terminal."""

    def say(self, text: str = "") -> None:
        say(text)

    def choose(self, question: str, choices: dict[str, str], default: str) -> str:
        if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return default
        offered = ", ".join(f"[{key}] {what}" for key, what in choices.items())
        while True:
            sys.stderr.write(f"{question} {offered} (default: {choices[default]}): ")
            sys.stderr.flush()
            line = sys.stdin.readline()
            typed = line.strip().lower()[:1]
            if not line or not typed:
                return default
            if typed in choices:
                return typed


def _logout(options: argparse.Namespace) -> int:
    from offlineimap_m365 import logout  # noqa: PLC0415 - not for the commands that give tokens

    name = accounts.clean_name(options.account)
    if not logout.sign_out(name, everything=options.all):
        say(f"{name} is not signed in; nothing to forget in {home.directory()}")
        return 0
    say(f"{name}: its tokens are gone from this machine.")
    say("Microsoft was not told: an access token stays good for about an hour, and copies elsewhere for longer.")
    say("To revoke them all: https://mysignins.microsoft.com, Sign out everywhere (personal accounts:")
    say("https://account.live.com/consent/Manage), or ask your administrator.")
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
