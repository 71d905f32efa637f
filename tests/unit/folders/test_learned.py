"""What folders --learn stored of a mailbox, as the filter and nametrans use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import offlineimap_m365
from offlineimap_m365.folders import learned
from tests import signed_in_accounts

if TYPE_CHECKING:
    from offlineimap_m365.accounts import profiles
    from tests.world import World

ALICE = "alice@example.org"
DUTCH = {
    "not_mail": ["Agenda", "Taken"],
    "mail": ["Notes"],
    "languages": ["nl"],
    "names": {"Verzonden items": "Sent", "Concepten": "Drafts"},
    "learnt_at": "2026-11-24T12:00:00Z",
}


def keep(found: dict[str, Any]) -> profiles.Account:
    """Keep an account of which *found* was learnt."""
    return signed_in_accounts.invent(mailboxes={ALICE: found})


def test_what_was_learnt_is_used_after_the_users_own_words(world: World) -> None:
    """The finding decides about folders and their names, a later unknown folder is kept, and the user's words win."""
    keep(DUTCH)

    plain = offlineimap_m365.make_folderfilter(account=ALICE)
    mine = offlineimap_m365.make_folderfilter(account="ALICE@Example.org", keep="Taken", drop="Notes")
    remote, local = offlineimap_m365.make_nametrans(account=ALICE)
    renamed, _ = offlineimap_m365.make_nametrans({"Verstuurd": "Sent"}, account=ALICE)

    names = ("Agenda/x", "Taken", "Notes", "Later", "Calendar", "INBOX")
    assert list(filter(plain, names)) == ["Notes", "Later", "INBOX"]
    assert list(filter(mine, names)) == ["Taken", "Later", "INBOX"]
    assert [remote("Verzonden items/x"), remote("Sent")] == ["Sent/x", "Verzonden items"]
    assert local("Sent/x") == "Verzonden items/x"
    assert list(map(renamed, ["Verstuurd", "Verzonden items", "Concepten"])) == ["Sent", "Verzonden items", "Drafts"]


@pytest.mark.parametrize(
    "profile",
    [
        "", "[]", "{}", "[" * 99_999, '{"account": "a@b", "mailboxes": []}', '{"account": 7, "mailboxes": {}}',
        '{"account": "a@b", "mailboxes": {"a@b": 7}}', '{"account": "a@b", "mailboxes": {"a@b": {"not_mail": "x"}}}',
        '{"account": "a@b", "mailboxes": {"a@b": {"mail": [7]}}}',
        '{"account": "a@b", "mailboxes": {"a@b": {"names": {"x": 7}}}}',
    ],
)  # fmt: skip
def test_a_broken_profile_counts_as_never_learnt(world: World, profile: str) -> None:
    """Whatever happened to the profile, a sync gets the plain function."""
    account = keep(DUTCH)
    Path(account.folder, "profile.json").write_text(profile, encoding="utf-8")

    found = offlineimap_m365.make_folderfilter(account=ALICE)
    remote, local = offlineimap_m365.make_nametrans(account=ALICE)

    assert learned.find(ALICE) is None
    assert [found("Agenda"), found("Calendar"), found("INBOX")] == [True, False, True]
    assert [remote("Sent Items"), local("Sent")] == ["Sent", "Sent Items"]


def test_a_store_that_others_can_write_to_teaches_nothing(world: World) -> None:
    """A profile that another user may have written does not decide which mail is kept."""
    account = keep(DUTCH)
    Path(account.folder).chmod(0o777)

    assert learned.find(ALICE) is None


def test_names_that_cannot_be_a_renaming_are_left_out(world: World) -> None:
    """A finding is never an error: what fits is used, what does not is not."""
    keep({"names": {"INBOX": "Sent", "Gesendet": "cur", "Verzonden items": "Sent", "Verstuurd": "sent"}})

    remote, local = offlineimap_m365.make_nametrans(account=ALICE)

    assert [remote("INBOX"), remote("Gesendet"), remote("Verzonden items")] == ["INBOX", "Gesendet", "Sent"]
    assert local("Sent") == "Verzonden items"
