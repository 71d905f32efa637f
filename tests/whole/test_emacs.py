"""Emacs sends, Gnus reads, and mu4e has mail fetched, with the very text that ``config`` prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offlineimap_m365 import recipes
from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes.targets import defaults
from tests.whole.mail_user import ALICE, ARRANGEMENTS, BOB, NAMES, find

if TYPE_CHECKING:
    from tests.whole.mail_user import Arrangement, MailUser
    from tests.world import Outcome, World

OWN = ARRANGEMENTS[0]
SHOW = (
    "(progn (require 'json) (princ (json-encode (vector user-mail-address smtpmail-smtp-user"
    ' (vconcat offlineimap-m365-command)))) (princ "\\n"))'
)
#: Where Debian's mu4e lies, which emacs -Q leaves out.
_MU4E = next(Path("/usr/share/emacs/site-lisp/elpa-src").glob("mu4e-*"), Path())
SEND = """
(message-mail "bob@example.org" "Lunch")
(message-goto-body)
(insert "Tomorrow?\\n")
(message-send)
"""
READ = """
(let* ((method (car gnus-secondary-select-methods)) (nntp-server-buffer (get-buffer-create "*server*")))
  (unless (nnimap-open-server (cadr method) (cddr method)) (error "%s" (nnheader-get-report 'nnimap)))
  (nnimap-request-article 1 "INBOX" (cadr method) (get-buffer-create "*article*"))
  (princ (with-current-buffer "*article*" (buffer-string))))
"""
CAREFULLY = "(condition-case told (progn {}) (error (princ (error-message-string told)) (kill-emacs 1)))"
COMPILE = '(unless (let ((byte-compile-error-on-warn t)) (byte-compile-file "{}")) (kill-emacs 1))'


def emacs(shared_user: MailUser, init: Path, code: str, *, environ: dict[str, str] | None = None) -> Outcome:
    """Let Emacs, which finds nothing but *init* and mu4e, do what *code* says; an error comes out in its words."""
    (shared_user.home / ".emacs.d").mkdir(exist_ok=True)  # where an Emacs with a person keeps what it saw of a server
    return shared_user.world.execute(
        [find("emacs"), "-Q", "--batch", "-L", str(_MU4E), "-l", str(init), "--eval", CAREFULLY.format(code)],
        environ=environ,
    )


def configured(shared_user: MailUser, name: str, arrangement: Arrangement = OWN) -> Path:
    """Write what ``config`` prints for the program *name* into an init file; return it."""
    return shared_user.prepare(name, f"{name}.el", arrangement)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
def test_emacs_sends(shared_user: MailUser, arrangement: Arrangement) -> None:
    """A mail is sent by who may, as the mailbox; an Emacs from a dock has HOME only, and looks for no program."""
    init = configured(shared_user, "emacs", arrangement)

    done = emacs(shared_user, init, SEND, environ={"HOME": shared_user.world.environ["HOME"]})

    assert done.code == 0, done.err
    assert shared_user.sent() == [(arrangement.sender, arrangement.mailbox, (BOB,))]
    assert b"Tomorrow?" in shared_user.exchange.outbox[0].data


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
def test_gnus_reads_and_sends(shared_user: MailUser, arrangement: Arrangement) -> None:
    """The mailbox opens and a mail is read; another is sent by who may, as the mailbox."""
    init = configured(shared_user, "gnus", arrangement)

    done = emacs(shared_user, init, READ + SEND)

    assert done.code == 0, done.err
    assert "Today?" in done.out
    assert shared_user.opened() == {arrangement.mailbox}
    assert shared_user.sent() == [(arrangement.sender, arrangement.mailbox, (BOB,))]


def test_each_mail_asks_for_a_token_and_says_why_there_is_none(shared_user: MailUser) -> None:
    """A mail is sent; once the sign-in is gone the next one is not, in our words with the command that helps."""
    init = configured(shared_user, "emacs")
    folder, away = shared_user.world.folder(ALICE), shared_user.world.root / "away"

    done = emacs(shared_user, init, f'{SEND} (rename-file "{folder}" "{away}") {SEND}')

    away.rename(folder)
    assert done.code != 0
    assert shared_user.sent() == [(ALICE, ALICE, (BOB,))]
    assert f"offlineimap-m365 login {ALICE}" in done.out


def test_what_is_printed_compiles_without_a_warning(shared_user: MailUser) -> None:
    """The byte compiler finds nothing wrong."""
    files = [configured(shared_user, name) for name in ("emacs", "gnus", "mu4e")]

    done = emacs(shared_user, files[0], " ".join(COMPILE.format(file) for file in files))

    assert done.code == 0, done.err
    assert "Warning" not in done.err


def test_mu4e_has_mail_fetched_and_sends(shared_user: MailUser) -> None:
    """Its command fetches through OfflineIMAP, mu finds the mail under the folders that it names, and it sends."""
    shared_user.prepare("offlineimap", ".offlineimaprc", OWN)
    init = configured(shared_user, "mu4e")
    mu = find("mu")

    done = emacs(
        shared_user,
        init,
        f'(unless (eq 0 (call-process-shell-command mu4e-get-mail-command nil "*fetch*")) (kill-emacs 3)) {SEND}'
        "(princ (list mu4e-sent-folder mu4e-trash-folder (directory-file-name mu4e-drafts-folder)))",
    )
    shared_user.world.execute([mu, "init", "--maildir", str(shared_user.home / "Mail")])
    shared_user.world.execute([mu, "index"])
    found = shared_user.world.execute([mu, "find", "--fields", "m s", "subject:Lunch"])

    assert done.code == 0, done.err
    assert "/alice/INBOX Lunch" in found.out
    for folder in ("Sent Items", "Deleted Items", "Drafts"):
        assert f"/alice/{folder}" in done.out
        assert (shared_user.home / "Mail/alice" / folder / "cur").is_dir()
    assert shared_user.sent() == [(ALICE, ALICE, (BOB,))]


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES, min_size=5, max_size=5))
def test_emacs_reads_back_what_was_meant(world: World, monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    """However odd an address or a command is, Emacs has that very text in its variables."""
    monkeypatch.setattr(stub, "command", lambda: [str(world.root / 'it\'s a \\ "command"')])
    words = []
    for number, name in enumerate(names):
        init = world.root / f"init{number}.el"
        init.write_text(recipes.render("emacs", defaults(name)), encoding="utf-8")
        words += ["-l", str(init), "--eval", SHOW, "--eval", "(makunbound 'offlineimap-m365-command)"]

    done = world.execute([find("emacs"), "-Q", "--batch", *words])

    assert done.code == 0, done.err
    found = [json.loads(line) for line in done.out.splitlines()]
    assert found == [[name, name, [*stub.command(), "token", name]] for name in names]
