"""What importing costs, and what a foreign interpreter can load: asserted on modules, never on times."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import offlineimap_m365
from tests.setup.test_fences import PACKAGE
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from tests.world import World

pytestmark = pytest.mark.matrix

SOURCE = Path(__file__).parents[3]
#: Loaded by OfflineIMAP under whatever Python runs it, but ``stub``, which writes files at login; or run by it.
FOREIGN = [
    *(path for name in ("base", "folders", "plugin") for path in (PACKAGE / name).glob("*.py") if path.stem != "stub"),
    *(PACKAGE / name for name in ("pythonfile.py", "knowledge/installation.py", "doctor/offlineimaprc/run_child.py")),
]
#: Our modules that a fresh token loads.
FRESH = ("base.fresh_token", "base.paths", "base.errors", "base.environment", "base.notices", "base.safe_file")
#: What a fresh token is not worth; ``re`` comes with ``json``, which is what contract §5.4 measures against.
COSTLY = {"typing", "pathlib", "argparse", "logging", "msal", "requests", "dataclasses", "urllib", "subprocess"}


def modules(world: World, program: str) -> set[str]:
    """Return the modules that *program* leaves loaded in a bare interpreter, without the site's own."""
    script = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{program}\nprint(chr(10) + ' '.join(sys.modules))"
    done = world.execute([sys.executable, "-I", "-S", "-c", script])
    assert done.code == 0, done.err
    return set(done.out.splitlines()[-1].split())


def test_importing_the_package_loads_nothing(world: World) -> None:
    """``import offlineimap_m365`` loads itself and nothing that a bare interpreter has not."""
    bare = modules(world, "")

    result = modules(world, "import offlineimap_m365")

    assert result - bare <= {"offlineimap_m365", "__future__"}


def test_every_public_name_is_there() -> None:
    """``from offlineimap_m365 import *`` brings the names of the contract, and no other is offered."""
    namespace: dict[str, object] = {}

    exec("from offlineimap_m365 import *", namespace)

    del namespace["__builtins__"]
    assert " ".join(sorted(namespace)) == (
        "M365Error Misconfigured SignInNeeded Temporary folderfilter get_access_token get_client_id get_client_secret"
        " get_refresh_token make_folderfilter make_nametrans nametrans_local nametrans_remote"
    )
    assert set(dir(offlineimap_m365)) >= set(namespace)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = offlineimap_m365.no_such_name


@pytest.mark.parametrize("arguments", [["token"], ["token", ALICE]])
def test_a_fresh_token_costs_little(world: World, arguments: list[str]) -> None:
    """``token`` of a fresh token loads nothing that is slow, and prints it."""
    invent()
    needed = modules(world, "import json, os")
    program = (
        f"sys.argv = ['x', *{arguments!r}]\n"
        "from offlineimap_m365 import __main__\n"
        "assert __main__.main() == 0\n"
        "assert 'offlineimap_m365.base.fresh_token' in sys.modules"
    )

    result = modules(world, program)

    assert result & COSTLY == set()
    ours = {f"offlineimap_m365.{room}" for room in ("__main__", "base", *FRESH)}
    assert result - needed <= {"offlineimap_m365", "__future__", "errno", "resource", *ours}


def pythons() -> list[str]:
    """Return this interpreter, and Python 3.9 where there is one that this user may run."""
    return [sys.executable, *filter(None, [shutil.which("python3.9", path="/usr/local/bin:/usr/bin:/bin")])]


@pytest.mark.parametrize("python", pythons())
def test_the_cheap_way_in_a_foreign_interpreter(world: World, python: str) -> None:
    """An interpreter without MSAL reads a fresh token, and the filters work, with files that are made for it."""
    invent()
    program = (
        f"import sys, json; sys.path.insert(0, {str(SOURCE)!r})\n"
        "from offlineimap_m365.plugin import evals as plugin\n"
        "from offlineimap_m365.base import fresh_token as warm\n"
        "from offlineimap_m365 import folderfilter, nametrans_remote\n"
        f"plugin.use_command(['/nonexistent'])\n"
        f"print(json.dumps([warm.find({ALICE!r}), plugin.get_access_token({ALICE!r}), folderfilter('INBOX'),"
        " nametrans_remote('Sent Items'), [str(getattr(m, '__file__', '')) for m in sys.modules.values()]]))"
    )

    done = subprocess.run(
        [python, "-I", "-S", "-c", program], env=world.environ, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    *answers, files = json.loads(done.stdout)
    assert answers == ["a-made-up-access-token", "a-made-up-access-token", True, "Sent"]
    ours = {Path(name) for name in files if name.startswith(f"{PACKAGE}/") and not name.endswith("/__init__.py")}
    assert PACKAGE / "plugin/evals.py" in ours
    assert ours <= set(FOREIGN)
