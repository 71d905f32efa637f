"""Installing from nothing, in every way that the README names, and getting rid of it again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base.version import __version__
from offlineimap_m365.cli import arguments
from tests.sign_in import options, sign_in
from tests.whole.installation import ROOT, Installation, section, table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.world import World

ALICE = "alice@example.org"
#: Where each shell looks below a prefix.
SHELLS = (
    "bash-completion/completions/offlineimap-m365",
    "zsh/site-functions/_offlineimap-m365",
    "fish/vendor_completions.d/offlineimap-m365.fish",
)
_INVENTORY = os.environ.get("M365_TESTS_ENVIRONMENTS", "")


@pytest.fixture
def installation(world: World, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Return a new machine whose index has this release."""
    monkeypatch.setenv("M365_TESTS_ENVIRONMENTS", _INVENTORY)
    made = Installation(world)
    made.offer()
    return made


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


@pytest.mark.parametrize(
    ("row", "scripts"),
    [
        (0, {"offlineimap-m365"}),
        (1, {"offlineimap", "offlineimap-m365"}),
        (2, {"offlineimap-m365"}),
        (3, set()),
    ],
    ids=["pipx", "pipx inject", "uv", "venv"],
)
def test_every_way_to_install_works(installation: Installation, row: int, scripts: set[str]) -> None:
    """Each line of the README puts its commands on the PATH; the lines of docs/moving.md upgrade and remove them."""
    _, install = INSTALL[row]
    _, upgrade, remove = LATER[row]
    clone = installation.clone("8.8.8")
    bin_ = installation.bin if scripts else installation.home / "mail-env/bin"

    installation.do(install, where=clone)

    assert installation.on_path() == scripts
    assert installation.do(f"{bin_}/offlineimap-m365 --version") == "offlineimap-m365 8.8.8\n"
    installation.do(upgrade, where=installation.clone("8.8.9"))
    assert installation.do(f"{bin_}/offlineimap-m365 --version") == "offlineimap-m365 8.8.9\n"
    installation.do(remove)
    assert not (bin_ / "offlineimap-m365").exists()


def test_a_virtual_environment_has_the_man_pages(installation: Installation) -> None:
    """The extra brings OfflineIMAP; console script and ``python -m`` are the same command."""
    installation.do(INSTALL[3][1], where=installation.clone(__version__ + ".1"))

    assert installation.do(f"{installation.home}/mail-env/bin/python -m offlineimap_m365 --version").endswith(".1\n")
    is_documented(installation, installation.home / "mail-env")
    assert (installation.home / "mail-env/bin/offlineimap").exists()


def test_from_the_source_distribution(installation: Installation) -> None:
    """The sdist installs, and holds what packagers want: tests, sample, licence, documents, man pages, completions."""
    source = installation.source()
    installation.do("python3 -m venv env")

    installation.do(f"env/bin/pip install '{source}'")

    assert installation.do("env/bin/offlineimap-m365 --version") == "offlineimap-m365 9.9.9\n"
    is_documented(installation, installation.home / "env")
    held = installation.do(f"tar -tzf '{source}'")
    wanted = (
        "LICENSE",
        "NOTICE",
        "README.md",
        "sample-offlineimaprc",
        "tests/unit/cli/test_main.py",
        "tests/run",
        "noxfile.py",
        "SECURITY.md",
        "docs/man/offlineimap-m365.1",
    )
    assert [name for name in wanted if f"/{name}\n" not in held] == []
    installed = "import importlib.metadata as m; print(*m.files('offlineimap-m365'), sep=chr(10))"
    assert "licenses/NOTICE\n" in installation.do(f'env/bin/python -c "{installed}"')


def test_a_release_is_built_twice_byte_for_byte(installation: Installation) -> None:
    """Wheel and sdist of the same source are the same files, man pages and completions in them."""
    first = {path.name: path.read_bytes() for path in installation.release("first")}
    second = {path.name: path.read_bytes() for path in installation.release("second")}

    assert len(first) == 2
    assert first == second
    source = next(name for name in first if name.endswith(".tar.gz"))
    held = installation.do(f"tar -tzf '{installation.world.root}/first/{source}'").splitlines()
    inside = {name.partition("/docs/")[2] for name in held}
    assert {"man/offlineimap-m365.1", "man/offlineimap-m365-login.1", "completion/_offlineimap-m365"} <= inside
    assert {"completion/offlineimap-m365.bash", "completion/offlineimap-m365.fish"} <= inside


def test_an_upgrade_keeps_the_sign_in(installation: Installation, entra: Entra) -> None:
    """Over an older release: the sign-in stays, and the stub that OfflineIMAP loads is of the newer one."""
    entra.access_token_seconds = 3600  # longer than an installation takes
    installation.offer_older("0.0.9")
    installation.do("pipx install offlineimap-m365==0.0.9")
    installation.world.command = [f"{installation.bin}/offlineimap-m365"]
    signed_in = sign_in(installation.world, entra, ALICE, *options(entra))
    before = installation.world.run("token", ALICE)
    stub = installation.home / ".local/share/offlineimap-m365/pythonfile.py"
    older = stub.read_text(encoding="utf-8")

    installation.do("pipx uninstall offlineimap-m365 && pipx install offlineimap-m365")
    status = installation.world.run("status")
    after = installation.world.run("token", ALICE)

    assert (signed_in.code, status.code) == (0, 0), signed_in.err + status.err
    assert "offlineimap-m365 0.0.9" in older
    assert f"offlineimap-m365 {__version__}" in stub.read_text(encoding="utf-8")
    assert (after.code, after.out) == (0, before.out)


def test_removing_it_leaves_a_line_that_says_so(installation: Installation, entra: Entra) -> None:
    """OfflineIMAP without the command gets one line that names the repair, once its token is no longer fresh."""
    installation.do("pipx install offlineimap-m365")
    installation.world.command = [f"{installation.bin}/offlineimap-m365"]
    sign_in(installation.world, entra, ALICE, *options(entra))
    stub = installation.home / ".local/share/offlineimap-m365/pythonfile.py"
    installation.do("pipx uninstall offlineimap-m365")
    (installation.home / "ask.py").write_text(
        f"exec(compile(open({str(stub)!r}).read(), {str(stub)!r}, 'exec'))\n"
        f"try:\n    get_access_token({ALICE!r})\nexcept Exception as error:\n    print(error)\n",
        encoding="utf-8",
    )

    told = installation.do("/usr/bin/python3 ask.py")

    assert "pipx install --force offlineimap-m365" in told
    assert told.count("\n") == 1
