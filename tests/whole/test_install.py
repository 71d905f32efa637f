"""Installing from nothing, in every way that the README names, and getting rid of it again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base.version import __version__
from offlineimap_m365.cli import arguments
from tests.sign_in import options, sign_in
from tests.whole.shop import Shop, commands

if TYPE_CHECKING:
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.world import World

ALICE = "alice@example.org"
SAID = f"offlineimap-m365 {__version__}\n"

#: Where each shell looks below a prefix.
SHELLS = (
    "bash-completion/completions/offlineimap-m365",
    "zsh/site-functions/_offlineimap-m365",
    "fish/vendor_completions.d/offlineimap-m365.fish",
)
_INVENTORY = os.environ.get("M365_TESTS_ENVIRONMENTS", "")


@pytest.fixture
def shop(world: World, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Return a new machine whose index has this release."""
    monkeypatch.setenv("M365_TESTS_ENVIRONMENTS", _INVENTORY)
    made = Shop(world)
    made.offer()
    return made


def both_work(shop: Shop, scripts: Path) -> None:
    """Assert that console script and ``python -m`` are the same command in an environment."""
    assert shop.do(f"{scripts}/offlineimap-m365 --version") == SAID
    assert shop.do(f"{scripts}/python -m offlineimap_m365 --version") == SAID


def is_documented(shop: Shop, prefix: Path) -> None:
    """Assert that an installation at *prefix* has its man pages, which man shows, and what shells look for."""
    share = prefix / "share"
    found = {str(path.relative_to(share)) for path in share.rglob("*") if path.is_file()}
    assert set(SHELLS) <= found
    assert {f"man/man1/offlineimap-m365{end}.1" for end in ("", *(f"-{name}" for name in arguments.COMMANDS))} <= found
    assert "offlineimap-m365-login - sign in" in shop.do(f"man -M '{share}/man' offlineimap-m365-login")
    assert shop.do(f"bash -c 'source {share}/{SHELLS[0]}; complete -p offlineimap-m365'").startswith("complete ")


def test_pipx_beside_a_distributions_offlineimap(shop: Shop) -> None:
    """``pipx install`` puts one command on the PATH, and nothing foreign; uninstalling takes it away."""
    install = next(line for line in commands("Install") if line == "pipx install offlineimap-m365")
    *_, upgrade, uninstall = commands("Upgrade and remove")

    shop.do(install)

    assert shop.on_path() == {"offlineimap-m365"}
    assert shop.do("offlineimap-m365 --version") == SAID
    shop.do(upgrade)
    shop.do(uninstall)
    assert shop.on_path() == set()


def test_pipx_into_offlineimaps_environment(shop: Shop) -> None:
    """``pipx inject --include-apps`` puts two commands on the PATH; both go with OfflineIMAP."""
    install = next(line for line in commands("Install") if "pipx inject" in line)
    upgrade, uninstall, *_ = commands("Upgrade and remove")

    shop.do(install)

    assert shop.on_path() == {"offlineimap", "offlineimap-m365"}
    assert shop.do("offlineimap-m365 --version") == SAID
    assert "OfflineIMAP" in shop.do("offlineimap --help")
    shop.do(upgrade)
    shop.do(uninstall)
    assert shop.on_path() == set()


def test_a_plain_virtual_environment(shop: Shop) -> None:
    """The extra brings OfflineIMAP; console script and ``python -m`` are the same command, with its man pages."""
    install = next(line for line in commands("Install") if "-m venv" in line)

    shop.do(install)

    both_work(shop, shop.home / "mail-env/bin")
    is_documented(shop, shop.home / "mail-env")
    assert shop.on_path() == set()
    assert (shop.home / "mail-env/bin/offlineimap").exists()


def test_from_a_clone(shop: Shop) -> None:
    """``pipx install .`` builds it from the clone, with the backend that pyproject.toml names."""
    shop.do("pipx install .", where=shop.clone("8.8.8"))

    assert "pipx install ." in commands("Install")
    assert shop.on_path() == {"offlineimap-m365"}
    assert shop.do("offlineimap-m365 --version") == "offlineimap-m365 8.8.8\n"


