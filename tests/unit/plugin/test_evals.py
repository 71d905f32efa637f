"""The functions for evals outside OfflineIMAP; tests/whole shows what they do inside each build."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import offlineimap_m365
from offlineimap_m365.base import errors
from offlineimap_m365.folders import learned
from offlineimap_m365.knowledge import installation
from offlineimap_m365.plugin import evals, log_redaction
from tests.signed_in_accounts import ALICE, age, invent, keep

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.m365.entra import Entra
    from tests.world import World


@pytest.mark.parametrize("function", ["get_access_token", "get_refresh_token", "get_client_id", "get_client_secret"])
def test_an_account_that_is_not_signed_in_is_named(world: World, function: str) -> None:
    """Each eval raises the plain class with the account, the directory searched and the command that helps."""
    with pytest.raises(errors.SignInNeeded) as caught:
        getattr(offlineimap_m365, function)(ALICE)

    assert type(caught.value) is errors.SignInNeeded
    assert caught.value.account == ALICE
    assert str(world.home) in str(caught.value)
    assert caught.value.remedy.command == f"offlineimap-m365 login {ALICE}"
    assert caught.value.args == (str(caught.value),)


WITHOUT_MSAL = """
import sys
sys.modules["msal"] = None
import offlineimap_m365
from offlineimap_m365.__main__ import main
try:
    offlineimap_m365.get_access_token("alice@example.org")
except offlineimap_m365.Misconfigured as error:
    print(error, file=sys.stderr)
sys.argv = ["offlineimap-m365", "token", "alice@example.org"]
sys.exit(main())
"""


def test_a_missing_msal_is_a_broken_installation_and_no_bug(world: World, entra: Entra) -> None:
    """From the function as from the command: the module is named, and what installs the program again."""
    age(keep(entra), -10)
    remedy = installation.repair()

    done = world.execute([sys.executable, "-c", WITHOUT_MSAL])

    assert done.code == 78
    assert done.err.count("msal") == 2
    assert done.err.count(remedy.command or remedy.advice) == 2
    assert "bug" not in done.err


def test_a_personal_mailbox_keeps_its_own_names(world: World) -> None:
    """The pair of an account knows its kind: Sent of a personal mailbox does not become Sent Items."""
    personal = {"Sent": "Sent", "Deleted": "Trash", "Junk/a": "Junk/a", "Sent Items": "Sent Items"}
    work = {"Sent Items": "Sent", "Deleted Items": "Trash", "Junk Email": "Junk"}
    for tenant, names in ((learned.PERSONAL_TENANT, personal), ("11111111-1111-1111-1111-111111111111", work)):
        invent(tenant=tenant)

        remote, local = offlineimap_m365.make_nametrans(account=ALICE)

        assert {name: remote(name) for name in names} == names
        assert [local(remote(name)) for name in names] == list(names)


def test_what_each_eval_returns(world: World) -> None:
    """The tokens of the store, which no log shows from then on, the client id, and no secret for a public client."""
    account = invent()

    tokens = [offlineimap_m365.get_access_token(), offlineimap_m365.get_refresh_token(ALICE)]

    assert tokens == ["a-made-up-access-token", "a-made-up-refresh-token"]
    assert [offlineimap_m365.get_client_id(), offlineimap_m365.get_client_secret(ALICE)] == [account.client_id, ""]
    assert list(map(log_redaction.clean, [*tokens, account.client_id])) == ["<hidden>", "<hidden>", account.client_id]


@pytest.mark.parametrize(
    ("function", "arguments", "asked"),
    [
        ("get_access_token", [ALICE, 1800], f"token {ALICE} --prefer-validity 1800"),
        ("get_access_token", [], "token --prefer-validity 300"),
        ("get_access_token", [ALICE, 1800.9], f"token {ALICE} --prefer-validity 1800"),
        ("get_access_token", [ALICE, -5], f"token {ALICE} --prefer-validity 0"),
        ("get_access_token", [ALICE, float("nan")], f"token {ALICE} --prefer-validity 0"),
        ("get_access_token", [ALICE, float("inf")], f"token {ALICE} --prefer-validity 86400"),
        ("get_refresh_token", [ALICE], f"token {ALICE} --what refresh-token"),
        ("get_client_id", [ALICE], f"token {ALICE} --what client-id"),
        ("get_client_secret", [ALICE], f"token {ALICE} --what client-secret"),
    ],
)
def test_what_a_foreign_interpreter_asks(
    world: World, monkeypatch: pytest.MonkeyPatch, function: str, arguments: list[Any], asked: str
) -> None:
    """All but a fresh token is asked of the installed command; if that is gone, the recorded repair is told."""
    for name in ("_command", "_repair"):
        monkeypatch.setattr(evals, name, getattr(evals, name))

    evals.use_command(["/bin/echo"])
    assert getattr(offlineimap_m365, function)(*arguments) == asked
    evals.use_command(["/nonexistent"], ("Install it again", "pipx reinstall it"))
    with pytest.raises(errors.Misconfigured) as caught:
        getattr(offlineimap_m365, function)(*arguments)

    assert caught.value.remedy.command == "pipx reinstall it"
    invent()
    assert offlineimap_m365.get_access_token(ALICE) == "a-made-up-access-token"  # fresh, so nobody is asked


def test_a_call_that_cannot_be_used_is_misconfigured(world: World) -> None:
    """A slip in an eval gets one of our errors, which costs this account only and says what is wrong."""
    token: Any = offlineimap_m365.get_access_token
    calls: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: token(ALICE, "soon"), "min_validity is not a number of seconds"),
        (lambda: token(ALICE, [1800]), "min_validity is not a number of seconds"),
        (lambda: offlineimap_m365.make_folderfilter(keep=3), "make_folderfilter: keep"),
        (lambda: offlineimap_m365.make_nametrans({"a": "c", "b": "c"}), "make_nametrans: "),
    )
    for call, words in calls:
        with pytest.raises(errors.Misconfigured, match=words):
            call()


def test_what_was_learnt_of_a_mailbox_is_used(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The finding decides; without one the plain function does, and one line in OfflineIMAP's log says so."""
    invent(mailboxes={ALICE: {"not_mail": ["Agenda"], "names": {"Verzonden": "Sent"}}})

    with caplog.at_level("INFO", logger="OfflineImap"):
        keeps = offlineimap_m365.make_folderfilter(account=ALICE)
        remote, _ = offlineimap_m365.make_nametrans(account=ALICE)
        plain = offlineimap_m365.make_folderfilter(account=ALICE, mailbox="info@example.org")

    assert (keeps("Agenda"), keeps("INBOX"), remote("Verzonden")) == (False, True, "Sent")
    assert (plain("Agenda"), plain("Calendar")) == (True, False)
    assert [line.partition(":")[0] for line in caplog.messages] == ["info@example.org"]
