"""
The parser of the command line: every command with its options. The only module with private attributes of argparse.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from offlineimap_m365.base import errors
from offlineimap_m365.base.version import __version__

#: Seconds for which login waits for a person.
LOGIN_TIMEOUT = 900
#: Options of release 0.1.0 that no longer exist; they are ignored (contract §6).
REMOVED = frozenset({"--runtime-cache", "--no-runtime-cache"})

#: The names of an argument, and the keywords of ``add_argument``. A list is a group whose members exclude each other.
_Argument = tuple[list[str], dict[str, Any]]


def _value(names: str, metavar: str | None, summary: str | None = None, **keywords: object) -> _Argument:
    return names.split(), {"metavar": metavar, "help": summary, **keywords}


def _several(name: str, metavar: str, summary: str) -> _Argument:
    return _value(name, metavar, summary, action="append")


def _choice(name: str, choices: tuple[str, ...], summary: str | None = None, **keywords: object) -> _Argument:
    return _value(name, None, summary, choices=choices, **keywords)


def _switch(names: str, summary: str, **keywords: object) -> _Argument:
    return names.split(), {"action": "store_true", "help": summary, **keywords}


def _flow(name: str) -> dict[str, str]:
    return {"action": "store_const", "dest": "flow", "const": name}


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text[:9]) <= most:
            raise argparse.ArgumentTypeError(f"not a number from {least} to {most}: {text!r}")
        return int(text)

    return number


_seconds, _port = _number(0, 31_536_000), _number(1, 65_535)
_ACCOUNT = _value("account", "ACCOUNT", nargs="?")
_ONE_ACCOUNT = _value("account", "ACCOUNT")
_ACCOUNTS = _value("accounts", "ACCOUNT", "default: all", nargs="*")
_MAILBOX = _value("--mailbox", "ADDRESS", "the mailbox to open, if it is not the account's own")
_JSON = _switch("--json", "print JSON")
_APP_ONLY = _switch(
    "--app-only",
    "for administrators: an application's own access to mailboxes; with --tenant, --client-id and one of"
    " --client-secret-file, --client-secret-command, --certificate",
    default=None,
)
#: The options of ``login`` that ``import`` and ``consent`` take as well.
_SIGN_IN = (
    _value("--client-id", "ID", "the application's id (default: Mozilla Thunderbird's)"),
    _value("--client-secret-file", "F", "a file whose first line is the client secret; read at each use"),
    _value("--client-secret-command", "CMD", "a command for /bin/sh that prints the client secret"),
    _value("--certificate", "FILE", "the application's certificate with its private key, PEM or PFX"),
    _value("--certificate-passphrase-command", "CMD", "a command that prints the passphrase of the private key"),
    _value("--redirect-uri", "URI", "the redirect URI registered for the client id"),
    _value("--tenant", "T", "the organisation's id or domain"),
    _value("--authority", "URL", "https://HOST[:PORT]/TENANT, used as given"),
    _value("--store", "STORE", "where to keep the tokens: file (default), keyring, gpg:KEY or auto"),
    _value("--imap", "HOST:PORT", "the IMAP server; needed only with --authority"),
    _value("--smtp", "HOST:PORT", "the SMTP server; needed only with --authority"),
    _value("--identity", "UPN", "the user name that signs in, if it is not the mail address"),
    _choice("--cloud", ("global", "usgov", "usgov-dod", "china"), "the national cloud (default: global)"),
    _several("--scope", "S", "a permission: imap, smtp, pop or a full name; repeatable (default: imap and smtp)"),
    _switch("--defaults", "forget the options of earlier logins"),
)
_LOGIN = (
    _value("account", "ACCOUNT", "the mail address", nargs="?"),
    [
        _switch("--browser", "open a browser, which comes back to this machine by itself", **_flow("browser")),
        _switch("--paste", "paste the address of the last page here; works everywhere", **_flow("paste")),
        _switch("--device", "type a code into a page; many organisations forbid it", **_flow("device")),
    ],
    _value("--port", "N", "the port to which the browser comes back", type=_port),
    _value("--timeout", "S", "how many seconds to wait (default: %(default)s)", type=_seconds, default=LOGIN_TIMEOUT),
    _APP_ONLY,
    *_SIGN_IN,
)
_ARGUMENTS: dict[str, tuple[_Argument | list[_Argument], ...]] = {
    "setup": (
        _switch("--yes", "ask nothing but the sign-in; take every default"),
        _switch("--undo", "remove the files that setup wrote and nobody changed"),
        *_LOGIN,
    ),
    "login": _LOGIN,
    "token": (
        _ACCOUNT,
        _value("--min-validity", "S", "fail unless the token is valid for S more seconds", type=_seconds),
        _choice("--format", ("token", "xoauth2"), "the token alone, or base64 for XOAUTH2", default="token"),
        _value("--mailbox", "ADDRESS", "the IMAP user, for xoauth2 (default: the account's address)"),
        # For the plugin in a foreign interpreter: a preferred validity, and the other values of an offlineimaprc.
        _value("--prefer-validity", "S", argparse.SUPPRESS, type=_seconds),
        _choice("--what", ("refresh-token", "client-id", "client-secret"), argparse.SUPPRESS),
    ),
    "refresh": (_ACCOUNTS, _switch("-q --quiet", "for cron: print nothing if trying again later helps (75)")),
    "status": (_ACCOUNTS, _JSON),
    "doctor": (
        _ACCOUNTS,
        _MAILBOX,
        _value("--config", "FILE", "check this offlineimaprc instead of OfflineIMAP's usual one"),
        _switch("--run-config", "execute the Python in that file, as OfflineIMAP does"),
        _switch("--offline", "run only the checks that need no network"),
        [
            _switch("--diff", "print only the diff that mends that file, for patch"),
            _JSON,
            _switch("--report", "print JSON for a public bug report: checks, outcomes, codes, versions, platform"),
        ],
    ),
    "explain": (
        _value("words", "WORD", "an account, then a code or the text of a page; - reads standard input", nargs="*"),
    ),
    "config": (
        _value("words", "WORD", "an account and a program (default: offlineimap), in either order", nargs="*"),
        _several("--mailbox", "ADDRESS", "a mailbox to open with the account's token; repeatable; @FILE reads a list"),
        _switch("--list", "list the programs"),
        _switch("--pythonfile", "print the path for OfflineIMAP's pythonfile"),
    ),
    "folders": (
        _ACCOUNT,
        _MAILBOX,
        _switch("--learn", "save the result for make_folderfilter(account=...)"),
        _JSON,
    ),
    "store": (_ONE_ACCOUNT, _value("--to", "STORE", "file, keyring, gpg:KEY or auto", required=True)),
    "consent": (_ACCOUNT, _APP_ONLY, *_SIGN_IN),
    "import": (
        _value("account", "ACCOUNT", "the mail address"),
        _value(
            "file", "FILE", "the token file of M365-IMAP or mutt_oauth2.py, an MSAL cache, a refresh token; - is stdin"
        ),
        *_SIGN_IN,
    ),
    "notify": (
        [
            _value(
                "--command",
                "CMD",
                "a command for /bin/sh, which gets M365_ACCOUNT, M365_REASON and M365_DAYS",
                dest="notification",
            ),
            _switch("--off", "remove the command"),
            _switch("--test", "run the command now, as if a sign-in had ended"),
        ],
    ),
    "logout": (_ONE_ACCOUNT, _switch("--all", "forget the options of earlier logins as well")),
    # The scripts give the words on the line, and ask for what can be the last of them.
    "completion": (_choice("shell", ("bash", "zsh", "fish")), _value("words", "WORD", argparse.SUPPRESS, nargs="*")),
}
#: Each command with its summary, in the order of the help.
COMMANDS = {
    "setup": "sign in and set up the mail programs, step by step",
    "login": "sign in; options are remembered for the next login",
    "token": "print an access token",
    "refresh": "make sure that each account has a fresh token; for cron and timers",
    "status": "show who is signed in; makes no request",
    "doctor": "find out what is wrong, and which command helps",
    "explain": "explain a code or an error page, and what to do about it",
    "config": "print the configuration of a mail program; changes nothing",
    "folders": "list a mailbox's folders, which of them are synced, and why",
    "store": "move the tokens of an account to another store",
    "consent": "print a letter that asks an administrator for approval",
    "import": "take over the refresh token of another tool",
    "notify": "set a command that runs once when an account needs you",
    "logout": "forget a sign-in",
    "completion": "print the completion script of a shell",
}
#: What argparse up to Python 3.12 cannot break into lines at the brackets of a metavar (python/cpython#55083).
_USAGES = {
    "explain": "[ACCOUNT] [CODE|TEXT|-]",
    "config": "[ACCOUNT] [PROGRAM] [--mailbox ADDRESS|@FILE]... | --list | --pythonfile",
}
#: What a command also does with ``-v``.
_ALSO_WITH_V = {
    "status": "list the last 20 events of each account; ",
    "doctor": "list the checks that passed, too; ",
}


class _Parser(argparse.ArgumentParser):
    """A parser whose error messages have the same form as all others."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and how to get help, and exit with 2."""
        if sys.stderr is not None:
            sys.stderr.write(f"{errors.COMMAND}: {errors.printable(message)}\n  Run: {self.prog} --help\n")
        raise SystemExit(errors.WrongUsage.exit_code)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(
        prog=errors.COMMAND,
        description="Sign in to Microsoft 365 or outlook.com once; get tokens for OfflineIMAP, msmtp and others.",
        epilog=f"To begin: {errors.COMMAND} login you@example.org; then: {errors.COMMAND} config",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    top.add_argument("-v", "--verbose", action="store_true", help="show where an error came from")
    subparsers = top.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        usage = f"{errors.COMMAND} {name} [-h] [-v] {_USAGES[name]}" if name in _USAGES else None
        description = summary[0].upper() + summary[1:] + "."
        command = subparsers.add_parser(name, help=summary, description=description, usage=usage, allow_abbrev=False)
        for argument in _ARGUMENTS[name]:
            group = command.add_mutually_exclusive_group() if isinstance(argument, list) else command
            for names, keywords in argument if isinstance(argument, list) else [argument]:
                group.add_argument(*names, **keywords)
        also = _ALSO_WITH_V.get(name, "") + "show where an error came from"
        command.add_argument("-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help=also)
    return top


@dataclass(frozen=True)
class Command:
    """A command: its *name* (empty for the program itself), its *summary* in the list of commands, its *parser*."""

    name: str
    summary: str
    parser: argparse.ArgumentParser

    def options(self) -> list[argparse.Action]:
        """Return the options that the help shows."""
        return [action for action in self._shown() if action.option_strings]

    def operands(self) -> list[argparse.Action]:
        """Return the arguments that are no options, such as ACCOUNT and FILE."""
        return [action for action in self._shown() if not action.option_strings and action.dest != "command"]

    def _shown(self) -> list[argparse.Action]:
        return [action for action in self.parser._actions if action.help != argparse.SUPPRESS]  # noqa: SLF001

    def alternatives(self) -> list[list[argparse.Action]]:
        """Return the groups of options that exclude each other."""
        return [group._group_actions for group in self.parser._mutually_exclusive_groups]  # noqa: SLF001

    def help(self, action: argparse.Action) -> str:
        """Return the help text of *action* with its default filled in."""
        return (action.help or "") % {**vars(action), "prog": self.parser.prog}


def program() -> Command:
    """Return the program itself, with the options that may precede a command."""
    top = parser()
    return Command("", top.description or "", top)


def commands() -> list[Command]:
    """Return the commands, in the order of the help."""
    choices = next(action.choices for action in parser()._actions if action.dest == "command")  # noqa: SLF001
    return [Command(name, COMMANDS[name], command) for name, command in dict(choices or {}).items()]


def value(action: argparse.Action) -> str:
    """Return what an option takes, as one word: its metavar or its choices; empty for a switch."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()
