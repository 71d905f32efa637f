"""An application that signs in itself: ``login --app-only`` and all that follows from it, with a real Entra."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msal
import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.tokens import engine, notify
from tests import certificates
from tests.in_process import run, sign_in
from tests.sign_in import options
from tests.signed_in_accounts import ALICE, TOKEN, cache_of

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import Outcome, World

pytestmark = pytest.mark.matrix

APP, NAME, SECRET = "11112222-bbbb-3333-cccc-4444dddd5555", "backup", "wq18Q~a.very.secret.value-of-40-letters"


@pytest.fixture
def secret(world: World, entra: Entra) -> Path:
    """Return the file of the secret of an application that is registered."""
    entra.add_client(APP, ["http://localhost", "https://localhost"], public=False, secret=SECRET)
    return certificates.write(world.root / "secret", SECRET + "\n")


@pytest.fixture
def backup(world: World, entra: Entra, secret: Path) -> profiles.Account:
    """Return the account of the application, whose token expired; Entra forgets what it was asked."""
    assert login(entra, "--client-secret-file", secret).code == 0
    world.age(NAME, left=-5)
    entra.forget()
    return profiles.get(NAME)


def certified(world: World, entra: Entra, ends: float = 365) -> Path:
    """Register a certificate of the application that ends in so many days; return the file of it and its key."""
    key = certificates.rsa_key()
    pem = certificates.certificate_pem(certificates.certificate(key, ends=ends))
    entra.add_client(APP, [], public=False, certificates=[pem])
    return certificates.write(world.root / "backup.pem", certificates.key_pem(key) + pem)


def login(entra: Entra, *arguments: str | Path) -> Outcome:
    """Let the application sign in."""
    return run("login", NAME, "--app-only", "--client-id", APP, *options(entra), *arguments)


def test_an_application_has_a_token_at_once(world: World, entra: Entra, secret: Path) -> None:
    """One request proves the secret; what is saved has neither it nor a person, and what comes next is said."""
    done = login(entra, "--client-secret-file", secret)

    assert (done.code, done.out) == (0, ""), done.err
    assert entra.count(TOKEN) == entra.count("client_credentials") == 1
    assert f"New-ServicePrincipal -AppId {APP} -ObjectId" in done.err
    assert "signed in as" not in done.err
    account = profiles.get(NAME)
    assert (account.kind, account.identity, account.person) == ("app-only", None, {})
    assert account.credential == {"client_secret_file": str(secret)}
    assert account.scopes == ("https://outlook.office365.com/.default",)
    secret.unlink()
    assert SECRET not in world.text_of_all_files() + done.err
    assert run("token", NAME).out.strip() in world.text_of_all_files()


def test_a_certificate_proves_it_too(world: World, entra: Entra) -> None:
    """A PFX with the command that prints its passphrase gets a token; PEM is what other tests here use."""
    key, phrase = certificates.rsa_key(), certificates.PASSPHRASE
    certificate = certificates.certificate(key)
    entra.add_client(APP, [], public=False, certificates=[certificates.certificate_pem(certificate)])
    path = certificates.write(world.root / "backup.pfx", certificates.pfx(key, certificate, phrase))

    done = login(entra, "--certificate", path, "--certificate-passphrase-command", f"echo '{phrase}'")

    assert done.code == 0, done.err
    assert phrase not in done.err
    report = json.loads(run("status", NAME, "--json").out)["accounts"][0]
    assert (report["kind"], report["state"], report["unused_days"]) == ("app-only", "ok", None)
    assert report["certificate_ends"] == certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_old_msal_signs_otherwise(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an MSAL before 1.35, which wants the thumbprint told, it is RS256 and works as well."""
    assert login(entra, "--certificate", certified(world, entra)).code == 0
    world.age(NAME, left=-5)
    today, tried = msal.ConfidentialClientApplication, []

    def old(client_id: str, client_credential: dict[str, str], **rest: object) -> object:
        tried.append("thumbprint" in client_credential)
        if not tried[-1]:
            raise ValueError("client_credential needs to follow this format")
        return today(client_id, client_credential=client_credential, **rest)

    monkeypatch.setattr(msal, "ConfidentialClientApplication", old)

    token = engine.access_token(NAME)

    assert token.is_good(200, time.time())
    assert tried == [False, True]


def test_a_refusal_counts_until_the_secret_is_renewed(backup: profiles.Account, entra: Entra, secret: Path) -> None:
    """A wrong secret is refused once in 15 minutes, with the option that repairs it; another one is tried at once."""
    secret.write_text("mistyped-on-purpose")

    for _ in range(2):
        with pytest.raises(errors.Misconfigured, match="AADSTS7000215") as caught:
            engine.access_token(NAME)
    asked = entra.count(TOKEN)
    secret.write_text(SECRET)

    assert engine.access_token(NAME).is_good(200, time.time())
    assert asked == 1
    assert "--client-secret-file" in caught.value.remedy.text


