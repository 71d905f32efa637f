"""``import``: a sign-in of another tool is taken over, proved by one refresh, or nothing is kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.provider import msal_cache
from tests.m365.entra import THUNDERBIRD
from tests.sign_in import options
from tests.signed_in_accounts import attempt
from tests.whole.gpg_home import PASSPHRASE
from tests.whole.terminal import Terminal, files_of, product, secrets_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.whole.gpg_home import GpgHome
    from tests.world import Outcome, World

ALICE, BOB = "alice@example.org", "bob@example.org"


@pytest.fixture
def user(world: World, entra: Entra) -> World:
    """Return somebody who used another tool so far, whose provider ends a grant if a refresh token comes twice."""
    entra.access_token_seconds = 3600
    return product(world)


def token(entra: Entra, name: str = ALICE) -> str:
    """Return a refresh token that another tool got for *name*; forget what was asked for it."""
    found = msal_cache.refresh_token(attempt(entra, name).cache)
    assert found
    entra.forget()
    return found


def predecessor(directory: Path, entra: Entra) -> str:
    """Return the content of M365-IMAP's file; put its config.py beside it."""
    (directory / "config.py").write_text(
        f'raise SystemExit("nobody runs this")\nClientId = "{THUNDERBIRD}"\nClientSecret = ""\n'
        "Scopes = ['https://outlook.office.com/IMAP.AccessAsUser.All', 'https://outlook.office.com/SMTP.Send']\n"
        'Authority = "https://login.microsoftonline.com/common/"\nRefreshTokenFileName = "refresh_token"\n'
    )
    return token(entra)


def mutt(_: Path, entra: Entra) -> str:
    """Return the content of a token file of mutt_oauth2.py."""
    return json.dumps(
        {
            "registration": "microsoft", "authflow": "localhostauthcode", "email": ALICE, "access_token": "x",
            "access_token_expiration": "2026-01-01T00:00:00", "refresh_token": token(entra),
            "client_id": THUNDERBIRD, "client_secret": "",
        }
    )  # fmt: skip


def put(user: World, text: str, mode: int = 0o600) -> Path:
    """Write what another tool left behind."""
    path = user.root / "refresh_token"
    path.write_text(text)
    path.chmod(mode)
    return path


def take_over(user: World, entra: Entra, file: Path, *more: str) -> Outcome:
    """Run ``import`` for Alice, at the test bed."""
    return user.run("import", ALICE, file, *options(entra), *more)


@pytest.mark.parametrize("make", [predecessor, mutt])
@pytest.mark.matrix
def test_a_sign_in_is_taken_over(user: World, entra: Entra, make: Callable[..., str]) -> None:
    """One request proves it, after an outage, too; then it is as good as a login; the file is as it was."""
    text = make(user.root, entra)
    entra.strict = True
    path = put(user, text, 0o644)
    entra.fail_next("refresh_token", status=503)
    outage = take_over(user, entra, path)
    entra.forget()
    done = take_over(user, entra, path)
    asked = entra.count("refresh_token")
    user.age(ALICE, left=-10)
    handed = user.run("token", ALICE)

    assert (outage.code, done.code, done.out) == (75, 0, ""), outage.err + done.err
    assert f"offlineimap-m365 import {ALICE} {path}" in outage.err
    assert f"{ALICE} is signed in" in done.err
    assert asked == 1
    assert (
        "client_id" not in json.loads((user.folder(ALICE) / "profile.json").read_text())["chosen"]
    )  # it is the default
    assert (handed.code, handed.out.strip()) == (0, user.secrets(ALICE)[0])
    assert path.read_text() == text
    assert f"rm {path}" in done.err
    assert f"everybody can read it. Run: chmod 600 {path}" in done.err


def test_somebody_else_is_refused(user: World, entra: Entra) -> None:
    """The ID token says whose it is: 77, nothing is kept; with --identity it is, and nothing else shows a secret."""
    path = put(user, token(entra, BOB))
    refused = take_over(user, entra, path, "-v")
    left = files_of(user)
    kept = take_over(user, entra, put(user, token(entra, BOB)), "-v", "--identity", BOB)
    path.unlink()
    (user.folder(ALICE) / "cache.json").unlink()

    assert (refused.code, left, kept.code) == (77, [], 0), kept.err
    assert f"offlineimap-m365 import {ALICE} {path}" in refused.err
    assert f"--identity {BOB}" in refused.err
    said = refused.out + refused.err + kept.out + kept.err + user.text_of_all_files()
    assert [secret for secret in secrets_of(entra) if secret in said] == []


@pytest.mark.parametrize("how", ["--armor", "--no-armor"])
def test_a_token_file_that_gpg_encrypted(user: World, entra: Entra, gpg: GpgHome, how: str) -> None:
    """The user's own gpg decrypts it; for a passphrase its pinentry comes up where somebody sits, else it is 75."""
    gpg.make(f"Alice <{ALICE}>", PASSPHRASE)
    path = user.root / "token.gpg"
    path.write_bytes(gpg.run("--default-recipient-self", how, "--encrypt", data=mutt(user.root, entra).encode()))
    asked = gpg.use_person()
    unattended = take_over(user, entra, path)
    was_asked = asked.exists()
    with Terminal(user, "import", ALICE, str(path), *options(entra)) as terminal:
        attended = terminal.end()

    assert (unattended.code, was_asked) == (75, False), unattended.err
    assert (attended.code, asked.exists()) == (0, True), attended.err
