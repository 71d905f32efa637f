"""The pythonfile works under whatever interpreter runs OfflineIMAP, and after its environment was rebuilt or lost."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.whole import builds
from tests.whole.mail_user import sign_in_quickly

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.whole.builds import Build
    from tests.whole.sync import Sync
    from tests.world import World

ALICE = "alice@example.org"


@pytest.mark.matrix
@builds.each_python
def test_an_odd_environment_does_no_harm(ready: Sync) -> None:
    """
    As in cron the home that login used is found without XDG_DATA_HOME, and a harmful PYTHONPATH changes nothing.

    Neither an MSAL nor a copy of this package on it is imported where it is not ours to use, nor this package's own
    environment by another Python.
    """
    trap, marker = ready.world.root / "trap", ready.world.root / "sprung"
    for name in ("msal", "requests", "offlineimap_m365", "platformdirs"):
        if ready.build.is_foreign or name == "offlineimap_m365":
            (trap / name).mkdir(parents=True)
            (trap / name / "__init__.py").write_text(f"open({str(marker)!r}, 'a').write(__name__)\n", encoding="utf-8")
    libraries = next((ready.build.venv / "lib").glob("python3*")) / "site-packages"
    bare = {name: ready.world.environ[name] for name in ("HOME", "PATH", "REQUESTS_CA_BUNDLE")}
    ready.world.age(ALICE)
    ready.world.environ.clear()
    ready.world.environ.update(bare, PYTHONPATH=f"{trap}:{libraries}")

    done = ready.run()

    assert done.code == 0, done.out + done.err
    assert ready.in_maildir() == ready.on_server()
    assert not marker.exists(), marker.read_text(encoding="utf-8")


@builds.each_python
@pytest.mark.parametrize("way", ["by its own path", "by the user's own file"])
def test_other_ways_to_load_it(ready: Sync, way: str) -> None:
    """The file in the package works by its path, and so does ``from offlineimap_m365 import *`` in the user's own."""
    package = next(ready.build.venv.glob("lib/python3*/site-packages/offlineimap_m365"))
    own = ready.world.root / "own.py"
    own.write_text("from offlineimap_m365 import *\nmine = 1\n", encoding="utf-8")
    if way == "by the user's own file" and ready.build.is_foreign:
        own.write_text(f"exec(open({str(ready.world.home / 'pythonfile.py')!r}).read())\nmine = 1\n", encoding="utf-8")
    chosen = own if way == "by the user's own file" else package / "pythonfile.py"
    ready.world.age(ALICE)

    done = ready.run("-k", f"general:pythonfile={chosen}")

    assert done.code == 0, done.out + done.err
    assert ready.in_maildir() == ready.on_server()


_RAISED = """
import json, runpy
for name in {modules!r}:
    __import__(name)
names = runpy.run_path({stub!r})
answer = dict()
for name, call in (
    ("access", lambda: names["get_access_token"]("nobody@example.org")),
    ("refresh", lambda: names["get_refresh_token"]("nobody@example.org")),
    ("id", lambda: names["get_client_id"]("nobody@example.org")),
    ("secret", lambda: names["get_client_secret"]("nobody@example.org")),
    ("filter", lambda: names["make_folderfilter"](keep=3)),
    ("nametrans", lambda: names["make_nametrans"]({{"a": "c", "b": "c"}})),
):
    try:
        call()
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        severity = getattr(error, "severity", None)
        answer[name] = ["M365Error" in kinds, "OfflineImapError" in kinds, severity, error.exit_code, len(error.args)]
print(json.dumps(answer))
"""


@pytest.mark.matrix
@builds.every
def test_what_is_raised_is_what_this_build_handles_best(
    world: World, entra: Entra, build: Build, subtests: pytest.Subtests
) -> None:
    """The table of contract §2: which class from which function in which build, and plain ones outside OfflineIMAP."""
    user = dataclasses.replace(world, command=list(build.command))
    sign_in_quickly(user, entra)
    interpreter = "/usr/bin/python3" if build.is_foreign else str(build.venv / "bin/python")
    for inside in (False, True):
        modules = ["offlineimap", "offlineimap.repository.IMAP"] if inside else []
        code = _RAISED.format(modules=modules, stub=str(user.home / "pythonfile.py"))
        if build.is_foreign and inside:
            user.environ["PYTHONPATH"] = "/usr/share/offlineimap3"

        done = user.execute([interpreter, "-c", code])

        with subtests.test(inside=inside):
            assert done.code == 0, done.err
            found = json.loads(done.out)
            severity = 20 if inside else None  # OfflineImapError.ERROR.REPO
            for name, exit_code in (("refresh", 77), ("id", 77), ("secret", 77), ("filter", 78), ("nametrans", 78)):
                assert found[name] == [True, inside, severity, exit_code, 1], name
            once = inside and not build.asks_always
            assert found["access"] == [True, once, severity if once else None, 77, 1]


def test_an_environment_that_was_rebuilt_or_lost(ready: Sync, tmp_path: Path) -> None:
    """
    Made anew under another Python it works, with the .offlineimaprc as it is.

    Without MSAL, then without anything, one line says so, without a traceback; the command in it repairs it.
    """
    first, second = _interpreters()
    venv = tmp_path / "venv"
    _install(venv, first)
    ready.world.command = [str(venv / "bin" / "offlineimap-m365")]
    ready.sign_in()
    before = ready.rc.read_bytes()
    shutil.rmtree(venv)
    _install(venv, second)
    ready.world.age(ALICE)

    done = ready.run()

    assert done.code == 0, done.out + done.err
    assert ready.in_maildir() == ready.on_server()
    assert ready.rc.read_bytes() == before
    for lost in [*venv.glob("lib/python3*/site-packages/msal"), venv]:
        shutil.rmtree(lost)
        ready.world.age(ALICE)

        done = ready.run()

        said = next(line for line in (done.out + done.err).splitlines() if ALICE in line and "m365" in line)
        assert done.code != 0
        assert not re.search("(?i)a bug|traceback", said)
        [command] = re.findall(r"(python3 -m venv .* && .*/bin/pip install .*)", said)

    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": first["wheels"], "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = command.replace("python3 -m venv", f"{first['python']} -m venv").replace(" install ", " install -I ")
    subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True, env=pip)
    assert ready.run().code == 0


def _interpreters() -> tuple[dict[str, str], dict[str, str]]:
    """Return the Python that runs the tests and another one; where there is no other, the same again."""
    rows = [row for row in builds.inventory()["pythons"] if row["wheels"]]
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    first = next(row for row in rows if row["version"] == mine)
    return first, next((row for row in rows if row["version"] != mine), first)


def _install(venv: Path, python: dict[str, str]) -> None:
    """Make a virtual environment of *python* with this package, from wheels that are here."""
    uv = str(Path(sys.executable).with_name("uv"))
    wheels = ["--offline", "--no-index", "--find-links", python["wheels"], builds.inventory()["wheel"]]
    for command in (
        [uv, "venv", "--python", python["python"], str(venv)],
        [uv, "pip", "install", "--python", str(venv / "bin/python"), *wheels],
    ):
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(venv.parent)}
        subprocess.run(command, check=True, capture_output=True, env=environ)
