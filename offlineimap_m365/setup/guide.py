"""
The steps of ``setup``. Each looks first whether it is done already, so that a run that was interrupted continues.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, fresh_token
from offlineimap_m365.base.errors import COMMAND, Remedy, quoted
from offlineimap_m365.console import prompt
from offlineimap_m365.console.prompt import say, say_unwrapped
from offlineimap_m365.folders import folder_filter, utf7
from offlineimap_m365.learn import classify, look
from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes import timers
from offlineimap_m365.setup import mail_files, timer, written_files
from offlineimap_m365.setup.mail_files import End
from offlineimap_m365.setup.timer import TIMER, systemctl
from offlineimap_m365.signin import browser, login_options, login_session
from offlineimap_m365.tokens import engine, notify

if TYPE_CHECKING:
    import argparse

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.setup.mail_files import MailFile

#: The programs that setup sets up, and their names for a person.
_PROGRAMS = {"offlineimap": "OfflineIMAP (Debian's package: offlineimap3)", "msmtp": "msmtp"}
#: Mail readers for which ``config`` prints what to add.
_READERS = ("mutt", "neomutt")


@dataclasses.dataclass(frozen=True)
class _Asker:
    """Asks questions; with *takes_defaults* the answer to each is its default."""

    takes_defaults: bool

    def text(self, question: str, default: str) -> str:
        return default if self.takes_defaults else prompt.ask(question, default)

    def yes(self, question: str, default: str = "y") -> bool:
        choices = {"y": "yes", "n": "no"}
        return (default if self.takes_defaults else prompt.choose(question, choices, default)) == "y"


def run(options: argparse.Namespace) -> int:
    """Sign in, look at the mailbox, write files, offer a timer and the first sync, or undo that. Raises M365Error."""
    if not options.yes and not prompt.is_there():
        raise errors.WrongUsage(
            "setup asks questions, and there is no terminal",
            remedy=Remedy("Take every default", f"{_again(options)} --yes"),
        )
    asker = _Asker(options.yes)
    if options.undo:
        return _undo(options.account, asker)
    try:
        account = _learn(_sign_in(options))
        offlineimap = _set_up_programs(account, asker)
        _set_up_timer(account, asker)
        is_synced = offlineimap is None or _sync(account, offlineimap, asker)
    except KeyboardInterrupt:
        say()
        say("Stopped. To continue, run setup again.")
        raise
    except (errors.Temporary, errors.SignInNeeded, errors.Misconfigured):
        say("Setup stops here. After the repair below, continue with:", _again(options))
        raise
    _summarize(account, offlineimap, is_synced=is_synced)
    return 0 if is_synced else errors.Temporary.exit_code


def _again(options: argparse.Namespace) -> str:
    return " ".join([COMMAND, "setup", *([quoted(options.account)] if options.account else [])])


def _ours(command: str, account: Account, *options: str) -> str:
    return " ".join([COMMAND, command, quoted(account.name), *options])


def _short(path: Path | str) -> str:
    """Return *path* as a person writes it, quoted for a shell: with ``~`` for the home."""
    home, text = f"{Path.home()}/", str(path)
    return f"~/{quoted(text.removeprefix(home))}" if text.startswith(home) else quoted(text)


def _sign_in(options: argparse.Namespace) -> Account:
    """Return the account, after a login if its sign-in does not work or other options are given."""
    typed = login_options.typed(options)
    options.account = prompt.ask_account(options.account)
    account = profiles.load(options.account)
    if typed.get("app_only") or (account and account.is_app_only and not options.defaults):
        raise errors.WrongUsage(
            "setup is for the mailbox of a person", remedy=Remedy("For an application use login and config")
        )
    if account and account.is_signed_in and not options.defaults and typed.items() <= account.chosen.items():
        try:
            engine.access_token(account.name, engine.Wanted(impatient=True))
        except (errors.SignInNeeded, errors.Misconfigured) as error:
            say(f"{error.fact}, so you sign in again.")
        else:
            say(f"{account.name} is signed in already.")
            return account
    return login_session.sign_in(options)


def _learn(account: Account) -> Account:
    """Look at the mailbox and save what its folders hold; return the account with it. Raises M365Error."""
    if not any("imap" in scope.lower() for scope in account.scopes):
        say("Without the permission for IMAP no mail can be fetched.")
        return account
    token = engine.access_token(account.name, engine.Wanted(impatient=True)).value
    view = look.look(account, account.name, token, folder_filter.load_table())
    finding = classify.keep(account, account.name, view.finding)
    skipped = ", ".join(map(utf7.decode, finding["not_mail"])) or "none"
    say(f"{len(view.folders)} folders. These hold no mail and will not be synced: {skipped}.")
    return profiles.get(account.name)


def _set_up_programs(account: Account, asker: _Asker) -> MailFile | None:
    """Write the files of the installed programs; return OfflineIMAP's if the account is in it now."""
    offlineimap = _plan_offlineimap(account, asker) if mail_files.command("offlineimap") else None
    files = [offlineimap] if offlineimap else []
    if mail_files.command("msmtp"):
        files.append(mail_files.msmtp(account))
    new = [file for file in files if not file.exists]
    for file in files:
        if file.has_account:
            say(f"{account.name} is already in {_short(file.path)}.")
        elif file.exists:
            _print_addition(account, file)
    is_written = _write(account, new, asker) if new else False
    return offlineimap if offlineimap and (offlineimap.has_account or (offlineimap in new and is_written)) else None


