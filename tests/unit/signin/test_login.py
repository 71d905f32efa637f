"""Keeping a sign-in: all of it or nothing, and only of who was meant."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import account_lock, atomic_file, errors, paths
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.console import prompt
from offlineimap_m365.folders import learned
from offlineimap_m365.plugin import stub
from offlineimap_m365.signin import login, tenant_discovery
from offlineimap_m365.signin.attempt import Attempt
from tests.m365.entra import THUNDERBIRD
from tests.signed_in_accounts import ALICE
from tests.unit import login_person
from tests.unit.login_person import BOB, PROVIDER, make_plan, sign_in_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.login_person import Person
    from tests.world import World

pytestmark = pytest.mark.usefixtures("world")

CLAIMS = '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}'


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """Return the person who signs in."""
    return login_person.install(monkeypatch)


def log_in(**changes: Any) -> profiles.Account:
    """Sign in by a plan that is changed so."""
    return login.sign_in(make_plan(**changes), 1)


def refused(code: str, **demands: object) -> errors.SignInNeeded:
    """Return a refusal of Microsoft's that demands something."""
    error = errors.SignInNeeded("Refused", account=ALICE, code=code, remedy=Remedy("As the table says"))
    error.topic = "redirect" if code == "AADSTS50011" else ""
    for name, value in demands.items():
        setattr(error, name, value)
    return error


def failing(number: int) -> mock.Mock:
    """Return a function that the operating system lets fail."""
    return mock.Mock(side_effect=OSError(number, os.strerror(number)))


def kept(world: World) -> dict[str, str]:
    """Return the files that hold something of Alice."""
    files = [world.folder(ALICE) / name for name in ("cache.json", "profile.json")]
    return {file.name: file.read_text("utf-8") for file in files if file.exists()}


@pytest.mark.parametrize("has_stub", [True, False])
def test_who_was_meant_is_kept(
    world: World, heard: list[str], person: Person, monkeypatch: pytest.MonkeyPatch, has_stub: bool
) -> None:
    """Secrets, profile and the stub for OfflineIMAP are there, and nobody was asked; without a stub, a line says so."""
    person.outcomes = [sign_in_of("Alice@Example.org")]
    if not has_stub:
        monkeypatch.setattr(stub, "write_stub", failing(errno.ENOSPC))

    account = log_in()

    assert (account.identity, account.tenant, account.person) == ("Alice@Example.org", "t", {"tid": "t", "oid": "9"})
    assert profiles.load(ALICE) == account
    assert set(kept(world)) == {"cache.json", "profile.json"}
    assert (world.home / "pythonfile.py").exists() == has_stub
    assert ["pythonfile.py" in line for line in heard] == [True] * (not has_stub)
    assert person.questions == []


def at(tenant: str, **before: str) -> dict[str, Any]:
    """Return what is planned for a sign-in at *tenant*, by somebody whose ids were these *before*."""
    provider = dataclasses.replace(PROVIDER, authority=f"https://login.microsoftonline.com/{tenant}")
    return {"provider": provider, "person": before}


