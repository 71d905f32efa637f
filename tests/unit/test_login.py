"""Keeping a sign-in: all of it or nothing, and only of who was meant."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365 import accounts, entra, errors, flows, login, notices, plan, store
from offlineimap_m365.flows import Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.world import World

ALICE, BOB = "alice@example.org", "bob@example.org"
IDS = {ALICE: "1", BOB: "2"}
PROVIDER = entra.Provider("my-client", "https://login.microsoftonline.com/common", ("a", "b"))


@dataclasses.dataclass
class Somebody:
    """A person who answers every question alike."""

    answer: str = "a"
    heard: list[str] = dataclasses.field(default_factory=list)
    questions: list[str] = dataclasses.field(default_factory=list)

    def say(self, text: str = "") -> None:
        """Hear one line."""
        self.heard.append(text)

    def choose(self, question: str, choices: dict[str, str], default: str) -> str:
        """Answer."""
        self.questions.append(question)
        assert default in choices
        return self.answer


def make_plan(**changes: Any) -> plan.Plan:
    """Return the plan of a first login of Alice, changed."""
    fields: dict[str, Any] = {
        "name": ALICE,
        "hint": ALICE,
        "person": {},
        "provider": PROVIDER,
        "flow": "paste",
        "port": 0,
        "opens": False,
        "redirect_uri": "https://localhost",
        "imap": "localhost:993",
        "smtp": "localhost:587",
        "cloud": "global",
        "store": "file",
        "client_name": None,
        "chosen": {},
    }
    return plan.Plan(**{**fields, **changes})


def sign_in_of(who: str, secret: str = "secret") -> entra.SignIn:
    """Return what a flow brings when *who* signs in."""
    entry = {"secret": secret, "cached_at": "1", "expires_on": "2"}
    cache = {"AccessToken": {"k": entry}, "RefreshToken": {"k": {"secret": f"refresh {secret}"}}}
    claims = {"preferred_username": who, "tid": "t", "oid": IDS.get(who, "9")}
    return entra.SignIn(claims, json.dumps(cache).encode())


def let_sign_in(monkeypatch: pytest.MonkeyPatch, *people: entra.SignIn) -> list[str | None]:
    """Let *people* come through the flow one after the other; return the prompts that it is begun with."""
    waiting, prompts = list(people), list[str | None]()

    @contextlib.contextmanager
    def begin(_: object, __: object, ___: object, prompt: str | None) -> Iterator[Source]:
        prompts.append(prompt)
        yield Source("https://localhost")

    monkeypatch.setattr(flows, "begin", begin)
    monkeypatch.setattr(flows, "wait", lambda *_: waiting.pop(0))
    return prompts


def kept(world: World) -> dict[str, str]:
    """Return the files that hold something of Alice."""
    names = ("cache.json", "profile.json")
    return {
        name: (world.folder(ALICE) / name).read_text("utf-8") for name in names if (world.folder(ALICE) / name).exists()
    }


def test_who_was_meant_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets, profile and the stub for OfflineIMAP are there, and nobody was asked."""
    let_sign_in(monkeypatch, sign_in_of("Alice@Example.org"))
    somebody = Somebody()

    account = login.sign_in(make_plan(), somebody, 1)

    assert (account.identity, account.tenant, account.person) == ("Alice@Example.org", "t", {"tid": "t", "oid": "9"})
    assert accounts.load(ALICE) == account
    assert set(kept(world)) == {"cache.json", "profile.json"}
    assert (world.home / "pythonfile.py").exists()
    assert somebody.questions == []


@pytest.mark.parametrize(
    ("answer", "prompts", "identity"), [("k", [None], BOB), ("t", [None, "select_account"], ALICE), ("a", [None], None)]
)
def test_somebody_else_is_a_question(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: str, prompts: list[str | None], identity: str | None
) -> None:
    """Keep, try again with the account chooser, or abort, which keeps nothing."""
    begun = let_sign_in(monkeypatch, sign_in_of(BOB), sign_in_of(ALICE))
    with contextlib.ExitStack() as stack:
        caught = stack.enter_context(pytest.raises(errors.SignInNeeded)) if answer == "a" else None
        login.sign_in(make_plan(), Somebody(answer), 1)

    account = accounts.load(ALICE)
    assert begun == prompts
    assert (account.identity if account else None) == identity
    assert caught is None or (f"--identity {BOB}" in caught.value.remedy and not kept(world))


