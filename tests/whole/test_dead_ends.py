"""Pages of Microsoft's that never come back, pasted at the prompt of a login and given to explain."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.in_process import pasting, run
from tests.named_commands import commands_in, parse
from tests.sign_in import options
from tests.signed_in_accounts import ALICE
from tests.whole.terminal import files_of

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World

CORRELATION = "019827f4-372b-7726-8110-db46f130cd8f"
CLIENT = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"


#: The page with the heading "Sign in", from its title to its foot.
REDIRECT = f"""Sign in
Sorry, but we\u2019re having trouble signing you in.

AADSTS50011: The redirect URI 'https://localhost' specified in the request does not match '{CLIENT}'.

Troubleshooting details
If you contact your administrator, send this info to them.
Copy info to clipboard
Request Id: {uuid.UUID(int=50011)}
Correlation Id: {CORRELATION}
Timestamp: 2026-11-24T09:12:44Z
Message: AADSTS50011: The redirect URI 'https://localhost' specified in the request does not match '{CLIENT}'.
Advanced diagnostics: Enable
Terms of use Privacy & cookies"""
#: A page of Conditional Access, from the address at its head to its details.
BLOCKED = f"""{ALICE}
You cannot access this right now
Your sign-in was successful but does not meet the criteria to access this resource. For example, you might be signing \
in from a browser, app, or location that is restricted by your admin.
Sign out and sign in with a different account
More details
Troubleshooting details
If you contact your administrator, send this info to them.
Error Code: 53003
Request Id: {uuid.UUID(int=53003)}
Correlation Id: {CORRELATION}
Timestamp: 2026-11-24T09:12:44Z
App name: Mozilla Thunderbird
App id: {CLIENT}
IP address: 192.0.2.42
Device identifier: Not available
Device platform: Linux
Device state: Unregistered"""
APPROVAL = """Need admin approval
Mozilla Thunderbird
Mozilla Thunderbird needs permission to access resources in your organization that only an admin can grant. Please
ask an admin to grant permission to this app before you can use it.
Have an admin account? Sign in with that account
Return to the application without granting consent"""
GERMAN = f"Anmelden\nFehlercode: 53000\nKorrelations-ID: {CORRELATION}\nZeitstempel: 2026-11-24T09:12:44Z"


class Page(NamedTuple):
    """The text of a page, its code (0: none), whether Microsoft's reference is on it, what the remedy must say."""

    text: str
    code: int
    has_reference: bool
    helps: str


PAGES = {
    "50011": Page(REDIRECT, 50011, True, f"login {ALICE} --browser"),
    "90094 without one": Page(APPROVAL, 0, False, f"consent {ALICE}"),
    "53003": Page(BLOCKED, 53003, True, "another place"),
    "53000 in German": Page(GERMAN, 53000, True, "help desk"),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_dead_end_is_explained_at_the_prompt_and_afterwards(world: World, entra: Entra, page: Page) -> None:
    """Where the last address is awaited 77, and by explain: code, Microsoft's reference, a command that can be run."""
    with pasting(lambda _: page.text):
        refused = run("login", ALICE, "--paste", *options(entra))
    explained = run("explain", ALICE, "-", stdin=page.text)

    at_the_prompt = refused.err[refused.err.index("Microsoft's page refused") :]
    assert (refused.code, refused.out, files_of(world)) == (77, "", [])
    assert (explained.code, explained.err) == (0, "")
    for said in (at_the_prompt, explained.out.partition("\n\n")[0]):
        assert ("AADSTS" in said, f"AADSTS{page.code}" in said) == (bool(page.code), bool(page.code))
        assert (CORRELATION in said, "2026-11-24T09:12:44Z" in said) == (page.has_reference, page.has_reference)
        assert page.helps in said
        assert 2 <= len(said.splitlines()) <= 6
        assert all(parse(words) for words in commands_in(said))
