"""
The parser of the command line: every command with its options.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

from offlineimap_m365.base import errors
from offlineimap_m365.base.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds for which login waits for a person.
LOGIN_TIMEOUT = 900
#: Options of release 0.1.0 that no longer exist; they are ignored (contract §6).
REMOVED = frozenset({"--runtime-cache", "--no-runtime-cache"})
_CLOUDS = ("global", "usgov", "usgov-dod", "china")
_LARGEST_PORT = 65535


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
    for name, (summary, add_arguments) in COMMANDS.items():
        description = summary[0].upper() + summary[1:] + "."
        command = subparsers.add_parser(name, help=summary, description=description, allow_abbrev=False)
        add_arguments(command)
        command.add_argument(
            "-v",
            "--verbose",
            action="store_true",
            default=argparse.SUPPRESS,
            help=_ALSO_WITH_V.get(name, "") + "show where an error came from",
        )
    return top


def _login(command: argparse.ArgumentParser) -> None:
    command.add_argument("account", nargs="?", metavar="ACCOUNT", help="the mail address")
    flow = command.add_mutually_exclusive_group()
    for name, summary in (
        ("browser", "open a browser, which comes back to this machine by itself"),
        ("paste", "paste the address of the last page here; works everywhere"),
        ("device", "type a code into a page; many organisations forbid it"),
    ):
        flow.add_argument(f"--{name}", dest="flow", action="store_const", const=name, help=summary)
    command.add_argument("--port", type=_port, metavar="N", help="the port to which the browser comes back")
    command.add_argument(
        "--timeout",
        type=_seconds,
        default=LOGIN_TIMEOUT,
        metavar="S",
        help="how many seconds to wait (default: %(default)s)",
    )
    _app_only(command)
    _sign_in_options(command)


def _setup(command: argparse.ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help="ask nothing but the sign-in; take every default")
    command.add_argument("--undo", action="store_true", help="remove the files that setup wrote and nobody changed")
    _login(command)


def _app_only(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--app-only",
        action="store_const",
        const=True,
        help="for administrators: an application's own access to mailboxes; with --tenant, --client-id and one of"
        " --client-secret-file, --client-secret-command, --certificate",
    )


def _sign_in_options(command: argparse.ArgumentParser) -> None:
    """Add the options of ``login`` that ``import`` and ``consent`` take as well."""
    for option, metavar, summary in (
        ("--client-id", "ID", "the application's id (default: Mozilla Thunderbird's)"),
        ("--client-secret-file", "F", "a file whose first line is the client secret; read at each use"),
        ("--client-secret-command", "CMD", "a command for /bin/sh that prints the client secret"),
        ("--certificate", "FILE", "the application's certificate with its private key, PEM or PFX"),
        ("--certificate-passphrase-command", "CMD", "a command that prints the passphrase of the private key"),
        ("--redirect-uri", "URI", "the redirect URI registered for the client id"),
        ("--tenant", "T", "the organisation's id or domain"),
        ("--authority", "URL", "https://HOST[:PORT]/TENANT, used as given"),
        ("--store", "STORE", "where to keep the tokens: file (default), keyring, gpg:KEY or auto"),
        ("--imap", "HOST:PORT", "the IMAP server; needed only with --authority"),
        ("--smtp", "HOST:PORT", "the SMTP server; needed only with --authority"),
        ("--identity", "UPN", "the user name that signs in, if it is not the mail address"),
    ):
        command.add_argument(option, metavar=metavar, help=summary)
    command.add_argument("--cloud", choices=_CLOUDS, help="the national cloud (default: global)")
    command.add_argument(
        "--scope",
        action="append",
        metavar="S",
        help="a permission: imap, smtp, pop or a full name; repeatable (default: imap and smtp)",
    )
    command.add_argument("--defaults", action="store_true", help="forget the options of earlier logins")


def _token(command: argparse.ArgumentParser) -> None:
    command.add_argument("account", nargs="?", metavar="ACCOUNT")
    command.add_argument(
        "--min-validity", type=_seconds, metavar="S", help="fail unless the token is valid for S more seconds"
    )
    command.add_argument(
        "--format", choices=("token", "xoauth2"), default="token", help="the token alone, or base64 for XOAUTH2"
    )
    command.add_argument(
        "--mailbox", metavar="ADDRESS", help="the IMAP user, for xoauth2 (default: the account's address)"
    )
    # For the plugin in a foreign interpreter: a preferred validity, and the other values of an offlineimaprc.
    command.add_argument("--prefer-validity", type=_seconds, help=argparse.SUPPRESS)
    command.add_argument("--what", choices=("refresh-token", "client-id", "client-secret"), help=argparse.SUPPRESS)


def _accounts(command: argparse.ArgumentParser) -> None:
    command.add_argument("accounts", nargs="*", metavar="ACCOUNT", help="default: all")


def _refresh(command: argparse.ArgumentParser) -> None:
    _accounts(command)
    command.add_argument(
        "-q", "--quiet", action="store_true", help="for cron: print nothing if trying again later helps (75)"
    )


def _status(command: argparse.ArgumentParser) -> None:
    _accounts(command)
    command.add_argument("--json", action="store_true", help="print JSON")


def _doctor(command: argparse.ArgumentParser) -> None:
    _accounts(command)
    command.add_argument("--mailbox", metavar="ADDRESS", help="the mailbox to open, if it is not the account's own")
    command.add_argument("--config", metavar="FILE", help="check this offlineimaprc instead of OfflineIMAP's usual one")
    command.add_argument(
        "--run-config", action="store_true", help="execute the Python in that file, as OfflineIMAP does"
    )
    command.add_argument("--offline", action="store_true", help="run only the checks that need no network")
    output = command.add_mutually_exclusive_group()
    output.add_argument("--diff", action="store_true", help="print only the diff that mends that file, for patch")
    output.add_argument("--json", action="store_true", help="print JSON")
    output.add_argument(
        "--report",
        action="store_true",
        help="print JSON for a public bug report: names of checks, outcomes, codes, versions, platform",
    )


def _explain(command: argparse.ArgumentParser) -> None:
    # argparse up to Python 3.12 cannot break a line at brackets in a metavar (python/cpython#55083)
    command.usage = f"{errors.COMMAND} explain [-h] [-v] [ACCOUNT] [CODE|TEXT|-]"
    command.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="an account, then a code or the text of a page; - reads standard input",
    )


def _config(command: argparse.ArgumentParser) -> None:
    command.usage = (
        f"{errors.COMMAND} config [-h] [-v] [ACCOUNT] [PROGRAM] [--mailbox ADDRESS|@FILE]... | --list | --pythonfile"
    )
    command.add_argument(
        "words", nargs="*", metavar="WORD", help="an account and a program (default: offlineimap), in either order"
    )
    command.add_argument(
        "--mailbox",
        action="append",
        metavar="ADDRESS",
        help="a mailbox to open with the account's token; repeatable; @FILE reads a list",
    )
    command.add_argument("--list", action="store_true", help="list the programs")
    command.add_argument("--pythonfile", action="store_true", help="print the path for OfflineIMAP's pythonfile")


def _folders(command: argparse.ArgumentParser) -> None:
    command.add_argument("account", nargs="?", metavar="ACCOUNT")
    command.add_argument("--mailbox", metavar="ADDRESS", help="the mailbox to look at, if it is not the account's own")
    command.add_argument("--learn", action="store_true", help="save the result for make_folderfilter(account=...)")
    command.add_argument("--json", action="store_true", help="print JSON")


def _store(command: argparse.ArgumentParser) -> None:
    command.add_argument("account", metavar="ACCOUNT")
    command.add_argument("--to", required=True, metavar="STORE", help="file, keyring, gpg:KEY or auto")


def _consent(command: argparse.ArgumentParser) -> None:
    command.add_argument("account", nargs="?", metavar="ACCOUNT")
    _app_only(command)
    _sign_in_options(command)


def _import(command: argparse.ArgumentParser) -> None:
    command.add_argument("account", metavar="ACCOUNT", help="the mail address")
    command.add_argument(
        "file",
        metavar="FILE",
        help="the token file of M365-IMAP or mutt_oauth2.py, an MSAL cache, or a bare refresh token;"
        " - reads standard input",
    )
    _sign_in_options(command)


def _notify(command: argparse.ArgumentParser) -> None:
    action = command.add_mutually_exclusive_group()
    action.add_argument(
        "--command",
        dest="notification",
        metavar="CMD",
        help="a command for /bin/sh; M365_ACCOUNT, M365_REASON and M365_DAYS are set for it",
    )
    action.add_argument("--off", action="store_true", help="remove the command")
    action.add_argument("--test", action="store_true", help="run the command now, as if a sign-in had ended")


def _logout(command: argparse.ArgumentParser) -> None:
    command.add_argument("account", metavar="ACCOUNT")
    command.add_argument("--all", action="store_true", help="forget the options of earlier logins as well")


def _completion(command: argparse.ArgumentParser) -> None:
    command.add_argument("shell", choices=("bash", "zsh", "fish"))


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > len("31536000"):
        raise argparse.ArgumentTypeError(f"not a number of seconds: {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:6]) <= _LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"not a port: {text!r}")
    return int(text)


#: What a command also does with ``-v``.
_ALSO_WITH_V = {
    "status": "list the last 20 events of each account; ",
    "doctor": "list the checks that passed, too; ",
}
#: Each command with its summary and the function that adds its arguments, in the order of the help.
COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "setup": ("sign in and set up the mail programs, step by step", _setup),
    "login": ("sign in; options are remembered for the next login", _login),
    "token": ("print an access token", _token),
    "refresh": ("make sure that each account has a fresh token; for cron and timers", _refresh),
    "status": ("show who is signed in; makes no request", _status),
    "doctor": ("find out what is wrong, and which command helps", _doctor),
    "explain": ("explain a code or an error page, and what to do about it", _explain),
    "config": ("print the configuration of a mail program; changes nothing", _config),
    "folders": ("list a mailbox's folders, which of them are synced, and why", _folders),
    "store": ("move the tokens of an account to another store", _store),
    "consent": ("print a letter that asks an administrator for approval", _consent),
    "import": ("take over the refresh token of another tool", _import),
    "notify": ("set a command that runs once when an account needs you", _notify),
    "logout": ("forget a sign-in", _logout),
    "completion": ("print the completion script of a shell", _completion),
}
