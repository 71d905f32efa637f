"""Keeping a sign-in: all of it or nothing, and only of who was meant."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import account_lock, atomic_file, errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.console import prompt
from offlineimap_m365.folders import learned
from offlineimap_m365.knowledge.explain import Situation
from offlineimap_m365.provider.provider import Provider
from offlineimap_m365.signin import flows, login, login_request, tenant_discovery
from offlineimap_m365.signin.attempt import Attempt, SignIn
from offlineimap_m365.signin.flows import Waiting
from tests.m365.entra import THUNDERBIRD
from tests.signed_in_accounts import provider as known_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra
    from tests.world import World

ALICE, BOB = "alice@example.org", "bob@example.org"
IDS = {ALICE: "1", BOB: "2"}
PROVIDER = Provider("my-client", "https://login.microsoftonline.com/common", ("a", "b"))


def answer(monkeypatch: pytest.MonkeyPatch, key: str) -> list[str]:
    """Answer every question with *key*; return the questions."""
    asked: list[str] = []

    def choose(question: str, choices: dict[str, str], default: str) -> str:
        asked.append(question)
        assert default in choices
        return key

    monkeypatch.setattr(prompt, "choose", choose)
    return asked


def make_plan(**changes: Any) -> login_request.Plan:
    """Return the plan of a first login of Alice, changed."""
    fields: dict[str, Any] = {
        "name": ALICE, "hint": ALICE, "person": {}, "provider": PROVIDER, "flow": "paste", "port": 0, "opens": False,
        "redirect_uri": "https://localhost", "cloud": "global", "store": "file", "client_name": None, "chosen": {},
    }  # fmt: skip
    return login_request.Plan(**{**fields, **changes})


def sign_in_of(who: str, secret: str = "secret") -> SignIn:
    """Return what a flow brings when *who* signs in."""
    entry = {"secret": secret, "cached_at": "1", "expires_on": "2"}
    cache = {"AccessToken": {"k": entry}, "RefreshToken": {"k": {"secret": f"refresh {secret}"}}}
    claims = {"preferred_username": who, "tid": "t", "oid": IDS.get(who, "9")}
    return SignIn(claims, json.dumps(cache).encode())


def let_happen(monkeypatch: pytest.MonkeyPatch, *outcomes: SignIn | errors.M365Error) -> list[tuple[Any, Any]]:
    """Let one flow after the other end in these *outcomes*; return prompt and claims with which each was begun."""
    waiting, asked = list(outcomes), list[tuple[Any, Any]]()

    class Attempt:
        def __init__(self, *_: object, claims: str | None, is_personal: bool) -> None:
            self.claims, self.is_personal = claims, is_personal

    @contextlib.contextmanager
    def begin(_: object, attempt: Attempt, prompt: str | None) -> Iterator[Waiting]:
        asked.append((prompt, attempt.claims))
        yield Waiting(Situation())

    def wait(*_: object) -> SignIn:
        outcome = waiting.pop(0)
        if isinstance(outcome, errors.M365Error):
            raise outcome
        return outcome

    monkeypatch.setattr(login, "Attempt", Attempt)
    monkeypatch.setattr(flows, "begin", begin)
    monkeypatch.setattr(flows, "wait", wait)
    return asked


def kept(world: World) -> dict[str, str]:
    """Return the files that hold something of Alice."""
    names = ("cache.json", "profile.json")
    return {
        name: (world.folder(ALICE) / name).read_text("utf-8") for name in names if (world.folder(ALICE) / name).exists()
    }


def test_who_was_meant_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets, profile and the stub for OfflineIMAP are there, and nobody was asked."""
    let_happen(monkeypatch, sign_in_of("Alice@Example.org"))
    questions = answer(monkeypatch, "a")

    account = login.sign_in(make_plan(), 1)

    assert (account.identity, account.tenant, account.person) == ("Alice@Example.org", "t", {"tid": "t", "oid": "9"})
    assert profiles.load(ALICE) == account
    assert set(kept(world)) == {"cache.json", "profile.json"}
    assert (world.home / "pythonfile.py").exists()
    assert questions == []


