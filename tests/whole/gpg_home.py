"""
A user's own gpg: throw-away keys in a home of their own, and the agent that holds what was typed.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from offlineimap_m365.stores import gpg
from tests import certificates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROGRAM = "/usr/bin/gpg"
PASSPHRASE = "a passphrase"
#: What a key is made of: quick to make, quick to use.
_ALGORITHMS = ("ed25519", "cv25519")

#: A pinentry that types a passphrase, and notes where it was to ask (the Assuan protocol; pinentry's manual).
_PINENTRY = """#!{python} -I
import sys
print("OK here", flush=True)
for line in sys.stdin:
    if line.startswith(("OPTION ttyname", "GETPIN")):
        with open("{asked}", "a") as file:
            file.write(line)
    print("D {passphrase}\\nOK" if line.startswith("GETPIN") else "OK", flush=True)
"""


class GpgHome:
    """A directory of keys; *environ* leads gpg there."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        """Use the directory *path*, which must be short: the agent's sockets in it have 108 bytes."""
        self.path = path
        self.environ = {**environ, "GNUPGHOME": str(path)}
        # How long a passphrase takes is measured at the agent's start otherwise, and long on a busy machine.
        (path / "gpg-agent.conf").write_text("s2k-count 65536\n", encoding="ascii")

    def run(self, *arguments: str, data: bytes = b"", check: bool = True) -> bytes:
        """Run gpg, unattended, with *data* on its standard input; return its standard output."""
        command = [PROGRAM, "--batch", "--quiet", "--yes", "--no-tty", *arguments]
        done = subprocess.run(command, env=self.environ, input=data, capture_output=True, check=False)
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.stdout

    def make(
        self, person: str, passphrase: str = "", *, life: str = "never", at: str = "", encrypts: bool = True
    ) -> str:
        """Make a key for a *person*, *at* a time of gpg's, that lives for *life*; return its fingerprint."""
        before = {key.fingerprint for key in self.listed()}
        how = ["--pinentry-mode", "loopback", "--passphrase", passphrase]
        how += ["--faked-system-time", at] if at else []
        self.run(*how, "--quick-generate-key", person, _ALGORITHMS[0], "sign", life)
        created = next(key.fingerprint for key in self.listed() if key.fingerprint not in before)
        if encrypts:
            self.run(*how, "--quick-add-key", created, _ALGORITHMS[1], "encr", life)
        return created

    def listed(self) -> list[gpg.Key]:
        """Return the keys whose secret part is here."""
        listing = self.run("--list-secret-keys", "--with-colons", "--fingerprint", "--fingerprint", check=False)
        return gpg.parse_keys(listing.decode("utf-8"))

    def parts(self, fingerprint: str = "") -> list[str]:
        """Return the fingerprints of the parts of one key, or of all, the primary one first."""
        command = ["--list-secret-keys", "--with-colons", "--fingerprint", "--fingerprint"]
        listing = self.run(*command, *filter(None, [fingerprint]))
        return [line.split(":")[9] for line in listing.decode("utf-8").splitlines() if line.startswith("fpr:")]

    def follow(self, command: str) -> None:
        """Run the commands that a remedy gives."""
        for words in command.split(" && "):
            self.run("--pinentry-mode", "loopback", "--passphrase", "", *words.split()[1:])

    def keygrip(self, part: str) -> Path:
        """Return the file with the secret of the *part* of a key that has this fingerprint."""
        listing = self.run("--list-secret-keys", "--with-colons", "--with-keygrip").decode("utf-8").splitlines()
        at = next(n for n, line in enumerate(listing) if line.startswith("fpr:") and line.split(":")[9] == part)
        grip = next(line.split(":")[9] for line in listing[at:] if line.startswith("grp:"))
        return self.path / "private-keys-v1.d" / f"{grip}.key"

    def unlock(self, file: Path, passphrase: str = PASSPHRASE) -> None:
        """Open *file* once, as a person who types the passphrase does; the agent keeps it."""
        self.run("--pinentry-mode", "loopback", "--passphrase", passphrase, "--decrypt", str(file))

    def unlock_key(self, fingerprint: str, passphrase: str = PASSPHRASE) -> None:
        """Use the key once, as a person who types the passphrase does; the agent keeps it."""
        message = self.run("--encrypt", "--trust-model", "always", "--recipient", fingerprint, data=b"x")
        self.unlock(certificates.write(self.path / "once.gpg", message), passphrase)

    def kill_agent(self) -> None:
        """End the agent, and with it all that was typed; gpg starts another one."""
        subprocess.run(["/usr/bin/gpgconf", "--kill", "all"], env=self.environ, check=False, capture_output=True)

    def use_person(self) -> Path:
        """Let somebody who knows the passphrase sit at pinentry; return the file in which each question is noted."""
        self.kill_agent()
        asked = self.path / "asked"
        script = _PINENTRY.format(python=sys.executable, asked=asked, passphrase=PASSPHRASE)
        pinentry = certificates.write(self.path / "pinentry", script, mode=0o700)
        with (self.path / "gpg-agent.conf").open("a", encoding="utf-8") as config:
            config.write(f"pinentry-program {pinentry}\n")
        return asked

    def use_agent(self, script: str) -> None:
        """Let gpg start a *script* of the shell as its agent."""
        self.kill_agent()
        agent = certificates.write(self.path / "agent", f"#!/bin/sh\n{script}\n", mode=0o700)
        with (self.path / "gpg.conf").open("a", encoding="ascii") as config:
            config.write(f"agent-program {agent}\n")


@contextlib.contextmanager
def home(environ: Mapping[str, str]) -> Iterator[GpgHome]:
    """Make a home without keys for a user whose surroundings are *environ*."""
    with TemporaryDirectory(prefix="gpg-", dir="/tmp", ignore_cleanup_errors=True) as path:
        created = GpgHome(Path(path), environ)
        try:
            yield created
        finally:
            created.kill_agent()
