"""Every release reads what earlier ones wrote: their files lie in tests/data, with made-up secrets."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import fresh_token, paths
from offlineimap_m365.console import status
from offlineimap_m365.tokens import engine
from tests.signed_in_accounts import ALICE, age

if TYPE_CHECKING:
    from tests.world import World

SOURCE = Path(__file__).parents[3]
RELEASES = sorted((Path(__file__).parents[2] / "data").glob("release-*"))
TOKEN = "a-made-up-access-token"


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def release(request: pytest.FixtureRequest, world: World) -> Path:
    """Return the files of a release, as its user has them: closed, and with a token that is fresh."""
    source: Path = request.param
    folder = Path(paths.folder(ALICE))
    paths.make(str(folder))
    for path in source.iterdir():
        target = (world.home if path.name == "pythonfile.py" else folder) / path.name
        shutil.copyfile(path, target)
        target.chmod(0o600)
    age(profiles.get(ALICE), 3600)
    return source


def test_its_files_are_read(release: Path) -> None:
    """The tokens, for MSAL too, the profile, whose fields are written again, and what happened: all arrive."""
    import msal  # noqa: PLC0415 - the judge of its own format

    account, failure = profiles.get(ALICE), account_state.last_failure(paths.folder(ALICE))
    cache = msal.SerializableTokenCache()
    cache.deserialize((Path(account.folder) / "cache.json").read_text())
    refresh_tokens = [entry["secret"] for entry in cache.search(msal.TokenCache.CredentialType.REFRESH_TOKEN)]
    before = json.loads((Path(account.folder) / "profile.json").read_text())
    profiles.save(dataclasses.replace(account))
    after = json.loads((Path(account.folder) / "profile.json").read_text())

    assert fresh_token.find(ALICE) == engine.access_token(ALICE).value == TOKEN
    assert [engine.refresh_token(ALICE)] == refresh_tokens == ["a-made-up-refresh-token"]
    assert {name: after[name] for name in before} == before
    assert account.person["oid"] == "66666666-7777-8888-9999-000000000000"
    assert account.others == {}
    assert failure is not None
    assert (failure.exit_code, failure.code) == (75, "AADSTS90033")
    assert [event["what"] for event in account_state.events(account.folder)] == ["login", "failed"]
    assert [(report.account, report.state) for report in status.report([])] == [(ALICE, "ok")]


def test_its_stub_leads_here(release: Path, world: World) -> None:
    """The stub that it wrote, moved to where this package lies, still gives a token to OfflineIMAP."""
    stub = world.home / "pythonfile.py"
    old = "/home/alice/.local/share/pipx/venvs/offlineimap-m365/lib/python3.11/site-packages"
    text = stub.read_text()
    assert old in text
    stub.write_text(text.replace(old, str(SOURCE)))
    program = (
        "import runpy, sys\n"
        "names = runpy.run_path(sys.argv[1])\n"
        f"print(names['get_access_token']({ALICE!r}), names['folderfilter']('Calendar'), sys.path)\n"
    )

    done = world.execute([sys.executable, "-I", "-S", "-c", program, str(stub)])

    assert done.code == 0, done.err
    assert done.out.startswith(f"{TOKEN} False ")
    assert str(SOURCE) not in done.out
