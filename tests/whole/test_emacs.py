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


def emacs(shared_user: MailUser, init: Path, code: str) -> Outcome:
    """Let Emacs, which finds nothing but *init* and mu4e, do what *code* says; as from a dock it has HOME only."""
    (shared_user.home / ".emacs.d").mkdir(exist_ok=True)  # where an Emacs with a person keeps what it saw of a server
    return shared_user.world.execute(
        [find("emacs"), "-Q", "--batch", "-L", str(_MU4E), "-l", str(init), "--eval", f"(progn {code})"],
        environ={"HOME": shared_user.world.environ["HOME"]},
    )


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
@pytest.mark.parametrize("program", ["emacs", "gnus"])
def test_emacs_sends_and_gnus_reads(shared_user: MailUser, program: str, arrangement: Arrangement) -> None:
    """The mailbox opens and a mail is read; another is sent by who may, as the mailbox."""
    init = shared_user.prepare(program, f"{program}.el", arrangement)

    done = emacs(shared_user, init, f"{READ if program == 'gnus' else ''} {SEND}")

    assert done.code == 0, done.err
    assert shared_user.sent() == [(arrangement.sender, arrangement.mailbox, (BOB,))]
    assert b"Tomorrow?" in shared_user.exchange.outbox[0].data
    assert ("Today?" in done.out) == (program == "gnus")
    assert shared_user.opened() == ({arrangement.mailbox} if program == "gnus" else set())


def test_mu4e_has_mail_fetched_and_sends(shared_user: MailUser) -> None:
    """Its command fetches through OfflineIMAP, mu finds the mail under the folders that it names, and it sends."""
    shared_user.prepare("offlineimap", ".offlineimaprc", OWN)
    init = shared_user.prepare("mu4e", "mu4e.el", OWN)
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
