"""
The steps of ``setup``. Each looks first whether it is done already, so that a run that was interrupted continues.
"""

from __future__ import annotations

import dataclasses
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
from offlineimap_m365.setup import mail_files, timer, written_files
from offlineimap_m365.setup.mail_files import quoted_home
from offlineimap_m365.signin import login_options, login_session
from offlineimap_m365.tokens import engine, notify

if TYPE_CHECKING:
    import argparse

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.setup.mail_files import MailFile

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
    """Sign in, look at the mailbox, write files, offer a timer and the first sync. Raises M365Error."""
    _require_terminal(options)
    asker = _Asker(options.yes)
    try:
        account = _learn(_sign_in(options))
        offlineimap = _set_up_programs(account, asker)
        _set_up_timer(account, asker)
        if offlineimap:
            _sync(account, offlineimap, asker)
        _summarize(account, offlineimap)
    except KeyboardInterrupt:
        say("Stopped. To continue, run setup again.")
        raise
    return 0


def undo(options: argparse.Namespace) -> int:
    """List the files that setup wrote and nobody changed since, and remove them. Raises M365Error."""
    _require_terminal(options)
    # Not the account: logout --all may have removed it.
    name = profiles.clean_name(options.account) if options.account else profiles.get(None).name
    files = written_files.unchanged(name)
    for path in sorted(set(written_files.written(name)) - set(files)):
        say(f"Changed since or gone, and left alone: {path}")
    if not files:
        say(f"There is nothing to undo for {name}.")
        return 0
    say("setup wrote these files, and nobody changed them since:")
    for path in files:
        say_unwrapped(f"  {path}")
    if not _Asker(options.yes).yes("Remove them?", "n" if not options.yes else "y"):
        return 0
    if any(path.endswith(timer.TIMER) for path in files):
        timer.disable()
    for path in files:
        written_files.remove(name, path)
    if timer.is_notification(notify.command()):
        notify.forget()
    say("Removed. Your mail is still there. To forget the sign-in:", f"{COMMAND} logout {quoted(name)}")
    return 0


def _require_terminal(options: argparse.Namespace) -> None:
    if not options.yes and not prompt.is_there():
        words = [COMMAND, "setup", *([quoted(options.account)] if options.account else []), "--yes"]
        raise errors.WrongUsage(
            "setup asks questions, and there is no terminal", remedy=Remedy("Take every default", " ".join(words))
        )


def _ours(command: str, account: Account, *options: str) -> str:
    return " ".join([COMMAND, command, quoted(account.name), *options])


def _sign_in(options: argparse.Namespace) -> Account:
    """Return the account, after a login if its sign-in does not work or other options are given."""
    typed = login_options.typed(options)
    if typed.get("app_only"):
        raise errors.WrongUsage(
            "setup is for the mailbox of a person", remedy=Remedy("For an application use login and config")
        )
    options.account = prompt.ask_account(options.account)
    account = profiles.load(options.account)
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
    try:
        token = engine.access_token(account.name, engine.Wanted(impatient=True)).value
        view = look.look(account, account.name, token, folder_filter.load_table())
        finding = classify.keep(account, account.name, view.finding)
    except errors.M365Error:
        say("Setup stops here. After the repair below, continue with:", _ours("setup", account))
        raise
    skipped = ", ".join(map(utf7.decode, finding["not_mail"])) or "none"
    say(f"{len(view.folders)} folders. These hold no mail and will not be synced: {skipped}.")
    return profiles.get(account.name)


def _set_up_programs(account: Account, asker: _Asker) -> MailFile | None:
    """Write the files of the installed programs; return OfflineIMAP's if the account is in it now."""
    offlineimap = _plan_offlineimap(account, asker) if mail_files.command("offlineimap") else None
    files = [offlineimap] if offlineimap else []
    if mail_files.command("msmtp"):
        files.append(mail_files.msmtp(account))
    new = [file for file in files if file.existing is None]
    for file in files:
        if file.has_account:
            say(f"{account.name} is already in {quoted_home(file.path)}.")
        elif file.existing is not None:
            _print_addition(account, file)
    is_written = _write(account, new, asker) if new else False
    return offlineimap if offlineimap and (offlineimap.has_account or (offlineimap in new and is_written)) else None


def _plan_offlineimap(account: Account, asker: _Asker) -> MailFile | None:
    """Ask where the mail goes; return OfflineIMAP's file, None to leave it out."""
    file = mail_files.offlineimap(account)
    if file.has_account:
        return file
    maildir = asker.text("Directory for the mail, or - to leave out OfflineIMAP", file.maildir)
    if maildir == "-" or not _may_use(Path(maildir).expanduser(), maildir, asker):
        say("OfflineIMAP was left out.")
        return None
    return mail_files.offlineimap(account, maildir)


