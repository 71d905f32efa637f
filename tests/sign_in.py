"""
Run ``login``, sign in on the pages that it shows, and paste the answer.
"""

from __future__ import annotations

import subprocess
import threading
import time
from typing import TYPE_CHECKING

from tests.m365.person import Browser
from tests.world import PATIENCE, Outcome, child_environ

if TYPE_CHECKING:
    from typing_extensions import Self

    from tests.m365.entra import Entra
    from tests.world import World

PASSWORD = "correct horse battery staple"


class Login:
    """A running ``login`` (or ``setup``) of ours: its words as they come, and its standard input."""

    def __init__(self, world: World, *arguments: str, command: str = "login") -> None:
        """Start *command* with *arguments*."""
        self._process = subprocess.Popen(
            [*world.command, command, *arguments],
            env=child_environ(world.command, world.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=world.root,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.append(line)

    def __enter__(self) -> Self:
        """Use it in a ``with`` statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    @property
    def said(self) -> str:
        """What it has said so far."""
        return "".join(self._lines)

    def line(self, prefix: str) -> str:
        """Return the first line that begins with *prefix*, without white space; wait for it."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for line in list(self._lines):
                if line.startswith(prefix):
                    return line.strip()
            if self._process.poll() is not None and not self._reader.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"login never said a line with {prefix!r}, but:\n{self.said}")

    @property
    def address(self) -> str:
        """The address of the sign-in page, alone on its line."""
        return self.line("https://")

    @property
    def device_code(self) -> str:
        """The device code, alone on its line below the one that says where to type it."""
        self.line("Type it only")
        lines = self.said.splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith("Type this code there"))
        assert (lines[at + 1], lines[at + 3]) == ("", "")
        return lines[at + 2]

    def paste(self, text: str) -> Outcome:
        """Give *text* to it and close its standard input; return what it did."""
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.close()
        return self.end()

    def end(self) -> Outcome:
        """Wait for its end; return what it did."""
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        return Outcome(code, self._process.stdout.read(), self.said)


def options(entra: Entra, imap_port: int = 993, smtp_port: int = 587) -> list[str]:
    """Return the options of ``login`` that lead to the test bed."""
    hosts = ["--imap", f"localhost:{imap_port}", "--smtp", f"localhost:{smtp_port}"]
    return ["--authority", entra.authority, *hosts]


def sign_in(world: World, entra: Entra, account: str, *arguments: str, upn: str | None = None) -> Outcome:
    """Sign in to *account* by the paste flow, as *upn* if that differs; return what ``login`` did."""
    with Login(world, account, "--paste", *arguments) as login, Browser(entra.ca_file) as browser:
        landing = browser.sign_in(login.address, upn or account, PASSWORD)
        return login.paste(landing.address or landing.text or "")