def test_from_the_source_distribution(shop: Shop) -> None:
    """The sdist installs without shtab, and holds what packagers want: tests, sample, licence, documents."""
    shop.do_without("shtab")
    source = shop.source()
    shop.do("python3 -m venv env")

    shop.do(f"env/bin/pip install '{source}'")

    assert shop.do("env/bin/offlineimap-m365 --version") == "offlineimap-m365 9.9.9\n"
    is_documented(shop, shop.home / "env")
    held = shop.do(f"tar -tzf '{source}'")
    wanted = ("LICENSE", "NOTICE", "README.md", "sample-offlineimaprc", "tests/unit/test_store_file.py", "tests/run")
    assert [name for name in wanted if f"/{name}\n" not in held] == []
    installed = "import importlib.metadata as m; print(*m.files('offlineimap-m365'), sep=chr(10))"
    assert "licenses/NOTICE\n" in shop.do(f'env/bin/python -c "{installed}"')


def test_a_release_is_built_twice_byte_for_byte(shop: Shop) -> None:
    """Wheel and sdist of the same source are the same files, man pages and completions in them."""
    first = {path.name: path.read_bytes() for path in shop.release("first")}
    second = {path.name: path.read_bytes() for path in shop.release("second")}

    assert len(first) == 2
    assert first == second
    source = next(name for name in first if name.endswith(".tar.gz"))
    held = shop.do(f"tar -tzf '{shop.world.root}/first/{source}'").splitlines()
    inside = {name.partition("/docs/")[2] for name in held}
    assert {"man/offlineimap-m365.1", "man/offlineimap-m365-login.1", "completion/_offlineimap-m365"} <= inside
    assert {"completion/offlineimap-m365.bash", "completion/offlineimap-m365.fish"} <= inside


def test_an_upgrade_keeps_the_sign_in(shop: Shop, entra: Entra) -> None:
    """Over an older release: the sign-in stays, and the stub that OfflineIMAP loads is of the newer one."""
    entra.access_token_seconds = 3600  # longer than an installation takes
    shop.offer_older("0.0.9")
    shop.do("pipx install offlineimap-m365==0.0.9")
    shop.world.command = [f"{shop.bin}/offlineimap-m365"]
    signed_in = sign_in(shop.world, entra, ALICE, *options(entra))
    before = shop.world.run("token", ALICE)
    stub = shop.home / ".local/share/offlineimap-m365/pythonfile.py"
    older = stub.read_text(encoding="utf-8")

    shop.do("pipx uninstall offlineimap-m365 && pipx install offlineimap-m365")
    status = shop.world.run("status")
    after = shop.world.run("token", ALICE)

    assert (signed_in.code, status.code) == (0, 0), signed_in.err + status.err
    assert "offlineimap-m365 0.0.9" in older
    assert f"offlineimap-m365 {__version__}" in stub.read_text(encoding="utf-8")
    assert (after.code, after.out) == (0, before.out)


def test_removing_it_leaves_a_line_that_says_so(shop: Shop, entra: Entra) -> None:
    """OfflineIMAP without the command gets one line that names the repair, once its token is no longer fresh."""
    shop.do("pipx install offlineimap-m365")
    shop.world.command = [f"{shop.bin}/offlineimap-m365"]
    sign_in(shop.world, entra, ALICE, *options(entra))
    stub = shop.home / ".local/share/offlineimap-m365/pythonfile.py"
    shop.do("pipx uninstall offlineimap-m365")
    (shop.home / "ask.py").write_text(
        f"exec(compile(open({str(stub)!r}).read(), {str(stub)!r}, 'exec'))\n"
        f"try:\n    get_access_token({ALICE!r})\nexcept Exception as error:\n    print(error)\n",
        encoding="utf-8",
    )

    told = shop.do("/usr/bin/python3 ask.py")

    assert "pipx install offlineimap-m365" in told
    assert told.count("\n") == 1