def _may_use(directory: Path, shown: str, asker: _Asker) -> bool:
    """Ask before mail is synced into a directory that has something in it."""
    try:
        is_empty = not any(directory.iterdir())
    except FileNotFoundError:
        return True
    except OSError as error:
        say(f"{shown} cannot be used ({error.strerror}).")
        return False
    return is_empty or asker.yes(f"{shown} has files already. Sync this mailbox into it?", "n")


def _print_addition(account: Account, file: MailFile) -> None:
    """Print what adds the account to a file that exists: a diff for OfflineIMAP, else the whole snippet."""
    path = quoted_home(file.path)
    if not file.section:
        say(f"{path} exists, so it was not changed. Add this to it:")
        fresh_token.hand_out(file.text.rstrip("\n"))
        return
    diff = mail_files.addition(account, file)
    if diff is None:
        say(f"{path} cannot be read as a configuration. See what is wrong:", f"{COMMAND} doctor --config {path}")
        return
    say(f"{path} exists, so it was not changed. This diff adds {account.name}; apply it with: patch {path}")
    fresh_token.hand_out(diff)
    pythonfile = mail_files.other_pythonfile(file.existing or "")
    if pythonfile:
        say(f"Its pythonfile is {pythonfile}. Add this line there:")
        say_unwrapped(f"exec(open({str(stub.stub_path())!r}).read())")


def _write(account: Account, files: list[MailFile], asker: _Asker) -> bool:
    """Show new files and write them if the person agrees; return whether they are there now."""
    for file in files:
        say(f"{quoted_home(file.path)} (comments are not shown):")
        for line in file.text.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                say_unwrapped(f"  {line}")
    if not asker.yes(f"Write {' and '.join(quoted_home(file.path) for file in files)}?"):
        say("Nothing was written.")
        return False
    for file in files:
        is_new = written_files.write_new(account.name, file.path, file.text, file.directory)
        say(f"Wrote {quoted_home(file.path)}." if is_new else f"{quoted_home(file.path)} exists and was not changed.")
    return True


def _set_up_timer(account: Account, asker: _Asker) -> None:
    """Offer a daily refresh, with a desktop notification where one can be shown."""
    if timer.is_enabled():
        say("The daily timer is on.")
        return
    notification = timer.notification()
    if not timer.has_systemd():
        say("To keep the sign-in alive, add this line to the table that crontab -e opens:")
        fresh_token.hand_out(timer.crontab_line())
        return
    also = " A desktop notification tells you when you must sign in again." if notification else ""
    say(f"A daily timer keeps the sign-in alive.{also}")
    if not asker.yes("Switch it on?"):
        return
    for path, text in timer.units():
        if written_files.write_new(account.name, path, text):
            say(f"Wrote {quoted_home(path)}.")
    if notification:
        notify.choose(notification)
    say("The daily timer is on." if timer.enable() else f"systemctl --user enable --now {timer.TIMER} failed.")


def _sync(account: Account, file: MailFile, asker: _Asker) -> None:
    """Offer a sync and say how it ended."""
    again = " ".join(map(quoted, mail_files.sync_words(file)))
    say("The first sync of a large mailbox takes hours. Ctrl-C ends it, and it can be continued.")
    if not asker.yes("Fetch the mail now?"):
        return
    with prompt.ended_by_signals():
        end = mail_files.sync(file)
    if end is mail_files.End.DONE:
        say("The mail is here.")
    elif end is mail_files.End.CUT:
        say("Exchange ended the session: the token expired. That is normal for a large mailbox. Continue:", again)
    else:
        say("OfflineIMAP failed. Find out why:", f"{COMMAND} doctor {quoted(account.name)} --config {file.path}")


def _summarize(account: Account, offlineimap: MailFile | None) -> None:
    """Say what was written, what to type from now on, and how to undo it."""
    say()
    files = written_files.unchanged(account.name)
    say(f"Done. Files written: {', '.join(quoted_home(Path(path)) for path in files) or 'none'}.")
    if offlineimap:
        say("Fetch mail:", " ".join(map(quoted, mail_files.sync_words(offlineimap))))
    if mail_files.command("msmtp"):
        say("Send a mail:", f"msmtp -f {quoted(account.name)} RECIPIENT <FILE")
    for reader in filter(mail_files.command, _READERS):
        say(f"Set up {reader}:", _ours("config", account, reader))
    say("See the state:", f"{COMMAND} status")
    say("If something does not work:", _ours("doctor", account))
    if files:
        say("Remove these files again:", _ours("setup", account, "--undo"))
