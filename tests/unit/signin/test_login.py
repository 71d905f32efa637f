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

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import account_lock, atomic_file, errors
from offlineimap_m365.console import prompt
from offlineimap_m365.knowledge.explain import Situation
from offlineimap_m365.signin import flows, login, tenant_discovery
from tests.signed_in_accounts import ALICE
from tests.unit.signin.test_save import BOB, PROVIDER, make_plan, sign_in_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.signin.attempt import SignIn
    from tests.world import World

pytestmark = pytest.mark.usefixtures("world")


@dataclasses.dataclass
class Person:
    """
    A person at a terminal: each flow ends in the next of the *outcomes*, and *typed* answers each question.

    *begun* has the prompt and the claims of each flow.
    """

    outcomes: list[SignIn | errors.M365Error] = dataclasses.field(default_factory=list)
    typed: str = ""
    begun: list[tuple[str | None, str | None]] = dataclasses.field(default_factory=list)

    @contextlib.contextmanager
    def _begin(self, _: object, claims: Any, prompt: str | None) -> Iterator[flows.Waiting]:
        self.begun.append((prompt, claims))
        yield flows.Waiting(Situation())

    def _wait(self, *_: object) -> SignIn:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, errors.M365Error):
            raise outcome
        return outcome

    def _choose(self, _: str, choices: dict[str, str], default: str) -> str:
        assert default in choices
        return self.typed or default


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """Let a person sign in; their attempts are only what they must prove."""
    someone = Person()
    monkeypatch.setattr(login, "Attempt", lambda *_, claims, **__: claims)
    for module, name in ((flows, "begin"), (flows, "wait"), (prompt, "choose")):
        monkeypatch.setattr(module, name, getattr(someone, f"_{name}"))
    return someone


def log_in(**changes: Any) -> profiles.Account:
    """Sign in by a plan that is changed so."""
    return login.sign_in(make_plan(**changes), 1)


def kept(world: World) -> dict[str, str]:
    """Return the files that hold something of Alice."""
    files = [world.folder(ALICE) / name for name in ("cache.json", "profile.json")]
    return {file.name: file.read_text("utf-8") for file in files if file.exists()}


def at(tenant: str, **before: str) -> dict[str, Any]:
    """Return what is planned for a sign-in at *tenant*, by somebody whose ids were these *before*."""
    provider = dataclasses.replace(PROVIDER, authority=f"https://login.microsoftonline.com/{tenant}")
    return {"provider": provider, "person": before}


LAST, HERE = {"tid": "t", "oid": "1"}, {"tid": "t2", "oid": "new"}
DEMAND = errors.SignInNeeded("Refused", account=ALICE, code="AADSTS50076")
DEMAND.claims = '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}'
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
        {}, [DEMAND, sign_in_of(ALICE)], "y", [PLAIN, (None, DEMAND.claims)], ALICE),
    "if the person agrees": ({}, [DEMAND], "a", [PLAIN], REFUSED),
    "and once": ({}, [DEMAND, DEMAND], "y", [PLAIN, (None, DEMAND.claims)], REFUSED),
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


@pytest.mark.parametrize("row", LOGINS.values(), ids=LOGINS)
def test_who_was_meant_is_saved_and_nobody_else(
    world: World, person: Person, monkeypatch: pytest.MonkeyPatch, row: tuple[Any, ...]
) -> None:
    """
    The same ids, or the same name in the organisation that was asked; all else is a question, or saved nowhere.

    Any organisation can fill in ``email``: it is believed of the one that discovery names for the domain.
    """
    plan, outcomes, typed, begun, end = row
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


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("full", "number"), [(atomic_file, errno.ENOSPC), (atomic_file, errno.EROFS), (profiles, errno.ENOSPC)]
)
def test_a_store_that_takes_nothing_leaves_the_earlier_sign_in(  # noqa: PLR0917 - the columns of a table
    world: World, person: Person, monkeypatch: pytest.MonkeyPatch, full: Any, number: int, is_first: bool
) -> None:
    """75 if it may pass, else 78, before the flow begins; if only the profile has no room: both are saved or none."""
    kind = errors.Temporary if number == errno.ENOSPC else errors.Misconfigured
    person.outcomes = [sign_in_of(ALICE, "old"), sign_in_of(ALICE, "new")]
    if not is_first:
        log_in()
    before = kept(world)
    person.begun.clear()
    no_space = mock.Mock(side_effect=OSError(number, os.strerror(number)))
    monkeypatch.setattr(full, "prove_space" if full is atomic_file else "prepared", no_space)

    with pytest.raises(kind, match="cannot be saved"):
        log_in()

    assert (kept(world), len(person.begun)) == (before, full is profiles)


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
