"""A whole life of an account, from its sign-in to its end: no secret is anywhere but in the store and in an answer."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from tests.m365.entra import CAPTIVE_PORTAL
from tests.m365.person import Browser
from tests.sign_in import PASSWORD, Login, options, sign_in
from tests.signed_in_accounts import ALICE, TOKEN
from tests.whole.leak_search import LeakSearch, forms

if TYPE_CHECKING:
    import pytest

    from tests.m365.entra import Entra
    from tests.world import World

#: What people set to find faults in Python programs.
_DEBUGGING = {
    "PYTHONFAULTHANDLER": "1",
    "PYTHONDEVMODE": "1",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONWARNINGS": "always",
}


def with_umask(umask: str, user: World) -> World:
    """Return *user*, whose commands run under an *umask*."""
    user.environ["BROWSER"] = "true"
    user.command = ["/bin/sh", "-c", f'umask {umask}; exec "$@"', "sh", *user.command]
    return user


def modes(user: World) -> set[int]:
    """Return the modes of all that is in our home."""
    return {stat.S_IMODE(path.stat().st_mode) for path in user.home.rglob("*")}


def sign_in_three_times(user: World, entra: Entra, watch: LeakSearch) -> None:
    """Sign in by paste, by a code, and by a browser that comes back."""
    with Browser(entra.ca_file) as browser:
        with Login(user, ALICE, "-v", "--paste", *options(entra)) as login:
            landing = browser.sign_in(login.address, ALICE, PASSWORD)
            watch.record(login.paste(landing.address or ""))
        with Login(user, ALICE, "-v", "--device", *options(entra)) as login:
            code = login.device_code
            browser.enter_device_code(login.address, code, ALICE, PASSWORD)
            watch.record(login.end())
        with Login(user, ALICE, "-v", "--browser", *options(entra)) as login, requests.Session() as session:
            address = browser.sign_in(login.address, ALICE, PASSWORD).address or ""
            session.trust_env = False
            answer = session.get(address, allow_redirects=False, timeout=30)
            page = session.get(f"http://localhost:{urlsplit(address).port}{answer.headers['Location']}", timeout=30)
            assert watch.record(login.end()).code == 0
            assert "code=" not in page.text


def sign_in_in_vain(user: World, entra: Entra, watch: LeakSearch) -> None:
    """Let the answer to a code be garbage, a refusal that repeats it, or none, and paste what is no answer."""
    with Browser(entra.ca_file) as browser:
        for wrong in ("garbage", "only the code", "repeated"):
            with Login(user, ALICE, "-v", "--paste", *options(entra)) as login:
                address = browser.sign_in(login.address, ALICE, PASSWORD).address or ""
                if wrong == "garbage":
                    entra.fail_next(TOKEN, status=200, body={"access_token": [1], "id_token": address})
                elif wrong == "only the code":
                    address = address.partition("code=")[2].partition("&")[0]
                else:
                    entra.fail_next(TOKEN, status=400, body={"error": "invalid_grant", "error_description": address})
                assert watch.record(login.paste(address)).code in {75, 77}


def refresh_in_vain(user: World, entra: Entra, watch: LeakSearch) -> None:
    """Fail with each kind of answer, the secret in some of them."""
    used = next(secret for secret in user.secrets(ALICE) if secret in entra.refresh_tokens)
    answers = [
        {"status": 503, "body": used},
        {"status": 429, "headers": {"Retry-After": "1", "X-Debug": used}},
        {"status": 200, "body": CAPTIVE_PORTAL + used},
        {"status": 200, "body": {"access_token": 5, "refresh_token": used}},
        {"status": 302, "headers": {"Location": f"https://localhost:1/?refresh_token={used}"}},
        {"status": 400, "body": {"error": "invalid_grant", "error_description": f"AADSTS70000: {used} is bad"}},
        {"status": 400, "body": {"error": used}},
        {"drop": "after"},
        {"code": 53003},
    ]
    for answer in answers:
        user.age(ALICE, left=-10)
        (user.folder(ALICE) / "state.json").unlink(missing_ok=True)
        entra.fail_next(TOKEN, **answer)  # type: ignore[arg-type]  # as a test orders them
        done = watch.record(user.run("-v", "token", ALICE))
        assert (done.code in {75, 77}, done.out) == (True, ""), done.err
        assert "A bug" not in done.err
    for words in (["status", "-v"], ["status", "--json"], ["explain", ALICE], ["refresh", "-v", ALICE]):
        watch.record(user.run(*words))


def test_no_secret_is_anywhere_else(user: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in what is said, in a file outside the store, in an argument or an environment; nothing is left behind."""
    user = with_umask("000", user)
    user.environ.update(_DEBUGGING)
    with LeakSearch(user, entra, monkeypatch) as watch:
        sign_in_three_times(user, entra, watch)
        sign_in_in_vain(user, entra, watch)
        for words in (["token"], ["-v", "token", ALICE, "--format", "xoauth2"], ["token", "--min-validity", "299"]):
            assert watch.record(user.run(*words), out=False).code == 0
        user.age(ALICE)
        assert watch.record(user.run("-v", "refresh")).code == 0
        for words in (["config"], ["config", "msmtp"], ["config", "--list"], ["status"], ["explain", "AADSTS50076"]):
            assert watch.record(user.run("-v", *words)).code == 0
        assert modes(user) == {0o600, 0o700}
        refresh_in_vain(user, entra, watch)

        assert len(watch.secrets) > 20
        assert all(secret in user.text_of_all_files() for secret in user.secrets(ALICE)), "they can be found at all"
        assert "offlineimap" in watch.processes
        assert watch.leaks() == []

        assert watch.record(user.run("-v", "logout", ALICE, "--all")).code == 0
        rest = user.text_of_all_files()

    assert not [secret for secret in watch.secrets for form in forms(secret) if form in rest]
    assert os.listdir(user.environ["TMPDIR"]) == []  # noqa: PTH208 - names are all that is asked


def test_a_umask_that_forbids_everything(user: World, entra: Entra) -> None:
    """Under umask 777 what is made is its owner's alone, and the owner can use it."""
    user = with_umask("777", user)

    codes = [sign_in(user, entra, ALICE, *options(entra)).code]
    user.age(ALICE)
    codes += [user.run(*words).code for words in (["refresh"], ["token"], ["notify", "--command", "true"])]

    assert codes == [0] * 4
    assert modes(user) == {0o600, 0o700}
