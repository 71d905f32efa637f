"""An application that asks for itself: ``login --app-only`` and all that follows from it, with a real Entra."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.tokens import engine
from tests import certificates
from tests.sign_in import options, sign_in
from tests.signed_in_accounts import TOKEN, cache_of

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


def certified(world: World, entra: Entra, ends: float = 365) -> Path:
    """Register a certificate of the application that ends in so many days; return the file of it and its key."""
    key = certificates.rsa_key()
    pem = certificates.certificate_pem(certificates.certificate(key, ends=ends))
    entra.add_client(APP, [], public=False, certificates=[pem])
    return certificates.write(world.root / "backup.pem", certificates.key_pem(key) + pem)


def login(world: World, entra: Entra, *arguments: str | Path) -> Outcome:
    """Let the application ask for itself."""
    return world.run("login", NAME, "--app-only", "--client-id", APP, *options(entra), *arguments)


def with_secret(world: World, entra: Entra, secret: Path) -> profiles.Account:
    """Return the account that is kept after a login with a *secret*; Entra forgets what it was asked."""
    done = login(world, entra, "--client-secret-file", secret)
    assert done.code == 0, done.err
    entra.forget()
    return profiles.get(NAME)


def test_an_application_has_a_token_at_once(world: World, entra: Entra, secret: Path) -> None:
    """One request proves the secret; what is kept has neither it nor a person, and what comes next is said."""
    done = login(world, entra, "--client-secret-file", secret)

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
    assert world.run("token", NAME).out.strip() in world.text_of_all_files()


@pytest.mark.parametrize("kind", ["pem", "pfx"])
def test_a_certificate_proves_it_too(world: World, entra: Entra, kind: str) -> None:
    """PEM with key and certificate, and a PFX with the command that prints its passphrase, get a token."""
    key = certificates.rsa_key()
    found = certificates.certificate(key)
    pem = certificates.certificate_pem(found)
    data = {
        "pem": certificates.key_pem(key) + pem,
        "pfx": certificates.pfx(key, found, certificates.PASSPHRASE),
    }
    entra.add_client(APP, [], public=False, certificates=[pem])
    path = certificates.write(world.root / "backup.file", data[kind])
    more = () if kind == "pem" else ("--certificate-passphrase-command", f"echo '{certificates.PASSPHRASE}'")

    done = login(world, entra, "--certificate", path, *more)

    assert done.code == 0, done.err
    assert certificates.PASSPHRASE not in done.err
    report = json.loads(world.run("status", NAME, "--json").out)["accounts"][0]
    assert (report["kind"], report["state"], report["unused_days"]) == ("app-only", "ok", None)
    assert report["certificate_ends"] == found_end(found)


def found_end(found: object) -> str:
    """Return when a certificate ends, as ``status`` gives it."""
    end = getattr(found, "not_valid_after_utc", None) or getattr(found, "not_valid_after")  # noqa: B009 - deprecated
    return str(end.strftime("%Y-%m-%dT%H:%M:%SZ"))


def test_an_old_msal_signs_otherwise(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an MSAL before 1.35, which wants the thumbprint told, it is RS256 and works as well."""
    import msal  # noqa: PLC0415 - the wire is faked elsewhere, here its age

    plain = msal.ConfidentialClientApplication
    tried = []

    def old(client_id: str, client_credential: dict[str, str], **rest: object) -> object:
        tried.append("thumbprint" in client_credential)
        if not tried[-1]:
            raise ValueError("client_credential needs to follow this format")
        return plain(client_id, client_credential=client_credential, **rest)

    assert login(world, entra, "--certificate", certified(world, entra)).code == 0
    world.age(NAME, left=-5)
    monkeypatch.setattr(msal, "ConfidentialClientApplication", old)

    found = engine.access_token(NAME)

    assert found.is_good(200, time.time())
    assert tried == [False, True]


@pytest.mark.once
def test_a_store_that_takes_nothing_is_one_warning(world: World, entra: Entra, secret: Path) -> None:
    """A read-only store is no reason to fail: the token, exit code 0, one line."""
    account = with_secret(world, entra, secret)
    world.age(NAME, left=-5)
    folder = Path(account.folder)
    for path in (*folder.iterdir(), folder):
        path.chmod(0o500 if path.is_dir() else 0o400)

    try:
        done = world.run("token", NAME)
    finally:
        folder.chmod(0o700)

    assert done.code == 0, done.err
    assert done.out.startswith("eyJ")
    assert len(done.err.splitlines()) == 1
    assert "cannot be saved" in done.err


