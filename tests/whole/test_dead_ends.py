"""Pages of Microsoft's that never come back, pasted at the prompt of a login and given to explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
#: A page of Conditional Access, from its heading to its details.
BLOCKED = f"""You cannot access this right now
Your sign-in was successful but does not meet the criteria to access this resource. For example, you might be signing \
in from a browser, app, or location that is restricted by your admin.
Troubleshooting details
Error Code: 53003
Request Id: 00000000-0000-0000-0000-000000053003
Correlation Id: {CORRELATION}
Timestamp: 2026-11-24T09:12:44Z
App name: Mozilla Thunderbird"""
APPROVAL = """Need admin approval
Mozilla Thunderbird needs permission to access resources in your organization that only an admin can grant.
Have an admin account? Sign in with that account
Return to the application without granting consent"""
GERMAN = f"Anmelden\nFehlercode: 53000\nKorrelations-ID: {CORRELATION}\nZeitstempel: 2026-11-24T09:12:44Z"


#: The text of a page, its code (0: neither code nor reference), and what the remedy must say.
PAGES = {
    "90094": (APPROVAL, 0, f"consent {ALICE}"),
    "53003": (BLOCKED, 53003, "another place"),
    "53000 in German": (GERMAN, 53000, "help desk"),
}


@pytest.mark.parametrize(("page", "code", "helps"), PAGES.values(), ids=PAGES)
def test_a_dead_end_is_explained_at_the_prompt_and_afterwards(
    world: World, entra: Entra, page: str, code: int, helps: str
) -> None:
    """Where the last address is awaited 77, and by explain: code, Microsoft's reference, a command that can be run."""
    with pasting(lambda _: page):
        refused = run("login", ALICE, "--paste", *options(entra))
    explained = run("explain", ALICE, "-", stdin=page)

    at_the_prompt = refused.err[refused.err.index("Microsoft's page refused") :]
    assert (refused.code, refused.out, files_of(world)) == (77, "", [])
    assert (explained.code, explained.err) == (0, "")
    for said in (at_the_prompt, explained.out.partition("\n\n")[0]):
        for part in ("AADSTS", f"AADSTS{code}", CORRELATION, "2026-11-24T09:12:44Z"):
            assert (part in said) == bool(code), part
        assert helps in said
        assert 2 <= len(said.splitlines()) <= 6
        assert all(parse(words) for words in commands_in(said))