@pytest.mark.parametrize(
    ("key", "prompts", "identity"), [("k", [None], BOB), ("t", [None, "select_account"], ALICE), ("a", [None], None)]
)
def test_somebody_else_is_a_question(
    world: World, monkeypatch: pytest.MonkeyPatch, key: str, prompts: list[str | None], identity: str | None
) -> None:
    """Keep, try again with the account chooser, or abort, which keeps nothing."""
    begun = let_happen(monkeypatch, sign_in_of(BOB), sign_in_of(ALICE))
    answer(monkeypatch, key)
    with contextlib.ExitStack() as stack:
        caught = stack.enter_context(pytest.raises(errors.SignInNeeded)) if key == "a" else None
        login.sign_in(make_plan(), 1)

    account = profiles.load(ALICE)
    assert [prompt for prompt, _ in begun] == prompts
    assert (account.identity if account else None) == identity
    assert caught is None or (f"--identity {BOB}" in caught.value.remedy.text and not kept(world))


def test_a_sign_in_of_another_program_is_kept_if_it_is_who_was_meant(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that a refresh proved is kept as any other; somebody else's is refused without a question."""
    waiting = [sign_in_of(ALICE, "new"), sign_in_of(BOB, "another")]
    monkeypatch.setattr(Attempt, "adopt", lambda *_: waiting.pop(0))

    account = login.take_over(make_plan(), "a refresh token", "import it")
    with pytest.raises(errors.SignInNeeded, match=f"{BOB} signed in, but this sign-in is for {ALICE}") as caught:
        login.take_over(make_plan(), "a refresh token", "import it")

    assert account.is_signed_in
    assert '"new"' in kept(world)["cache.json"]
    assert caught.value.remedy.command == f"import it --identity {BOB}"


def full_disk(*_: object) -> None:
    """Be full."""
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("is_first", [True, False])
def test_a_disk_that_is_full_in_between_leaves_the_earlier_sign_in(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_first: bool
) -> None:
    """If the profile has no room, the secrets are not written either: both or none; a first login leaves nothing."""
    let_happen(monkeypatch, sign_in_of(ALICE, "old"), sign_in_of(ALICE, "new"))
    if not is_first:
        login.sign_in(make_plan(), 1)
    before = kept(world)
    monkeypatch.setattr(profiles, "prepared", full_disk)

    with pytest.raises(errors.Temporary, match="cannot be saved"):
        login.sign_in(make_plan(), 1)

    assert kept(world) == before
    assert is_first == (before == {})


def test_a_stub_that_cannot_be_written_is_a_notice(
    world: World, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sign-in is kept and said to be; what OfflineIMAP would miss is told in one line."""
    let_happen(monkeypatch, sign_in_of(ALICE))
    monkeypatch.setattr("offlineimap_m365.plugin.stub.write_stub", full_disk)

    login.sign_in(make_plan(), 1)

    assert set(kept(world)) == {"cache.json", "profile.json"}
    assert len(heard) == 1
    assert "pythonfile.py" in heard[0]


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, errors.Temporary), (errno.EROFS, errors.Misconfigured)])
def test_nobody_is_troubled_for_a_store_that_cannot_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[errors.M365Error]
) -> None:
    """It is found out before the flow begins: 75 if it may pass, 78 if not."""
    begun = let_happen(monkeypatch)

    def prove_space(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(atomic_file, "prove_space", prove_space)

    with pytest.raises(kind, match="cannot be saved"):
        login.sign_in(make_plan(), 1)

    assert begun == []


def test_what_was_learnt_while_somebody_signed_in_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile is read under the lock: a ``folders --learn`` meanwhile, and a later release's fields, are kept."""
    let_happen(monkeypatch, sign_in_of(ALICE), sign_in_of(ALICE))
    account = login.sign_in(make_plan(), 1)
    finding = {"learnt_at": "2026-01-01T00:00:00Z", "not_mail": ["Kalender"], "names": {}}
    held = account_lock.held

    @contextlib.contextmanager
    def after_learning(*arguments: Any) -> Iterator[None]:
        with held(*arguments):
            profiles.save(dataclasses.replace(account, mailboxes={ALICE: finding}, others={"colour": "green"}))
            yield

    monkeypatch.setattr(account_lock, "held", after_learning)
    login.sign_in(make_plan(), 1)

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


def refused(code: str, **demands: object) -> errors.SignInNeeded:
    """Return a refusal of Microsoft's that demands something."""
    error = errors.SignInNeeded("Refused", account=ALICE, code=code, remedy=Remedy("As the table says"))
    error.topic = "redirect" if code == "AADSTS50011" else ""
    for name, value in demands.items():
        setattr(error, name, value)
    return error


CLAIMS = '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}'


def test_what_a_refresh_was_refused_for_is_asked_at_the_next_login(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims and prompt of the refusal go into the sign-in, and are met by it."""
    asked = let_happen(monkeypatch, *[sign_in_of(ALICE)] * 3)
    login.sign_in(make_plan(), 1)
    account_state.remember(str(world.folder(ALICE)), refused("AADSTS50076", claims=CLAIMS), "x")
    account_state.remember(str(world.folder(ALICE)), refused("AADSTS70043", prompt="login"), "x")

    login.sign_in(make_plan(), 1)
    login.sign_in(make_plan(), 1)

    assert asked == [(None, None), ("login", CLAIMS), (None, None)]


@pytest.mark.parametrize(("key", "asked"), [("y", [(None, None), (None, CLAIMS)]), ("a", [(None, None)])])
@pytest.mark.parametrize("is_met", [True, False])
def test_a_demand_at_a_first_login_is_met_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch, key: str, asked: list[tuple[Any, Any]], *, is_met: bool
) -> None:
    """The proof is asked for in the same login, if the person agrees; one that is demanded again ends it."""
    second = sign_in_of(ALICE) if is_met else refused("AADSTS50076", claims=CLAIMS)
    begun = let_happen(monkeypatch, refused("AADSTS50076", claims=CLAIMS), second)
    answer(monkeypatch, key)

    with contextlib.suppress(errors.SignInNeeded):
        login.sign_in(make_plan(), 1)

    assert begun == asked
    assert bool(kept(world)) == (key == "y" and is_met)


def test_a_refused_first_login_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped address does not stay; the refusal names another way."""
    let_happen(monkeypatch, refused("AADSTS50011"))

    with pytest.raises(errors.SignInNeeded) as caught:
        login.sign_in(make_plan(provider=dataclasses.replace(PROVIDER, client_id=THUNDERBIRD)), 1)

    assert list(world.home.rglob("*.json")) == []
    assert "--browser" in str(caught.value.remedy.command)


def moved(who: str, tenant: str, **claims: str) -> SignIn:
    """Return a sign-in of *who* in another organisation."""
    signed_in = sign_in_of(who)
    return dataclasses.replace(signed_in, claims={**signed_in.claims, "tid": tenant, "oid": "new", **claims})


MOVES: dict[str, tuple[bool, str, dict[str, str], dict[str, str]]] = {
    "to the organisation that was asked": (True, "t2", {"tid": "t", "oid": "1"}, {}),
    "where everybody may sign in": (False, "common", {"tid": "t", "oid": "1"}, {}),
    "another name": (False, "t2", {"tid": "t", "oid": "1"}, {"preferred_username": BOB}),
    "the same ids under another name": (True, "t2", {"tid": "t2", "oid": "new"}, {"preferred_username": BOB}),
    "only by mail": (False, "t2", {"tid": "t", "oid": "1"}, {"preferred_username": BOB, "email": ALICE}),
    "in the same organisation": (False, "t2", {"tid": "t2", "oid": "1"}, {}),
    "ids of another provider": (False, "t2", {"tid": "", "oid": "1"}, {}),
}


@pytest.mark.parametrize(("is_move", "tenant", "person", "claims"), MOVES.values(), ids=MOVES)
def test_a_mailbox_that_moved_is_the_same_persons(
    world: World, monkeypatch: pytest.MonkeyPatch, tenant: str, person: Any, claims: Any, *, is_move: bool
) -> None:
    """The same ids, or the same name in the organisation that was asked; all else is somebody else: nothing is kept."""
    let_happen(monkeypatch, moved(ALICE, "t2", **claims))
    provider = dataclasses.replace(PROVIDER, authority=f"https://login.microsoftonline.com/{tenant}")

    with contextlib.nullcontext() if is_move else pytest.raises(errors.SignInNeeded, match="signed in, but"):
        login.sign_in(make_plan(provider=provider, person=person), 1)

    assert bool(kept(world)) == is_move


def test_what_was_granted_is_what_is_asked_for_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the permissions that were granted are kept; an answer that does not tell granted all."""
    let_happen(monkeypatch, dataclasses.replace(sign_in_of(ALICE), scopes=("a",)), sign_in_of(ALICE))

    less, all_ = (login.sign_in(make_plan(), 1).scopes for _ in range(2))

    assert (less, all_) == (("a",), ("a", "b"))


def test_a_personal_account_gets_its_mail_hosts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the address, the tenant of who signed in tells, and so the servers; the guest of an organisation too."""
    let_happen(monkeypatch, moved(ALICE, learned.PERSONAL_TENANT), moved(ALICE, "t", idp="live.com"))

    personal = login.sign_in(make_plan(), 1)
    guest = login.sign_in(make_plan(), 1)

    assert personal.is_personal
    assert (personal.smtp, personal.home_tenant) == ("smtp-mail.outlook.com:587", None)
    assert (guest.is_personal, guest.home_tenant, guest.smtp) == (False, "consumers", "smtp.office365.com:587")


@pytest.mark.parametrize(
    ("name", "is_terminal", "key", "ends"),
    [
        (ALICE, True, "y", None),
        (ALICE, True, "n", errors.SignInNeeded),
        (ALICE, False, "", None),
        ("alice", True, "y", None),
        ("alice", False, "", errors.WrongUsage),
    ],
)
def test_a_typing_error_is_questioned_first(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    ends: type[errors.M365Error] | None,
    *,
    is_terminal: bool,
    key: str,
) -> None:
    """At a terminal it takes a yes; elsewhere a domain that nobody knows counts, and an incomplete address is 2."""
    begun = let_happen(monkeypatch, sign_in_of(name))
    monkeypatch.setattr(prompt, "is_there", lambda: is_terminal)
    questions = answer(monkeypatch, key)

    with pytest.raises(ends) if ends else contextlib.nullcontext():
        login.sign_in(make_plan(name=name, hint=name, doubt="It looks wrong"), 1)

    assert len(questions) == is_terminal
    assert bool(begun) == (ends is None)


@pytest.mark.parametrize(("owner", "is_accepted"), [("t", True), ("other", False), (None, False), ("down", False)])
def test_a_mail_address_counts_only_in_the_domains_own_organisation(
    world: World, monkeypatch: pytest.MonkeyPatch, owner: str | None, is_accepted: bool
) -> None:
    """Any organisation can fill in ``email``: it is believed of the one that discovery names for the domain."""

    def find(name: str, cloud: str) -> tenant_discovery.Place | None:
        assert (name, cloud) == (ALICE, "global")
        if owner == "down":
            raise errors.Temporary("No network")
        return tenant_discovery.Place(owner, "global") if owner else None

    monkeypatch.setattr(tenant_discovery, "find", find)
    signed_in = sign_in_of("upn@example.org")
    let_happen(monkeypatch, dataclasses.replace(signed_in, claims={**signed_in.claims, "email": ALICE.upper()}))

    with contextlib.suppress(errors.SignInNeeded):
        login.sign_in(make_plan(), 1)

    assert bool(kept(world)) == is_accepted


def test_a_bug_while_a_device_code_is_asked_for_ends_the_wait(
    world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong in the background comes out in front at once, and is not waited for until the code expires."""

    def fail(attempt: Attempt) -> None:
        raise ZeroDivisionError(attempt)

    monkeypatch.setattr(Attempt, "poll_device", fail)

    with pytest.raises(ZeroDivisionError):
        login.sign_in(make_plan(provider=known_provider(entra), flow="device"), 20)
