"""
The command line: every command with its options, and nothing done yet.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

from offlineimap_m365.base import errors
from offlineimap_m365.base.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    _Commands = argparse._SubParsersAction["_Parser"]  # noqa: SLF001 - typeshed knows it, the docs do not

_CLOUDS = ("global", "usgov", "usgov-dod", "china")
#: Seconds for which login waits for a person.
LOGIN_TIMEOUT = 900


class _Parser(argparse.ArgumentParser):
    """A parser whose errors look like all others; argparse's own exit code is 2 as well."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and leave with 2."""
        sys.stderr.write(f"{errors.COMMAND}: {errors.printable(message)}\n  Run: {self.prog} --help\n")
        raise SystemExit(errors.WrongUsage.exit_code)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(
        prog=errors.COMMAND,
        description="Tokens for Microsoft 365 and outlook.com: sign in once, then for OfflineIMAP, msmtp and others.",
        epilog="First: offlineimap-m365 login you@example.org; then: offlineimap-m365 config",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    top.add_argument("-v", "--verbose", action="store_true", help="show where an error came from")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in _ALL:
        found = add(commands)
        found.add_argument(
            "-v",
            "--verbose",
            action="store_true",
            default=argparse.SUPPRESS,
            help=_MORE.get(add, "") + "show where an error came from",
        )
    return top


def names() -> list[str]:
    """Return the names of all commands, in the order of the help."""
    return [add.__name__.strip("_") for add in _ALL]


def room(command: str) -> str:
    """Return the name of the room in ``commands`` that runs *command*."""
    return f"{command}_command"


def _command(commands: _Commands, name: str, summary: str, usage: str | None = None) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False, usage=usage
    )