def _plan_offlineimap(account: Account, asker: _Asker) -> MailFile | None:
    """Ask where the mail goes; return OfflineIMAP's file, None to leave it out."""
    file = mail_files.offlineimap(account)
    if file.has_account:
        return file
    say()
    maildir = asker.text("Directory for the mail, or - to leave out OfflineIMAP", file.maildir)
    if maildir == "-" or (not _is_empty(maildir) and not asker.yes(f"{maildir} has files already. Sync into it?", "n")):
        say("OfflineIMAP was left out.")
        return None
    return mail_files.offlineimap(account, maildir)


def _is_empty(directory: str) -> bool:
    """Return whether there is nothing in *directory*. Raises WrongUsage for one that cannot be read."""
    try:
        return not any(Path(directory).expanduser().iterdir())
    except FileNotFoundError:
        return True
    except OSError as error:
        remedy = Remedy("Run setup again with another directory")
        raise errors.WrongUsage(f"{directory} cannot be used ({error.strerror})", remedy=remedy) from error


def _print_addition(account: Account, file: MailFile) -> None:
    """Print what adds the account to a file that exists: a diff for OfflineIMAP, else the whole snippet."""
    path = _short(file.path)
    if file.text is None:
        say(f"{path} cannot be read as a configuration. See what is wrong:", f"{COMMAND} doctor --config {path}")
        return
    what = f"This diff adds {account.name}; apply it with: patch {path}" if file.section else "Add this to it:"
    say(f"{path} exists, so it was not changed. {what}")
    fresh_token.hand_out(file.text.rstrip("\n"))
    if file.pythonfile:
        say(f"Its pythonfile is {file.pythonfile}. Add this line there:")
        say_unwrapped(f"exec(open({str(stub.stub_path())!r}).read())")


def _write(account: Account, files: list[MailFile], asker: _Asker) -> bool:
    """Show new files and write them if the person agrees; return whether they are there now."""
    for file in files:
        say()
        say(f"{_short(file.path)} (comments are not shown):")
        for line in (file.text or "").splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                say_unwrapped(f"  {line}")
    say()
    if not asker.yes(f"Write {' and '.join(_short(file.path) for file in files)}?"):
        say("Nothing was written.")
        return False
    for file in files:
        _write_one(account, file.path, file.text or "")
    return True


def _write_one(account: Account, path: Path, text: str) -> None:
    is_new = written_files.write_new(account.name, path, text)
    say(f"Wrote {_short(path)}." if is_new else f"{_short(path)} exists and was not changed.")


