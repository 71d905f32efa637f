"""Each command runs in this process: its exit code, its answer on standard output, and what it leaves behind."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import errors, process
from offlineimap_m365.base.process import Result
from tests.in_process import run, standard_input
from tests.m365.entra import THUNDERBIRD
from tests.mail_servers import OK, ImapServer
from tests.sign_in import options
from tests.signed_in_accounts import ALICE, SCOPES, TOKEN, attempt, cache_of, invent, keep

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme

    from tests.m365.entra import Entra
    from tests.unit.fake_keyring import FakeKeyring
    from tests.world import World

pytestmark = pytest.mark.usefixtures("world")

BOB = "bob@example.org"
#: A client id of Thunderbird's that is switched off.
DEAD = "08162f7c-0fd2-4200-a84a-f25a4db0b584"
FOLDERS = b"".join(
    b'* LIST () "/" "%s"\r\n' % name for name in (b"INBOX", b"Calendar", b"Kalender", b"Gesendete Elemente")
)
COUNTS = b'* STATUS "INBOX" (MESSAGES 1)\r\n' + OK


@pytest.fixture
def server(ca: trustme.CA) -> Iterator[ImapServer]:
    """Run an IMAP server with four folders."""
    with ImapServer(ca, {"LIST": FOLDERS + OK, "STATUS": COUNTS, "EXAMINE": b"TAG NO no\r\n"}) as found:
        yield found


@pytest.mark.parametrize("form", ["file", "stdin", "terminal"])
def test_import_proves_a_refresh_token(world: World, entra: Entra, form: str) -> None:
    """A JSON file, standard input and a paste at a terminal; one refresh, and the file stays as it was."""
    secret = next(iter(json.loads(attempt(entra).cache)["RefreshToken"].values()))["secret"]
    entra.forget()
    file = world.root / "token.json"
    file.write_text(json.dumps({"refresh_token": secret}), encoding="utf-8")
    file.chmod(0o644)
    words = ["import", ALICE, *options(entra), "--client-id", THUNDERBIRD, file if form == "file" else "-"]

    with standard_input() as give:
        give(f"{secret}\n")
        done = run(*words, stdin=secret, is_terminal=form == "terminal")

    assert (done.code, done.out) == (0, ""), done.err
    assert secret not in done.err
    assert entra.count(TOKEN) == 1
    assert ("chmod 600" in done.err) == (form == "file")
    assert profiles.get(ALICE).is_signed_in


@pytest.mark.parametrize(
    ("content", "line", "code"),
    [
        ('{"refresh_token": "never-issued-by-anybody-so-it-is-refused"}', "", 77),
        (f'{{"refresh_token": "a-token-of-a-dead-client-id-0123456789", "client_id": "{DEAD}"}}', "", 78),
        ("{}", "", 78),
        (None, "", 2),
        ('{"refresh_token": "x"}', "--app-only --tenant t --client-id c --client-secret-file f", 2),
    ],
)
def test_what_cannot_be_imported(world: World, entra: Entra, content: str | None, line: str, code: int) -> None:
    """A refused token, a client id that is switched off, no token and no file; only the first is tried, none saved."""
    file = world.root / "token.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")

    done = run("import", ALICE, file, *(line.split() or options(entra)))

    assert (done.code, done.out) == (code, ""), done.err
    assert entra.count(TOKEN) == (1 if code == 77 else 0)
    assert profiles.names() == []


def test_a_client_secret_that_is_missing_is_named(world: World, entra: Entra) -> None:
    """Where the other tool has a client secret and the provider wants it, the option that gives it is named."""
    file = world.root / "token.json"
    document = {"refresh_token": "a-token-of-a-confidential-client", "client_id": "mine", "client_secret": "s3cret"}
    file.write_text(json.dumps(document), encoding="utf-8")
    entra.fail_next("refresh_token", status=401, body={"error": "invalid_client", "error_codes": [7000218]})

    done = run("import", ALICE, file, *options(entra))

    assert (done.code, "s3cret" in done.err) == (78, False)
    assert "--client-secret-file FILE" in done.err


def test_folders_are_listed_and_learned(server: ImapServer) -> None:
    """A table, JSON, and what --learn keeps of the mailbox."""
    account = invent(imap=server.address)

    listed = run("folders")
    learned = run("folders", "--json", "--learn")
    again = run("folders", ALICE, "--mailbox", "team@example.org", is_terminal=True)

    assert [done.code for done in (listed, learned, again)] == [0] * 3
    assert "Gesendete Elemente" in listed.out
    assert "folders alice@example.org --learn" in listed.err
    rows = {row["name"]: row for row in json.loads(learned.out)["folders"]}
    assert set(rows) == {"INBOX", "Calendar", "Kalender", "Gesendete Elemente"}
    assert "Calendar" in (profiles.load(ALICE) or account).mailboxes[ALICE]["not_mail"]
    assert "--mailbox team@example.org --learn" in again.err
    assert server.users == [ALICE, ALICE, "team@example.org"]


@pytest.mark.parametrize(
    ("words", "stdin", "code", "answer"),
    [
        (["AADSTS50076"], "", 0, "AADSTS50076"),
        ([ALICE, "65001"], "", 0, "AADSTS65001"),
        (["-"], "AADSTS50105: a page\nCorrelation Id: 019827f4-0000-0000-0000-000000000000", 0, "019827f4"),
        ([BOB, "AADSTS700016"], "", 0, "AADSTS700016"),
        ([], "", 0, "AADSTS50173"),
        *((words, "", 2, "") for words in (["-"], [BOB], ["nothing", "known"])),
    ],
)
def test_explain(words: list[str], stdin: str, code: int, answer: str) -> None:
    """A code, a page on standard input, or the last failure of the account; 2 where nothing is recognised."""
    account = invent()
    assert "no error" in run("explain").out
    error = errors.SignInNeeded("It was refused", code="AADSTS50173", correlation_id="c", time="t")
    account_state.remember(account.folder, error, "a-refresh-token")

    done = run("explain", *words, stdin=stdin, is_terminal=bool(stdin))

    assert (done.code, bool(done.out)) == (code, bool(answer)), done.err
    assert answer in done.out


@pytest.mark.parametrize(
    ("code", "ended", "exit_code"), [(0, process.ENDED, 0), (3, process.ENDED, 78), (None, process.TIMED_OUT, 0)]
)
def test_notify_is_set_shown_tested_and_removed(
    monkeypatch: pytest.MonkeyPatch, code: int | None, ended: str, exit_code: int
) -> None:
    """The command is printed as it was given; --test tells how it ended; --off removes it."""
    monkeypatch.setattr(process, "run", lambda *_, **__: Result(ended, code, b"said\n", b""))

    for words in (["--test"], ["--command", " "], ["--off", "--test"], ["--command"]):
        assert run("notify", *words).code == 2
    done = [run("notify", *words) for words in (["--command", "true x"], [], ["--test"], ["--off"], [])]

    assert [each.code for each in done] == [0, 0, exit_code, 0, 0]
    assert [each.out for each in done] == ["", "true x\n", "", "", ""]


def test_store_says_where_the_tokens_are(keys: FakeKeyring) -> None:
    """Who can read them in the new store is said, on stderr; an account that is unknown is 77."""
    invent()
    assert run("store", BOB, "--to", "keyring").code == 77
    assert run("store", ALICE).code == run("store", "--to", "keyring").code == 2

    done = run("store", ALICE, "--to", "keyring")

    assert (done.code, done.out, len(keys.items)) == (0, "", 1)
    assert " in the store keyring. " in done.err


def test_token_refresh_and_logout(entra: Entra) -> None:
    """Base64 for XOAUTH2, the values for a foreign interpreter, a refresh; after logout nothing is left."""
    account = keep(entra)
    refresh_token = next(iter(cache_of(account)["RefreshToken"].values()))["secret"]

    message = base64.b64decode(run("token", ALICE, "--format", "xoauth2", "--mailbox", BOB).out).decode()
    others = [run("token", "--what", name).out.strip() for name in ("refresh-token", "client-secret", "client-id")]
    refreshed = run("refresh")
    reported = json.loads(run("status", "--json", "-v").out)["accounts"][0]
    left = run("logout", ALICE)
    table = run("status", "-v")
    gone = run("logout", ALICE, "--all")

    assert message.startswith(f"user={BOB}\x01auth=Bearer ey")
    assert others == [refresh_token, "", THUNDERBIRD]
    assert (refreshed.code, refreshed.out) == (0, "")
    assert reported["account"] == ALICE
    assert (left.code, table.code, gone.code, run("logout", ALICE).code) == (0, 1, 0, 0)
    assert run("status").code == 0
    assert run("token").code == 77


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("config --list", 0), ("config --pythonfile", 0), ("completion bash", 0), ("config msmtp", 0),
        (f"config {ALICE} offlineimap", 0), (f"config {BOB} systemd-timer", 0), (f"config cron --mailbox {BOB}", 2),
        ("config --mailbox @/nowhere", 2), ("consent", 0), ("doctor --offline", 1),
    ],
)  # fmt: skip
def test_answers_that_need_no_request(world: World, line: str, code: int) -> None:
    """They are on stdout, whether somebody is signed in or not."""
    home = Path(world.environ["HOME"])
    (home / ".offlineimaprc").write_text("[general]\naccounts = x\n", encoding="utf-8")
    (home / ".msmtprc").write_text(f"account one\nfrom {ALICE}\n", encoding="utf-8")
    before = run(*line.split())
    invent(scopes=SCOPES)

    done = run(*line.split())

    assert (done.code, before.code) == (code, code), done.err
    assert bool(done.out) == bool(before.out) == (code != 2)
    assert "Errno" not in done.err


OFFERS: dict[str, set[str]] = {
    "": {"login", "status"},
    "--ver": {"--version", "--verbose"},
    "token ": {ALICE},
    "token --f": {"--format"},
    "token --format ": {"token", "xoauth2"},
    "token --format=x": {"--format=xoauth2"},
    "login --scope i": {"imap"},
    f"import {ALICE} ": {"@files"},
    "config ms": {"msmtp"},
    f"status {ALICE} ": {ALICE},
    "token --mailbox ": set(),
}


def test_completion_offers(subtests: pytest.Subtests) -> None:
    """Commands, options, values, accounts and files, as the words before the cursor want."""
    invent()
    for typed, offers in OFFERS.items():
        with subtests.test(typed):
            done = run("completion", "bash", *(f"={word}" for word in typed.split(" ")))

            found = {line.partition("\t")[0] for line in done.out.splitlines()}
            assert done.code == 0
            assert offers <= found if offers else not found