def test_later_logins_go_by_ids(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ids under another name are the same person; the same name with other ids is somebody else."""
    assert world
    let_sign_in(monkeypatch, sign_in_of("renamed@example.org"), sign_in_of(ALICE))
    later = make_plan(person={"tid": "t", "oid": "9"})
    login.sign_in(later, Somebody(), 1)

    with pytest.raises(errors.SignInNeeded, match="signed in, and"):
        login.sign_in(later, Somebody(), 1)


def test_ids_of_another_kind_do_not_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the last provider told other ids than this one, names decide."""
    assert world
    let_sign_in(monkeypatch, sign_in_of(ALICE))

    account = login.sign_in(make_plan(person={"iss": "i", "sub": "s"}), Somebody(), 1)

    assert account.person == {"tid": "t", "oid": "1"}


def test_a_sign_in_of_another_program_is_kept_if_it_is_who_was_meant(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that a refresh proved is kept as any other; somebody else's is refused without a question."""
    waiting = [sign_in_of(ALICE, "new"), sign_in_of(BOB, "another")]
    monkeypatch.setattr(entra.Attempt, "adopt", lambda *_: waiting.pop(0))

    account = login.take_over(make_plan(), "a refresh token", "import it")
    with pytest.raises(errors.SignInNeeded, match=f"{BOB} signed in, and {ALICE} was meant") as caught:
        login.take_over(make_plan(), "a refresh token", "import it")

    assert account.is_signed_in
    assert '"new"' in kept(world)["cache.json"]
    assert f"run: import it --identity {BOB}" in caught.value.remedy


def full_disk(*_: object) -> None:
    """Be full."""
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_is_full_in_between_leaves_the_earlier_sign_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the profile cannot be written after the secrets, the secrets are put back: both or none."""
    let_sign_in(monkeypatch, sign_in_of(ALICE, "old"), sign_in_of(ALICE, "new"))
    login.sign_in(make_plan(), Somebody(), 1)
    before = kept(world)
    monkeypatch.setattr(accounts, "save", full_disk)

    with pytest.raises(errors.Temporary, match="cannot be saved"):
        login.sign_in(make_plan(), Somebody(), 1)

    assert kept(world) == before
    assert '"old"' in before["cache.json"]


def test_a_first_login_on_a_full_disk_leaves_no_secret(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that no profile belongs to is not left lying about."""
    let_sign_in(monkeypatch, sign_in_of(ALICE))
    monkeypatch.setattr(accounts, "save", full_disk)

    with pytest.raises(errors.Temporary, match="cannot be saved"):
        login.sign_in(make_plan(), Somebody(), 1)

    assert kept(world) == {}


def test_a_stub_that_cannot_be_written_is_a_notice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sign-in is kept and said to be; what OfflineIMAP would miss is told in one line."""
    said: list[str] = []
    notices.listen(said.append)
    let_sign_in(monkeypatch, sign_in_of(ALICE))
    monkeypatch.setattr("offlineimap_m365.installation.write_stub", full_disk)

    login.sign_in(make_plan(), Somebody(), 1)

    assert set(kept(world)) == {"cache.json", "profile.json"}
    assert len(said) == 1
    assert "pythonfile.py" in said[0]


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, errors.Temporary), (errno.EROFS, errors.Misconfigured)])
def test_nobody_is_troubled_for_a_store_that_cannot_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[errors.M365Error]
) -> None:
    """It is found out before the flow begins: 75 if it may pass, 78 if not."""
    assert world
    begun = let_sign_in(monkeypatch)

    @contextlib.contextmanager
    def reserve(_: object) -> Iterator[None]:
        raise OSError(number, "no")
        yield

    monkeypatch.setattr(store.FileStore, "reserve", reserve)

    with pytest.raises(kind, match="cannot be saved"):
        login.sign_in(make_plan(), Somebody(), 1)

    assert begun == []


def test_what_a_later_release_added_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields of the profile that this release does not know survive a login."""
    let_sign_in(monkeypatch, sign_in_of(ALICE), sign_in_of(ALICE))
    login.sign_in(make_plan(), Somebody(), 1)
    path: Path = world.folder(ALICE) / "profile.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, "colour": "green"}), encoding="utf-8")

    login.sign_in(make_plan(), Somebody(), 1)

    assert json.loads(path.read_text(encoding="utf-8"))["colour"] == "green"


@pytest.mark.parametrize(
    ("remedy", "expected"),
    [
        ("Check the network and try again", f"Check the network and try again: offlineimap-m365 login {ALICE}"),
        (f"Try again: offlineimap-m365 refresh {ALICE}", f"Try again: offlineimap-m365 login {ALICE}"),
        ("", f"Try again: offlineimap-m365 login {ALICE}"),
    ],
)
def test_a_passing_trouble_names_login(remedy: str, expected: str) -> None:
    """What can be tried again is the login; the account is named; all else of the error stays."""
    error = errors.Temporary("localhost cannot be reached", remedy=remedy, code="AADSTS90033", time="now")

    with pytest.raises(errors.Temporary) as caught, login.trouble_told(ALICE):
        raise error

    assert caught.value.fact == f"{ALICE} cannot sign in now: localhost cannot be reached"
    assert (caught.value.remedy, caught.value.code, caught.value.time) == (expected, "AADSTS90033", "now")