LAST, HERE = {"tid": "t", "oid": "1"}, {"tid": "t2", "oid": "new"}
DEMAND = refused("AADSTS50076", claims=CLAIMS)
DOUBT, SHORT = {"doubt": "It looks wrong"}, {"name": "alice", "hint": "alice", "doubt": "It is not complete"}
PLAIN, REFUSED = (None, None), errors.SignInNeeded
MOVED = sign_in_of(ALICE, **HERE)
NAMED_BOB = sign_in_of(BOB, **HERE)
MAILED = sign_in_of(BOB, **HERE, email=ALICE.upper())
#: What is planned, what the flows bring, what is typed ("" without a terminal), prompt and claims with which they
#: begin, and who is saved, or how it ends.
LOGINS: dict[str, tuple[dict[str, Any], list[Any], str, list[Any], str | type[Exception]]] = {
    "somebody else is saved if the person says so": ({}, [sign_in_of(BOB)], "k", [PLAIN], BOB),
    "or another one is tried": (
        {}, [sign_in_of(BOB), sign_in_of(ALICE)], "t", [PLAIN, ("select_account", None)], ALICE),
    "or nobody is saved": ({}, [sign_in_of(BOB)], "a", [PLAIN], REFUSED),
    "a proof that is demanded is asked for at once": (
        {}, [DEMAND, sign_in_of(ALICE)], "y", [PLAIN, (None, CLAIMS)], ALICE),
    "if the person agrees": ({}, [DEMAND], "a", [PLAIN], REFUSED),
    "and once": ({}, [DEMAND, DEMAND], "y", [PLAIN, (None, CLAIMS)], REFUSED),
    "a typing error takes a yes at a terminal": (DOUBT, [sign_in_of(ALICE)], "y", [PLAIN], ALICE),
    "or ends it": (DOUBT, [], "n", [], REFUSED),
    "and is no question elsewhere": (DOUBT, [sign_in_of(ALICE)], "", [PLAIN], ALICE),
    "so does an incomplete address": (SHORT, [sign_in_of("alice")], "y", [PLAIN], "alice"),
    "which is wrong usage elsewhere": (SHORT, [], "", [], errors.WrongUsage),
    "a mailbox moved to the organisation that was asked": (at("t2", **LAST), [MOVED], "", [PLAIN], ALICE),
    "it did not where everybody may sign in": (at("common", **LAST), [MOVED], "", [PLAIN], REFUSED),
    "nor by another name": (at("t2", **LAST), [NAMED_BOB], "", [PLAIN], REFUSED),
    "nor by mail only": (at("t2", **LAST), [MAILED], "", [PLAIN], REFUSED),
    "nor within the organisation": (at("t2", **{**HERE, "oid": "1"}), [MOVED], "", [PLAIN], REFUSED),
    "nor from another provider": (at("t2", tid="", oid="1"), [MOVED], "", [PLAIN], REFUSED),
    "the same ids have another name now": (at("t2", **HERE), [NAMED_BOB], "", [PLAIN], BOB),
    "a mail address counts in the domain's own organisation": (at("t2"), [MAILED], "", [PLAIN], BOB),
    "and in no other": (at("t3"), [MAILED], "", [PLAIN], REFUSED),
    "nor where nobody has the domain": (at("nobody"), [MAILED], "", [PLAIN], REFUSED),
    "nor without a network": (at("down"), [MAILED], "", [PLAIN], REFUSED),
}  # fmt: skip


@pytest.mark.parametrize(("plan", "outcomes", "typed", "begun", "end"), LOGINS.values(), ids=LOGINS)
def test_who_was_meant_is_saved_and_nobody_else(  # noqa: PLR0917 - the columns of a table
    world: World,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
    plan: dict[str, Any],
    outcomes: list[Any],
    typed: str,
    begun: list[Any],
    end: str | type[Exception],
) -> None:
    """
    The same ids, or the same name in the organisation that was asked; all else is a question, or saved nowhere.

    Any organisation can fill in ``email``: it is believed of the one that discovery names for the domain.
    """
    tenant = plan.get("provider", PROVIDER).authority.rpartition("/")[2]

    def find(name: str, cloud: str) -> tenant_discovery.Place | None:
        assert (name, cloud) == (ALICE, "global")
        if tenant == "down":
            raise errors.Temporary("No network")
        return None if tenant == "nobody" else tenant_discovery.Place(tenant, "global")

    monkeypatch.setattr(tenant_discovery, "find", find)
    monkeypatch.setattr(prompt, "is_there", lambda: bool(typed))
    person.outcomes, person.typed = list(outcomes), typed

    with pytest.raises(end) if isinstance(end, type) else contextlib.nullcontext():
        assert log_in(**plan).identity == end

    assert person.begun == begun
    assert bool(list(world.home.rglob("*.json"))) == isinstance(end, str)


def test_a_sign_in_of_another_program_is_kept_if_it_is_who_was_meant(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that a refresh proved is kept as any other; somebody else's is refused without a question."""
    adopted = iter([sign_in_of(ALICE, "new"), sign_in_of(BOB, "another")])
    monkeypatch.setattr(Attempt, "adopt", lambda *_: next(adopted))

    account = login.take_over(make_plan(), "a refresh token", "import it")
    with pytest.raises(errors.SignInNeeded, match=f"{BOB} signed in, but this sign-in is for {ALICE}") as caught:
        login.take_over(make_plan(), "a refresh token", "import it")

    assert account.is_signed_in
    assert '"new"' in kept(world)["cache.json"]
    assert caught.value.remedy.command == f"import it --identity {BOB}"


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("full", "number", "kind"),
    [
        (atomic_file, errno.ENOSPC, errors.Temporary),
        (atomic_file, errno.EROFS, errors.Misconfigured),
        (profiles, errno.ENOSPC, errors.Temporary),
    ],
)
def test_a_store_that_takes_nothing_leaves_the_earlier_sign_in(  # noqa: PLR0917 - the columns of a table
    world: World,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
    full: Any,
    number: int,
    kind: type[Exception],
    is_first: bool,
) -> None:
    """75 if it may pass, else 78, before the flow begins; if only the profile has no room: both are saved or none."""
    person.outcomes = [sign_in_of(ALICE, "old"), sign_in_of(ALICE, "new")]
    if not is_first:
        log_in()
    before = kept(world)
    person.begun.clear()
    monkeypatch.setattr(full, "prove_space" if full is atomic_file else "prepared", failing(number))

    with pytest.raises(kind, match="cannot be saved"):
        log_in()

    assert (kept(world), len(person.begun)) == (before, full is profiles)
    assert is_first == (before == {})