@pytest.mark.once
def test_a_person_is_notified_of_a_certificates_end_once(
    world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refresh that uses a certificate with less than 30 days runs the command of ``notify``, once."""
    monkeypatch.setattr(notify, "PATIENCE", 30.0)
    assert login(entra, "--certificate", certified(world, entra, ends=20.5)).code == 0
    log = world.root / "log"
    notify.choose(f'echo "$M365_ACCOUNT $M365_REASON $M365_DAYS" >>{log}')

    for _ in range(2):
        world.age(NAME, left=-5)
        assert run("refresh").code == 0

    assert log.read_text() == f"{NAME} expires-soon 20\n"


#: Options of a login that can never work, and what is named as wrong.
UNFIT = {
    f"--client-id {APP} --client-secret-file s": "--tenant",
    "--tenant example.org --client-secret-file s": "--client-id",
    f"--tenant example.org --client-id {APP}": "--certificate",
    f"--tenant common --client-id {APP} --client-secret-file s": "common",
    f"--authority https://localhost:1/organizations --client-id {APP} --certificate c": "organi",
    f"--tenant example.org --client-id {APP} --certificate c --device": "--device",
    f"--tenant example.org --client-id {APP} --certificate c --scope imap": "--scope",
}


@pytest.mark.once
def test_what_is_missing_or_contradicts(world: World, subtests: pytest.Subtests) -> None:
    """What can never work is 2 before anybody is asked, and names what is wrong."""
    for arguments, named in UNFIT.items():
        with subtests.test(arguments=arguments):
            done = run("login", NAME, "--app-only", *arguments.split())

            assert (done.code, named in done.err) == (2, True)


def test_a_person_with_a_confidential_client(world: World, entra: Entra, secret: Path) -> None:
    """A delegated sign-in of a web application sends its secret with the code and with each refresh."""
    more = ["--client-id", APP, "--client-secret-file", str(secret), "--redirect-uri", "https://localhost"]

    done = sign_in(entra, ALICE, "login", ALICE, *options(entra), *more)
    world.age(ALICE, left=-5)
    again = run("token", ALICE)

    assert (done.code, again.code) == (0, 0), done.err + again.err
    assert profiles.get(ALICE).kind == "delegated"
    assert run("token", ALICE, "--what", "client-secret").out == SECRET + "\n"
    secret.unlink()
    assert SECRET not in world.text_of_all_files()


@pytest.mark.parametrize("is_lost", [False, True])
def test_another_token_costs_one_request(
    backup: profiles.Account, entra: Entra, is_lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For an expired token as for an emptied store; nothing else is saved, and the environment names no other host."""
    if is_lost:
        (Path(backup.folder) / "cache.json").unlink()
    monkeypatch.setenv("MSAL_FORCE_REGION", "westeurope")
    monkeypatch.setenv("REGION_NAME", "westeurope")

    token = engine.access_token(NAME)

    assert token.is_good(200, time.time())
    assert len(entra.requests) == entra.count("client_credentials") == 1
    assert len(cache_of(backup)["AccessToken"]) == 1
    assert not cache_of(backup).get("RefreshToken")


@pytest.mark.parametrize(
    ("fault", "code"),
    [("wrong", 7000215), ("unknown", 700016), ("absent", 7000229), ("certificate", 700027)],
)
def test_what_entra_refuses(world: World, entra: Entra, secret: Path, fault: str, code: int) -> None:
    """A wrong proof, an unknown application, one without an enterprise application: 78, nothing saved."""
    proof: list[str | Path] = ["--client-secret-file", secret]
    entra.clients[APP].has_principal = fault != "absent"
    if fault == "wrong":
        secret.write_text("another")
    if fault == "unknown":
        del entra.clients[APP]
    if fault == "certificate":
        proof = ["--certificate", certified(world, entra)]
        entra.clients[APP].certificates.clear()

    done = login(entra, *proof)

    assert done.code == 78
    assert f"AADSTS{code}" in done.err
    assert (f"(tenant) {entra.tenant}" in done.err) == (fault in {"unknown", "absent"})
    assert len(done.err.splitlines()) <= 6
    assert profiles.load(NAME) is None


def test_what_is_handed_out_of_an_application(
    backup: profiles.Account, world: World, entra: Entra, secret: Path
) -> None:
    """Its secret, read anew each time; of a certificate there is none (78)."""
    before = run("token", NAME, "--what", "client-secret")
    secret.write_text("renewed-meanwhile\n")

    assert before.out == SECRET + "\n"
    assert engine.client_secret(NAME) == "renewed-meanwhile"
    assert login(entra, "--certificate", certified(world, entra)).code == 0
    with pytest.raises(errors.Misconfigured, match="certificate, so it has no client secret"):
        engine.client_secret(NAME)


def test_a_secret_goes_to_its_own_client_only(backup: profiles.Account, entra: Entra, secret: Path) -> None:
    """Not to a public client of somebody else, nor to another client id than its own: 2, and nobody is asked."""
    foreign = run("login", ALICE, "--client-secret-file", secret)
    another = run("login", NAME, "--client-id", "another")

    assert (foreign.code, another.code) == (2, 2)
    assert "--client-id ID" in foreign.err
    assert "needs --client-secret-file" in another.err
    assert entra.requests == []
