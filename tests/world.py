"""
An environment for a test: a home, and every variable that this program or its children may read.

Nothing is inherited: a variable that is not set here is unset.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Seconds after which a command of ours counts as hanging: the lock's 25 s, an exchange's 20 s, and a slow machine.
PATIENCE = 60.0


def wait_until(happened: Callable[[], object], told: Callable[[], str] = lambda: "it never happened") -> None:
    """Wait until *happened* returns true; fail with the words that *told* returns."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, told()
        time.sleep(0.02)


#: The variables that name a directory of the user's, and what it is called in the root of a world.
_DIRECTORIES = {
    "HOME": "home",
    "TMPDIR": "tmp",
    "XDG_DATA_HOME": "data",
    "XDG_CONFIG_HOME": "config",
    "XDG_CACHE_HOME": "cache",
    "XDG_RUNTIME_DIR": "run",
    "GNUPGHOME": "gnupg",
}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


#: The directories in which this interpreter finds the package if it is not installed (a packager's run from the tree).
_TREE = [str(Path(path).absolute()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def child_environ(command: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* for *command*; this interpreter is told where the tree is, after what the test tells it."""
    paths = [*environ.get("PYTHONPATH", "").split(os.pathsep), *_TREE] if command[0] == sys.executable and _TREE else []
    return {**environ, **({"PYTHONPATH": os.pathsep.join(filter(None, paths))} if paths else {})}


@dataclasses.dataclass
class World:
    """
    A user's surroundings below *root*; *environ* is all that a child gets.

    *command* runs offlineimap-m365: of this interpreter unless a product's virtual environment is under test.
    """

    root: Path
    environ: dict[str, str]
    command: list[str] = dataclasses.field(default_factory=lambda: [sys.executable, "-m", "offlineimap_m365"])

    @classmethod
    def make(cls, root: Path, ca_file: Path | None = None) -> World:
        """Make the directories below *root* and an environment that points there, and nowhere else."""
        environ = {name: str(root / directory) for name, directory in _DIRECTORIES.items()}
        for directory in environ.values():
            Path(directory).mkdir(mode=0o700, parents=True)
        environ |= {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={root / 'no-bus'}"
        if ca_file is not None:
            environ |= {name: str(ca_file) for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")}
        return cls(root, environ)

    @property
    def home(self) -> Path:
        """Our home directory in it."""
        named = self.environ.get("OFFLINEIMAP_M365_HOME")
        return Path(named) if named else Path(self.environ["XDG_DATA_HOME"]) / "offlineimap-m365"

    def folder(self, account: str) -> Path:
        """Return the folder of an account whose name needs no quoting."""
        return self.home / "accounts" / account.lower()

    def run(
        self, *arguments: str | Path, stdin: str | None = None, environ: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run our command with *arguments*; without *stdin* its standard input is closed."""
        return self.execute([*self.command, *map(str, arguments)], stdin=stdin, environ=environ)

    def execute(
        self,
        command: Sequence[str],
        *,
        stdin: str | None = None,
        environ: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> Outcome:
        """Run any *command* in this environment."""
        done = subprocess.run(
            command,
            env=child_environ(command, self.environ if environ is None else environ),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=self.root,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def type(self, command: str) -> Outcome:
        """Type *command* into the user's shell, which stays open: what it exports and unsets is so from then on."""
        kept = self.root / "tmp" / "shell"
        script = f"{command}\ncode=$?\nenv -0 >{kept}\nexit $code"
        done = self.execute(["/bin/sh", "-c", script])
        lines = kept.read_text(encoding="utf-8").split("\0")
        found = dict(line.split("=", 1) for line in lines if "=" in line)
        self.environ.clear()
        self.environ.update(
            {name: value for name, value in found.items() if name not in {"PWD", "OLDPWD", "_", "SHLVL"}}
        )
        return done

    def age(self, account: str, *, left: int = 10) -> None:
        """Make the access token of *account* one that has only *left* seconds to live (less than none: a dead one)."""
        path = self.folder(account) / "cache.json"
        cache = json.loads(path.read_text(encoding="utf-8"))
        for entry in cache["AccessToken"].values():
            entry["cached_at"] = str(int(time.time()) + left - 3600)
            entry["expires_on"] = str(int(time.time()) + left)
        path.write_text(json.dumps(cache), encoding="utf-8")

    def secrets(self, account: str) -> list[str]:
        """Return the tokens that *account* has in its store."""
        cache = json.loads((self.folder(account) / "cache.json").read_text(encoding="utf-8"))
        kinds = ("AccessToken", "RefreshToken", "IdToken")
        found = [str(entry["secret"]) for kind in kinds for entry in cache[kind].values()]
        assert found
        return found

    def enter(self) -> None:
        """Make this process's environment that of the world; the fixture puts the old one back."""
        os.environ.clear()
        os.environ.update(self.environ)

    def text_of_all_files(self) -> str:
        """Return the text of all files, to search it for secrets."""
        found = [path for path in self.root.rglob("*") if path.is_file()]
        return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in found)