def _login(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(commands, "login", "sign in; what is chosen here is remembered for the next time")
    made.add_argument("account", nargs="?", metavar="ACCOUNT", help="the mail address")
    flow = made.add_mutually_exclusive_group()
    for name, summary in (
        ("browser", "a browser comes back to this machine by itself"),
        ("paste", "the address of the last page is pasted here; works everywhere"),
        ("device", "a code is typed into a page; many organisations forbid it"),
    ):
        flow.add_argument(f"--{name}", dest="flow", action="store_const", const=name, help=summary)
    made.add_argument("--port", type=_port, metavar="N", help="the port to which the browser comes back")
    made.add_argument(
        "--timeout",
        type=_seconds,
        default=LOGIN_TIMEOUT,
        metavar="S",
        help="how long to wait (default: %(default)s s)",
    )
    _app_only(made)
    _choices(made)
    return made


def _app_only(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--app-only",
        action="store_const",
        const=True,
        help="for administrators: an application's own access to mailboxes; with --tenant, --client-id and one of"
        " --client-secret-file, --client-secret-command, --certificate",
    )


def _choices(made: argparse.ArgumentParser) -> None:
    """Add who asks, where, for what, and where it is kept: what ``import`` and ``consent`` take as ``login`` does."""
    made.add_argument("--client-id", metavar="ID", help="the application's id (default: Mozilla Thunderbird's)")
    made.add_argument("--client-secret-file", metavar="F", help="the client id's secret: the first line, read anew")
    made.add_argument("--client-secret-command", metavar="CMD", help="what prints the client id's secret, for /bin/sh")
    made.add_argument(
        "--certificate", metavar="FILE", help="the client id's certificate with its key, in PEM or as PFX"
    )
    made.add_argument("--certificate-passphrase-command", metavar="CMD", help="what prints the passphrase of the key")
    made.add_argument("--redirect-uri", metavar="URI", help="the last page's address as registered for the client id")
    made.add_argument("--tenant", metavar="T", help="the organisation's id or domain")
    made.add_argument("--cloud", choices=_CLOUDS, help="the national cloud (default: global)")
    made.add_argument("--authority", metavar="URL", help="https://HOST[:PORT]/TENANT, taken as given")
    made.add_argument(
        "--scope",
        action="append",
        metavar="S",
        help="imap, smtp, pop or a full one; repeatable (default: the first two)",
    )
    made.add_argument("--store", metavar="STORE", help="where its secrets rest: file (default), keyring, gpg:KEY, auto")
    _runtime_cache(made)
    made.add_argument("--imap", metavar="HOST:PORT", help="the IMAP server, needed with --authority only")
    made.add_argument("--smtp", metavar="HOST:PORT", help="the SMTP server, needed with --authority only")
    made.add_argument("--identity", metavar="UPN", help="who signs in, if that is not the mail address")
    made.add_argument("--defaults", action="store_true", help="forget what was chosen at the last login")


def _runtime_cache(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--runtime-cache",
        action=argparse.BooleanOptionalAction,
        help="let an access token rest in memory, in the session's closed folder, where the store is slow (default)",
    )


def _store(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(commands, "store", "move the secrets of an account to another store")
    made.add_argument("account", metavar="ACCOUNT")
    made.add_argument("--to", required=True, metavar="STORE", help="file, keyring, gpg:KEY or auto")
    _runtime_cache(made)
    return made


def _token(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(commands, "token", "print an access token")
    made.add_argument("account", nargs="?", metavar="ACCOUNT")
    made.add_argument("--min-validity", type=_seconds, metavar="S", help="fail unless the token lives for S seconds")
    made.add_argument("--format", choices=("token", "xoauth2"), default="token", help="as it is, or for AUTHENTICATE")
    made.add_argument("--mailbox", metavar="ADDRESS", help="whose mail is opened, for xoauth2 (default: the account's)")
    # For the plugin in a foreign interpreter: a wish instead of a demand, and the other values of an offlineimaprc.
    made.add_argument("--prefer-validity", type=_seconds, help=argparse.SUPPRESS)
    made.add_argument("--what", choices=("refresh-token", "client-id", "client-secret"), help=argparse.SUPPRESS)
    return made


def _refresh(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(commands, "refresh", "make sure that each account has a fresh token; for cron and timers")
    made.add_argument("accounts", nargs="*", metavar="ACCOUNT", help="default: all")
    return made


def _status(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(commands, "status", "show what is signed in, without asking anybody")
    made.add_argument("accounts", nargs="*", metavar="ACCOUNT", help="default: all")
    made.add_argument("--json", action="store_true", help="for programs")
    return made


def _explain(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(
        commands,
        "explain",
        "say what a code or an error page means, and what to do",
        # argparse of Python 3.12 and older cannot break a line at brackets in a metavar (python/cpython#55083)
        f"{errors.COMMAND} explain [-h] [-v] [ACCOUNT] [CODE|TEXT|-]",
    )
    made.add_argument(
        "words", nargs="*", metavar="WORD", help="ACCOUNT, then a code or the text of a page; - reads standard input"
    )
    return made


def _config(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(
        commands,
        "config",
        "print what belongs into a mail program's configuration; changes nothing",
        f"{errors.COMMAND} config [-h] [-v] [ACCOUNT] [PROGRAM] [--mailbox ADDRESS|@FILE]... | --list | --pythonfile",
    )
    made.add_argument(
        "words", nargs="*", metavar="WORD", help="ACCOUNT, then PROGRAM (default: offlineimap); --list shows them"
    )
    made.add_argument(
        "--mailbox", action="append", metavar="ADDRESS", help="a shared mailbox; repeatable, @FILE for many"
    )
    made.add_argument("--list", action="store_true", help="list the programs")
    made.add_argument("--pythonfile", action="store_true", help="print the path for OfflineIMAP's pythonfile")
    return made


def _consent(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(commands, "consent", "print a letter that asks an administrator to approve the client id")
    made.add_argument("account", nargs="?", metavar="ACCOUNT")
    _app_only(made)
    _choices(made)
    return made


def _import(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(commands, "import", "take over the refresh token of another tool; one refresh proves it")
    made.add_argument("account", metavar="ACCOUNT", help="the mail address")
    made.add_argument(
        "file",
        metavar="FILE",
        help="M365-IMAP's token file, mutt_oauth2.py's, an MSAL cache, or a bare refresh token; - reads standard input",
    )
    _choices(made)
    return made


def _notify(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(commands, "notify", "run a command once when an account needs a person; without options show it")
    what = made.add_mutually_exclusive_group()
    what.add_argument(
        "--command",
        dest="notification",
        metavar="CMD",
        help="for /bin/sh, with M365_ACCOUNT, M365_REASON and M365_DAYS in its environment",
    )
    what.add_argument("--off", action="store_true", help="run nothing any more")
    what.add_argument("--test", action="store_true", help="run it now, as if a sign-in had ended")
    return made


def _doctor(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(commands, "doctor", "find out what is wrong, and the one command that helps")
    made.add_argument("accounts", nargs="*", metavar="ACCOUNT", help="default: all")
    made.add_argument("--mailbox", metavar="ADDRESS", help="whose mail is opened, if not the account's own")
    made.add_argument("--config", metavar="FILE", help="look at this offlineimaprc as well; it is read, not executed")
    made.add_argument("--run-config", action="store_true", help="let the Python in that file run, as OfflineIMAP does")
    made.add_argument("--offline", action="store_true", help="only what needs no network")
    how = made.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="for programs")
    how.add_argument(
        "--report",
        action="store_true",
        help="for a public bug report: names of checks, outcomes, codes, versions, platform",
    )
    return made


def _folders(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(commands, "folders", "show a mailbox's folders, and which of them are synced and why")
    made.add_argument("account", nargs="?", metavar="ACCOUNT")
    made.add_argument("--mailbox", metavar="ADDRESS", help="whose folders, if not the account's own")
    made.add_argument("--learn", action="store_true", help="keep what is found out, for make_folderfilter(account=...)")
    made.add_argument("--json", action="store_true", help="for programs")
    return made


def _logout(commands: _Commands) -> argparse.ArgumentParser:
    made = _command(commands, "logout", "forget a sign-in")
    made.add_argument("account", metavar="ACCOUNT")
    made.add_argument("--all", action="store_true", help="what was chosen at login, too")
    return made


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > len("31536000"):
        raise argparse.ArgumentTypeError(f"not a number of seconds: {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 65536:  # noqa: PLR2004 - 16 bits
        raise argparse.ArgumentTypeError(f"not a port: {text!r}")
    return int(text)


#: What a command tells more of with ``-v``.
_MORE: dict[object, str] = {
    _status: "show what happened lately to each account; ",
    _doctor: "show all of what is well, too; ",
}
#: In the order in which somebody meets them.
_ALL: tuple[Callable[[_Commands], argparse.ArgumentParser], ...] = (
    _login,
    _token,
    _refresh,
    _status,
    _doctor,
    _explain,
    _config,
    _folders,
    _store,
    _consent,
    _import,
    _notify,
    _logout,
)