def test_what_was_learnt_while_somebody_signed_in_stays(
    world: World, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profile is read under the lock: a ``folders --learn`` meanwhile, and a later release's fields, are kept."""
    person.outcomes = [sign_in_of(ALICE)] * 2
    account = log_in()
    finding = {"learnt_at": "2026-01-01T00:00:00Z", "not_mail": ["Kalender"], "names": {}}
    held = account_lock.held

    @contextlib.contextmanager
    def after_learning(*arguments: Any) -> Iterator[None]:
        with held(*arguments):
            profiles.save(dataclasses.replace(account, mailboxes={ALICE: finding}, others={"colour": "green"}))
            yield

    monkeypatch.setattr(account_lock, "held", after_learning)
    log_in()

    assert profiles.get(ALICE).mailboxes == {ALICE: finding}
    assert json.loads(kept(world)["profile.json"])["colour"] == "green"


@pytest.mark.parametrize(
    ("remedy", "advice", "command"),
    [
        (Remedy("Check the network"), "Check the network", "the login"),
        (Remedy("", f"offlineimap-m365 refresh {ALICE}"), "Try again", "the login"),
        (Remedy("", "offlineimap-m365 doctor"), "Try again", "offlineimap-m365 doctor"),
    ],
)
def test_a_passing_trouble_names_the_command_to_run_again(remedy: Remedy, advice: str, command: str) -> None:
    """What can be tried again is the login, not a refresh; the account is named; all else of the error stays."""
    error = errors.Temporary("localhost cannot be reached", remedy=remedy, code="AADSTS90033", time="now")

    with pytest.raises(errors.Temporary) as caught, login.naming(ALICE, {}, "the login"):
        raise error

    assert caught.value.fact == f"{ALICE} cannot sign in now: localhost cannot be reached"
    assert (caught.value.remedy.advice, caught.value.remedy.command) == (advice, command)
    assert (caught.value.code, caught.value.time) == ("AADSTS90033", "now")


def test_what_a_refresh_was_refused_for_is_asked_at_the_next_login(person: Person) -> None:
    """Claims and prompt of the refusal go into the sign-in, and are met by it."""
    person.outcomes = [sign_in_of(ALICE)] * 3
    log_in()
    account_state.remember(paths.folder(ALICE), refused("AADSTS50076", claims=CLAIMS), "x")
    account_state.remember(paths.folder(ALICE), refused("AADSTS70043", prompt="login"), "x")

    log_in()
    log_in()

    assert person.begun == [(None, None), ("login", CLAIMS), (None, None)]


def test_a_refused_first_login_leaves_nothing(world: World, person: Person) -> None:
    """A mistyped address does not stay; the refusal names another way."""
    person.outcomes = [refused("AADSTS50011")]

    with pytest.raises(errors.SignInNeeded, match="--browser"):
        log_in(provider=dataclasses.replace(PROVIDER, client_id=THUNDERBIRD))

    assert list(world.home.rglob("*.json")) == []


def test_what_signed_in_decides_what_is_kept(person: Person) -> None:
    """The permissions that were granted, all if the answer does not tell; the mail hosts, and a guest's home."""
    personal = dataclasses.replace(sign_in_of(ALICE, tid=learned.PERSONAL_TENANT), scopes=("a",))
    person.outcomes = [personal, sign_in_of(ALICE, idp="live.com")]

    own, guest = log_in(), log_in()

    assert (own.is_personal, own.smtp, own.home_tenant) == (True, "smtp-mail.outlook.com:587", None)
    assert (guest.is_personal, guest.smtp, guest.home_tenant) == (False, "smtp.office365.com:587", "consumers")
    assert (own.scopes, guest.scopes) == (("a",), ("a", "b"))