def _set_up_timer(account: Account, asker: _Asker) -> None:
    """Offer a daily refresh, with a desktop notification where one can be shown."""
    say()
    if systemctl("is-enabled", "--quiet", TIMER):
        say("The daily timer is on.")
        return
    say("A sign-in ends after 90 days without use. A daily timer keeps it alive.")
    if not systemctl("show-environment"):
        say("To have one, run crontab -e and add this line:")
        fresh_token.hand_out(timers.render("cron", None).rstrip("\n").rpartition("\n")[2])
        return
    is_desktop = shutil.which("notify-send") and browser.is_graphical() and notify.command() is None
    if is_desktop:
        say("A desktop notification will tell you when you must sign in again.")
    if not asker.yes("Switch it on?"):
        return
    for path, text in timer.units().items():
        _write_one(account, path, text)
    if is_desktop:
        notify.choose(timers.desktop_notification())
    is_on = systemctl("daemon-reload") and systemctl("enable", "--now", TIMER)
    say("The daily timer is on." if is_on else f"systemctl --user enable --now {TIMER} failed.")


def _sync(account: Account, file: MailFile, asker: _Asker) -> bool:
    """Offer a sync and say how it ended; return False if it failed."""
    say()
    say("The first sync of a large mailbox can take hours. Ctrl-C ends it; the next sync continues.")
    if not asker.yes("Fetch the mail now?"):
        return True
    with prompt.ended_by_signals():
        end = mail_files.sync(file)
    say()
    again = " ".join(map(quoted, mail_files.sync_words(file)))
    if end is End.DONE:
        say("The mail is here.")
    elif end is End.RUNS_ALREADY:
        say("Another OfflineIMAP fetches this mail already. After it has ended, you can fetch more with:", again)
    elif end is End.CUT:
        say("The connection ended before all mail was here. That is normal for a large mailbox:")
        say("Exchange ends a session when its token expires. To continue:", again)
    else:
        say("OfflineIMAP failed. Find out why:", f"{_ours('doctor', account)} --config {_short(file.path)}")
    return end is End.DONE


def _summarize(account: Account, offlineimap: MailFile | None, *, is_synced: bool) -> None:
    """Say what was written, what to type from now on, and how to undo it."""
    files = written_files.unchanged(account.name)
    say()
    say("Done." if is_synced else "All is set up but the first sync.")
    say(f"Files that setup wrote: {', '.join(map(_short, files)) or 'none'}.")
    if offlineimap:
        say("Fetch mail:", " ".join(map(quoted, mail_files.sync_words(offlineimap))))
    if mail_files.command("msmtp"):
        say("Send a mail:", f"msmtp -f {quoted(account.name)} RECIPIENT <FILE")
    for reader in filter(mail_files.command, _READERS):
        say(f"Set up {reader}:", _ours("config", account, reader))
    missing = [name for program, name in _PROGRAMS.items() if not mail_files.command(program)]
    if missing:
        say(f"Not installed: {' and '.join(missing)}. Install what you want to use, then run:", _ours("setup", account))
    say("See who is signed in:", f"{COMMAND} status")
    say("If something does not work:", _ours("doctor", account))
    if files:
        say("Remove these files again:", _ours("setup", account, "--undo"))


def _undo(given: str | None, asker: _Asker) -> int:
    """List the files that setup wrote and nobody changed since, and remove them. Raises M365Error."""
    # Not the account: logout --all may have removed it.
    name = profiles.clean_name(given) if given else profiles.get(None).name
    files = written_files.unchanged(name)
    for path in sorted(set(written_files.written(name)) - set(files)):
        say(f"Changed since or gone, and left alone: {path}")
    if not files:
        say(f"There is nothing to undo for {name}.")
        return 0
    say("setup wrote these files, and nobody changed them since:")
    for path in files:
        say_unwrapped(f"  {path}")
    if not asker.yes("Remove them?", "y" if asker.takes_defaults else "n"):
        return 0
    if any(path.endswith(TIMER) for path in files):
        systemctl("disable", "--now", TIMER)
    for path in files:
        written_files.remove(name, path)
    if notify.command() == timers.desktop_notification():
        notify.forget()
    say("Removed. Your mail is still there. To forget the sign-in:", f"{COMMAND} logout {quoted(name)}")
    return 0
