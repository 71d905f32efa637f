"""Installing from nothing, in every way that the README names, and getting rid of it again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.cli import arguments
from tests.sign_in import options, sign_in
from tests.signed_in_accounts import ALICE
from tests.whole.installation import ROOT, Installation, section, table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.world import World

#: Where each shell looks below a prefix.
SHELLS = (
    "bash-completion/completions/offlineimap-m365",
    "zsh/site-functions/_offlineimap-m365",
    "fish/vendor_completions.d/offlineimap-m365.fish",
)
_INVENTORY = os.environ.get("M365_TESTS_ENVIRONMENTS", "")


@pytest.fixture
def installation(world: World, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Return a new machine."""
    monkeypatch.setenv("M365_TESTS_ENVIRONMENTS", _INVENTORY)
    return Installation(world)


def is_documented(installation: Installation, prefix: Path) -> None:
    """Assert that an installation at *prefix* has its man pages, which man shows, and what shells look for."""
    share = prefix / "share"
    found = {str(path.relative_to(share)) for path in share.rglob("*") if path.is_file()}
    assert set(SHELLS) <= found
    assert {f"man/man1/offlineimap-m365{end}.1" for end in ("", *(f"-{name}" for name in arguments.COMMANDS))} <= found
    assert "offlineimap-m365-login - sign in" in installation.do(f"man -M '{share}/man' offlineimap-m365-login")
    assert installation.do(f"bash -c 'source {share}/{SHELLS[0]}; complete -p offlineimap-m365'").startswith(
        "complete "
    )


#: How to install, by what the reader has; how to upgrade and remove, in the same order.
INSTALL = table(section("Install"))
LATER = table(section("Upgrade and remove", ROOT / "docs/moving.md"))


def install(installation: Installation, row: int, program: Path) -> None:
    """Install a clone as the README says."""
    installation.do(INSTALL[row][1], where=installation.clone("8.8.8"))
    assert installation.do(f"{program} --version") == "offlineimap-m365 8.8.8\n"


def remove(installation: Installation, row: int, program: Path) -> None:
    """Remove it as docs/moving.md says."""
    installation.do(LATER[row][2])
    assert not program.exists()


def test_a_virtual_environment_has_the_man_pages(installation: Installation) -> None:
    """The extra brings OfflineIMAP; console script and ``python -m`` are the same command."""
    prefix = installation.home / "mail-env"

    install(installation, 3, prefix / "bin/offlineimap-m365")

    assert installation.do(f"{prefix}/bin/python -m offlineimap_m365 --version") == "offlineimap-m365 8.8.8\n"
    is_documented(installation, prefix)
    assert (prefix / "bin/offlineimap").exists()
    remove(installation, 3, prefix / "bin/offlineimap-m365")


def test_an_upgrade_keeps_the_sign_in(installation: Installation, entra: Entra) -> None:
    """
    With uv the token and the sign-in stay, and the stub that OfflineIMAP loads is of the newer release.

    Once it is removed, OfflineIMAP gets one line that names the repair when its token is no longer fresh.
    """
    entra.access_token_seconds = 3600  # longer than an installation takes
    program = installation.bin / "offlineimap-m365"
    installation.world.command = [str(program)]
    stub = installation.home / ".local/share/offlineimap-m365/pythonfile.py"
    ask = installation.home / "ask.py"
    ask.write_text(
        f"exec(compile(open({str(stub)!r}).read(), {str(stub)!r}, 'exec'))\n"
        f"try:\n    print(get_access_token({ALICE!r}))\nexcept Exception as error:\n    print(error)\n",
        encoding="utf-8",
    )

    install(installation, 2, program)
    assert installation.on_path() == {"offlineimap-m365"}
    signed_in = sign_in(installation.world, entra, ALICE, *options(entra))
    before = installation.world.run("token", ALICE)
    older = stub.read_text(encoding="utf-8")
    installation.do(LATER[2][1], where=installation.clone("8.8.9"))
    status = installation.world.run("status")
    after = installation.do("/usr/bin/python3 ask.py")
    remove(installation, 2, program)
    (installation.home / ".local/share/offlineimap-m365/accounts" / ALICE / "cache.json").unlink()
    removed = installation.do("/usr/bin/python3 ask.py")

    assert (signed_in.code, before.code, status.code) == (0, 0, 0), signed_in.err + status.err
    assert "offlineimap-m365 8.8.8" in older
    assert "offlineimap-m365 8.8.9" in stub.read_text(encoding="utf-8")
    assert after == before.out
    assert f"uv tool install --force {installation.world.root}/clone8.8.9" in removed
    assert removed.count("\n") == 1


def test_from_the_source_distribution(installation: Installation) -> None:
    """
    The README's line for pipx installs the sdist, which holds tests, sample, licence, documents and man pages.

    Built twice from the same source, it and the wheel are the same byte for byte.
    """
    first, second = (
        {path.name: path.read_bytes() for path in installation.release(name)} for name in ("first", "second")
    )
    assert len(first) == 2
    assert first == second
    source = installation.world.root / "first" / next(name for name in first if name.endswith(".gz"))
    program = installation.bin / "offlineimap-m365"
    assert LATER[0][1] == INSTALL[0][1].replace("install", "install --force")

    installation.do(INSTALL[0][1].replace(" .", f" '{source}'"))

    assert installation.on_path() == {"offlineimap-m365"}
    assert installation.do(f"{program} --version") == "offlineimap-m365 9.9.9\n"
    prefix = program.resolve().parents[1]
    is_documented(installation, prefix)
    installed = "import importlib.metadata as m; print(*m.files('offlineimap-m365'), sep=chr(10))"
    assert "licenses/NOTICE\n" in installation.do(f'{prefix}/bin/python -c "{installed}"')
    remove(installation, 0, program)
    held = installation.do(f"tar -tzf '{source}'")
    wanted = {"LICENSE", "NOTICE", "README.md", "SECURITY.md", "noxfile.py", "sample-offlineimaprc", "tests/run"}
    wanted |= {"tests/unit/cli/test_main.py", "docs/man/offlineimap-m365.1", "docs/man/offlineimap-m365-login.1"}
    wanted |= {f"docs/completion/{name}" for name in ("_offlineimap-m365", "offlineimap-m365.bash")}
    assert [name for name in wanted if f"/{name}\n" not in held] == []