def test_a_refusal_counts_until_the_secret_is_renewed(world: World, entra: Entra, secret: Path) -> None:
    """A wrong secret is refused once in 15 minutes, with the option that repairs it; another one is tried at once."""
    with_secret(world, entra, secret)
    world.age(NAME, left=-5)
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
def test_a_person_is_notified_of_a_certificates_end_once(world: World, entra: Entra) -> None:
    """The refresh that uses a certificate with less than 30 days runs the command of ``notify``, once."""
    assert login(world, entra, "--certificate", certified(world, entra, ends=20.5)).code == 0
    heard = world.root / "heard"
    world.run("notify", "--command", f'echo "$M365_ACCOUNT $M365_REASON $M365_DAYS" >>{heard}')

    for _ in range(2):
        world.age(NAME, left=-5)
        assert world.run("refresh").code == 0

    assert heard.read_text() == f"{NAME} expires-soon 20\n"


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--client-id", APP, "--client-secret-file", "s"], "--tenant"),
        (["--tenant", "example.org", "--client-secret-file", "s"], "--client-id"),
        (["--tenant", "example.org", "--client-id", APP], "--certificate"),
        (["--tenant", "common", "--client-id", APP, "--client-secret-file", "s"], "common"),
        (["--tenant", "consumers", "--client-id", APP, "--client-secret-file", "s"], "consumers"),
        (["--authority", "https://localhost:1/organizations", "--client-id", APP, "--certificate", "c"], "organi"),
        (["--tenant", "example.org", "--client-id", APP, "--certificate", "c", "--device"], "--device"),
        (["--tenant", "example.org", "--client-id", APP, "--certificate", "c", "--scope", "imap"], "--scope"),
        (["--certificate", "c", "--client-secret-file", "s"], "--certificate"),
        (["--client-secret-file", "s", "--certificate-passphrase-command", "x"], "--certificate"),
    ],
)
def test_what_is_missing_or_contradicts(world: World, arguments: list[str], said: str) -> None:
    """What can never work is 2 before anybody is asked, and names what is wrong."""
    done = world.run("login", NAME, "--app-only", *arguments)

    assert done.code == 2
    assert said in done.err


def test_a_person_with_a_confidential_client(world: World, entra: Entra, secret: Path) -> None:
    """A delegated sign-in of a web application sends its secret with the code and with each refresh."""
    more = ["--client-id", APP, "--client-secret-file", str(secret), "--redirect-uri", "https://localhost"]

    done = sign_in(world, entra, "alice@example.org", *options(entra), *more)
    world.age("alice@example.org", left=-5)
    again = world.run("token", "alice@example.org")

    assert (done.code, again.code) == (0, 0), done.err + again.err
    assert profiles.get("alice@example.org").kind == "delegated"
    assert world.run("token", "alice@example.org", "--what", "client-secret").out == SECRET + "\n"
    secret.unlink()
    assert SECRET not in world.text_of_all_files()


@pytest.mark.parametrize("is_lost", [False, True])
def test_another_token_costs_one_request(
    world: World, entra: Entra, secret: Path, is_lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For an expired token as for an emptied store; nothing else is saved, and the environment names no other host."""
    account = with_secret(world, entra, secret)
    world.age(NAME, left=-5)
    if is_lost:
        (Path(account.folder) / "cache.json").unlink()
    monkeypatch.setenv("MSAL_FORCE_REGION", "westeurope")
    monkeypatch.setenv("REGION_NAME", "westeurope")

    token = engine.access_token(NAME)

    assert token.is_good(200, time.time())
    assert len(entra.requests) == entra.count("client_credentials") == 1
    assert len(cache_of(account)["AccessToken"]) == 1
    assert not cache_of(account).get("RefreshToken")


@pytest.mark.parametrize(
    ("fault", "code"),
    [("wrong", 7000215), ("expired", 7000222), ("unknown", 700016), ("absent", 7000229), ("certificate", 700027)],
)
def test_what_entra_refuses(world: World, entra: Entra, secret: Path, fault: str, code: int) -> None:
    """A wrong or expired proof, an unknown application, one without an enterprise application: 78, nothing saved."""
    client = entra.clients[APP]
    proof: list[str | Path] = ["--client-secret-file", secret]
    if fault == "wrong":
        secret.write_text("another")
    client.secret_expired = fault == "expired"
    client.has_principal = fault != "absent"
    if fault == "unknown":
        del entra.clients[APP]
    if fault == "certificate":
        proof = ["--certificate", certified(world, entra)]
        entra.clients[APP].certificates.clear()

    done = login(world, entra, *proof)

    assert done.code == 78
    assert f"AADSTS{code}" in done.err
    assert len(done.err.splitlines()) <= 6
    assert profiles.load(NAME) is None


def test_what_is_handed_out_of_an_application(world: World, entra: Entra, secret: Path) -> None:
    """Its secret, read anew each time; there is no refresh token, and of a certificate no secret (78)."""
    with_secret(world, entra, secret)
    before = world.run("token", NAME, "--what", "client-secret")
    secret.write_text("renewed-meanwhile\n")

    assert before.out == SECRET + "\n"
    assert engine.client_secret(NAME) == "renewed-meanwhile"
    with pytest.raises(errors.Misconfigured, match="has no refresh token"):
        engine.refresh_token(NAME)
    assert login(world, entra, "--certificate", certified(world, entra)).code == 0
    with pytest.raises(errors.Misconfigured, match="certificate, so it has no client secret"):
        engine.client_secret(NAME)


def test_a_secret_goes_to_its_own_client_only(world: World, entra: Entra, secret: Path) -> None:
    """Not to a public client of somebody else, nor to another client id than its own: 2, and nobody is asked."""
    with_secret(world, entra, secret)

    foreign = world.run("login", "alice@example.org", "--client-secret-file", str(secret))
    another = world.run("login", NAME, "--client-id", "another")

    assert (foreign.code, another.code) == (2, 2)
    assert "--client-id ID" in foreign.err
    assert "needs --client-secret-file" in another.err
    assert entra.requests == []
