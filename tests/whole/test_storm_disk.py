"""A small disk of our own that is filled up: a tmpfs in a mount namespace, as the ordinary user (unshare(1))."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.signed_in_accounts import ALICE, age, keep

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World

#: Runs in the namespace: moves the home to a disk of 200 kB, fills it, and asks for tokens; prints codes and words.
SCENARIO = """
import json, os, shutil, subprocess, sys, time
home, *command = sys.argv[1:]
kept = home + ".before"
os.rename(home, kept)
os.mkdir(home, 0o700)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k,mode=0700", "small", home], check=True)
shutil.copytree(kept, home, dirs_exist_ok=True, copy_function=shutil.copy2)
found = []
def ask():
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found.append([done.returncode, done.stdout.strip(), done.stderr.strip()])
def age(left):
    path = home + "/accounts/alice@example.org/cache.json"
    with open(path, "r+") as file:
        cache = json.load(file)
        for entry in cache["AccessToken"].values():
            end = int(time.time()) + left
            entry["expires_on"], entry["cached_at"] = f"{end:010}", f"{end - 3600:010}"
        file.seek(0); json.dump(cache, file, indent=1); file.truncate()
def fill():
    with open(home + "/filler", "wb", 0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            pass
fill(); age(200); ask()
age(-10); ask()
os.unlink(home + "/filler"); ask(); ask()
shutil.rmtree(kept)
shutil.copytree(home, kept)
print(json.dumps(found))
"""


@pytest.fixture
def namespace() -> list[str]:
    """Return what makes an ordinary user root in a namespace of their own, who may mount there."""
    prefix = ["unshare", "--user", "--map-root-user", "--mount"]
    asked = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    assert asked.returncode == 0, f"user namespaces are forbidden on this machine: {asked.stderr}"
    return prefix


def test_a_full_disk(world: World, entra: Entra, namespace: list[str]) -> None:
    """
    Full: each process refreshes for itself and hands the token out with one warning, since Microsoft allows that.

    When space is free again, one refresh is saved, and no sign-in was lost.
    """
    entra.access_token_seconds = 3600
    age(keep(entra), 200)
    script = world.root / "scenario.py"
    script.write_text(SCENARIO, encoding="utf-8")

    done = world.execute([*namespace, sys.executable, str(script), str(world.home), *world.command, "token", ALICE])

    assert done.code == 0, done.err
    living, expired, first, second = json.loads(done.out)
    outcomes = [living, expired, first, second]
    assert [code for code, _, _ in outcomes] == [0] * 4, done.out
    assert [len(err.splitlines()) for _, _, err in outcomes] == [1, 1, 0, 0]
    assert "No space left" in living[2]
    assert "df -h" in living[2]
    assert len({token for _, token, _ in outcomes}) == 3
    assert first == second
    assert len(entra.requests) == 3
    kept = Path(f"{world.home}.before") / "accounts" / ALICE
    assert not list(kept.glob(".cache.json.*"))
