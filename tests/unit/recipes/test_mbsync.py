"""What mbsync is told to leave out, and which certificates to trust."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from offlineimap_m365 import recipes
from offlineimap_m365.accounts import profiles
from offlineimap_m365.recipes import targets
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    import pytest

    from tests.world import World


def unwanted(text: str) -> list[str]:
    """Return the folders that a snippet leaves out with all below them, as they are spelt in it."""
    patterns = [found for line in text.splitlines() for found in re.findall(r'"!(.*?)"', line)]
    below = [pattern.removesuffix("/*") for pattern in patterns if pattern.endswith("/*")]
    assert sorted(pattern for pattern in patterns if not pattern.endswith("/*")) == sorted(below)
    return below


def learnt(**finding: Any) -> str:
    """Return the snippet for Alice, whose mailbox has that *finding*."""
    account = dataclasses.replace(invent(), mailboxes={ALICE: finding})
    profiles.save(account)
    return recipes.render("mbsync", account)


def test_a_mailbox_that_was_never_learnt_has_the_names_in_english(world: World) -> None:
    """What Exchange calls what is no mail, in English and everywhere, is left out; how to do better is said."""
    text = recipes.render("mbsync", targets.defaults(ALICE))

    assert {"Calendar", "Contacts", "Tasks", "Notes", "Journal", "Outbox", "Sync Issues"} <= set(unwanted(text))
    assert "Kalender" not in unwanted(text)
    assert "INBOX" not in unwanted(text)
    assert f"For others first run: offlineimap-m365 folders {ALICE} --learn" in text


def test_what_was_learnt_is_left_out_in_either_spelling(world: World) -> None:
    """A name with other letters than ASCII is there as IMAP spells it and as people read it."""
    found = unwanted(learnt(not_mail=["Kalender", "Teht&AOQ-v&AOQ-t"]))

    assert found[:3] == ["Kalender", "Teht\u00e4v\u00e4t", "Teht&AOQ-v&AOQ-t"]


def test_mail_is_never_left_out(world: World) -> None:
    """A folder that was found to hold mail stays whatever it is called, and no name is a pattern for others."""
    found = unwanted(learnt(not_mail=["50%", "*", "Agenda"], mail=["notes"]))

    assert "Agenda" in found
    assert not {"Notes", "notes", "50%", "*"} & set(found)


def test_only_certificates_of_ones_own_are_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the environment names is added to the system's; without one the system's are enough."""
    named = recipes.render("mbsync", targets.defaults(ALICE))
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name)

    usual = recipes.render("mbsync", targets.defaults(ALICE))

    assert f'\nCertificateFile "{world.root}/ca.pem"\n' in named
    assert "CertificateFile" not in usual
